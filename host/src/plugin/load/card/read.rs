//! Reads a card from a component's bytes.

use wasmparser::{
    BinaryReader, BinaryReaderError, Chunk, ComponentExternalKind, ComponentTypeRef, Parser, Payload,
    ProducersSectionReader, TypeBounds,
};

use super::{
    CODE_LIMIT_BYTES, Card, CardError, Code, ExternName, FUNCTIONS_LIMIT, Producer, SIZE_LIMIT_BYTES,
};

/// The limits of imports, of exports and of modules, each.
const COUNT_LIMIT: usize = 1000;
const SECTIONS_LIMIT: usize = 100_000;
/// The number of producers that are read.
const PRODUCERS_LIMIT: usize = 50;
/// The limit of components within components.
const DEPTH_LIMIT: usize = 10;

const MAGIC: &[u8] = b"\0asm";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

pub(super) fn card(bytes: &[u8]) -> Result<Card, CardError> {
    is_component(bytes)?;
    let mut card = Card {
        size_bytes: bytes.len(),
        imports: Vec::new(),
        exports: Vec::new(),
        producers: Vec::new(),
        code: Code::default(),
    };
    let mut modules = Vec::new();
    sections(bytes, |payload| {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import.map_err(damaged)?;
                    // A type that equals another one asks nothing of the host.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        card.imports.push(ExternName(import.name.name.to_owned()));
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(damaged)?;
                    if export.kind != ComponentExternalKind::Type {
                        card.exports.push(ExternName(export.name.name.to_owned()));
                    }
                }
            }
            Payload::ModuleSection { unchecked_range, .. } => modules.extend(bytes.get(unchecked_range)),
            Payload::CustomSection(section) if section.name() == "producers" => {
                note_producers(section.data(), &mut card.producers);
            }
            _ => {}
        }
        let most = card.imports.len().max(card.exports.len()).max(modules.len());
        if most > COUNT_LIMIT { Err(CardError::TooMany(COUNT_LIMIT)) } else { Ok(()) }
    })?;
    for module in modules {
        note_module(module, &mut card.producers);
    }
    card.code.count(bytes, 0)?;
    Ok(card)
}

impl Code {
    /// Counts the code of a module or component, nested ones included. The compiler will refuse what cannot
    /// be read here.
    fn count(&mut self, bytes: &[u8], depth: usize) -> Result<(), CardError> {
        if depth > DEPTH_LIMIT {
            return Err(CardError::TooDeep(DEPTH_LIMIT));
        }
        let counted = sections(bytes, |payload| {
            match payload {
                Payload::ModuleSection { unchecked_range, .. }
                | Payload::ComponentSection { unchecked_range, .. } => {
                    self.count(bytes.get(unchecked_range).unwrap_or_default(), depth + 1)?;
                }
                Payload::CodeSectionStart { count, size, .. } => {
                    self.functions = self.functions.saturating_add(count as usize);
                    self.bytes = self.bytes.saturating_add(size as usize);
                }
                _ => {}
            }
            self.check()
        });
        match counted {
            Err(error @ (CardError::TooMuchCode { .. } | CardError::TooDeep(_))) => Err(error),
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<(), CardError> {
        if self.functions > FUNCTIONS_LIMIT || self.bytes > CODE_LIMIT_BYTES {
            return Err(CardError::TooMuchCode { functions: self.functions, bytes: self.bytes });
        }
        Ok(())
    }
}

fn is_component(bytes: &[u8]) -> Result<(), CardError> {
    match bytes {
        [] => Err(CardError::Empty),
        _ if bytes.len() > SIZE_LIMIT_BYTES => Err(CardError::TooLarge(bytes.len())),
        _ if bytes.starts_with(COMPONENT) => Ok(()),
        _ if bytes.starts_with(CORE_MODULE) => Err(CardError::CoreModule),
        _ if COMPONENT.starts_with(bytes) => Err(CardError::CutShort(bytes.len())),
        _ if bytes.starts_with(MAGIC) => Err(CardError::Encoding),
        _ if is_text(bytes) => Err(CardError::Text),
        _ => Err(CardError::NotWasm),
    }
}

/// Returns true if the beginning of the bytes is text.
fn is_text(bytes: &[u8]) -> bool {
    const LOOKED_AT_BYTES: usize = 512;
    let start = bytes.get(..LOOKED_AT_BYTES).unwrap_or(bytes);
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character may be cut in two at the end.
        Err(error) if start.len() == LOOKED_AT_BYTES && error.error_len().is_none() => "",
        Err(_) => return false,
    };
    !text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace())
}

/// Passes every section of the outermost level to `show`, without the sections of nested modules and
/// components.
fn sections<'a>(
    bytes: &'a [u8],
    mut show: impl FnMut(Payload<'a>) -> Result<(), CardError>,
) -> Result<(), CardError> {
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    for _ in 0..SECTIONS_LIMIT {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(|error| {
            if error.message().starts_with("unexpected end") && error.offset() + rest.len() >= bytes.len() {
                CardError::CutShort(bytes.len())
            } else {
                damaged(error)
            }
        })?
        else {
            return Err(CardError::CutShort(bytes.len()));
        };
        let nested = match &payload {
            Payload::End(_) => return Ok(()),
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => unchecked_range.len(),
            Payload::CodeSectionStart { size, .. } => {
                parser.skip_section();
                *size as usize
            }
            _ => 0,
        };
        rest = rest.get(consumed + nested..).ok_or(CardError::CutShort(bytes.len()))?;
        show(payload)?;
    }
    Err(CardError::TooMany(SECTIONS_LIMIT))
}

/// Reads the producers of a module. The compiler will refuse a module that cannot be read here.
fn note_module(module: &[u8], producers: &mut Vec<Producer>) {
    let _ = sections(module, |payload| {
        if let Payload::CustomSection(section) = payload
            && section.name() == "producers"
        {
            note_producers(section.data(), producers);
        }
        Ok(())
    });
}

/// Reads a `producers` section. It is only a hint, so what cannot be read is left out.
fn note_producers(section: &[u8], producers: &mut Vec<Producer>) {
    let Ok(fields) = ProducersSectionReader::new(BinaryReader::new(section, 0)) else { return };
    for field in fields.into_iter().flatten() {
        for value in field.values.into_iter().flatten() {
            let known = Producer {
                field: field.name.to_owned(),
                name: abridged(value.name),
                version: abridged(value.version),
            };
            if producers.len() < PRODUCERS_LIMIT && !producers.contains(&known) {
                producers.push(known);
            }
        }
    }
}

fn abridged(text: &str) -> String {
    const LIMIT_CHARS: usize = 100;
    text.chars().filter(|c| !c.is_control()).take(LIMIT_CHARS).collect()
}

fn damaged(error: BinaryReaderError) -> CardError {
    CardError::Damaged { offset: error.offset(), why: error.message().to_owned() }
}
