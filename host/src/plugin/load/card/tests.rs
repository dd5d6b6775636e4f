//! Tests cards with components that are written as text, and with other bytes.

use proptest::prelude::*;

use super::*;

const PROCESSOR: &str = r#"
    (component
        (import "spanloom:plugin/types@0.1.0" (instance))
        (import "spanloom:plugin/http@0.1.0" (instance))
        (import "wasi:cli/environment@0.2.6" (instance))
        (core module)
        (instance $empty)
        (export "spanloom:plugin/processing@0.1.0" (instance $empty))
        (export "spanloom:plugin/describe@0.1.0" (instance $empty)))"#;

fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Makes a component that exports one empty instance of this name, after the imports.
fn exporting(imports: &str, name: &str) -> Vec<u8> {
    bytes(&format!("(component {imports} (instance $i) (export \"{name}\" (instance $i)))"))
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let error = Card::read(bytes).and_then(|card| card.admit()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

/// Scenario: a component's card is read.
/// Guarantees: the card has the role, the version, the imports and the optional interfaces.
#[test]
fn a_card_says_role_version_imports_and_what_is_optional() {
    let bytes = bytes(PROCESSOR);
    let card = Card::read(&bytes).unwrap();
    assert_eq!(card.size_bytes, bytes.len());
    assert_eq!(card.admit(), Ok(Role::Processor));
    assert_eq!(card.interface_versions(), ["0.1.0"].into());
    assert_eq!(card.optional(), ["describe"]);
    assert!(card.imports("http") && !card.imports("store"));
    assert!(card.imports_package("wasi:cli") && !card.imports_package("wasi:http"));
    let imports: Vec<String> = card.imports.iter().map(ToString::to_string).collect();
    assert_eq!(
        imports,
        ["spanloom:plugin/types@0.1.0", "spanloom:plugin/http@0.1.0", "wasi:cli/environment@0.2.6"]
    );
}

/// Scenario: the modules inside a component name their languages.
/// Guarantees: the card lists each language once.
#[test]
fn the_language_is_that_of_the_modules_inside() {
    let text = r#"
        (component
            (core module (@producers (language "Rust" "2021") (processed-by "rustc" "1.95.0")))
            (core module (@producers (language "Rust" "2021") (language "C11" ""))))"#;
    assert_eq!(Card::read(&bytes(text)).unwrap().languages(), ["Rust 2021", "C11"]);
}

/// Scenario: bytes are empty, text, other binaries, a core module, or too large.
/// Guarantees: each is refused with its own message.
#[test]
fn what_is_no_component_is_told_apart() {
    refused(b"", "the file is empty");
    refused(b"(module)", "a text file, not a wasm component: build one with `spanloom plugin build`");
    refused(b"\x7fELF\x02\x01", "not WebAssembly: build a component with `spanloom plugin build`");
    refused(
        &bytes("(module)"),
        "a core module, not a component: make one with `wasm-tools component new` or `spanloom plugin build`",
    );
    refused(
        b"\0asm\x0a\0\x01\0",
        "a wasm component of a binary version that is not known: build it with newer or older tools",
    );
    refused(b"\0asm\x0d", "the file is cut short: it ends at byte 5, inside of a section");
    refused(&vec![0; SIZE_LIMIT_BYTES + 1], "the file has 268435457 bytes; a plugin may have 268435456");
}

/// Scenario: a component is cut at each byte.
/// Guarantees: it is refused as cut short inside a section, and for lack of a role between two sections.
#[test]
fn a_component_that_is_cut_short_is_refused() {
    let whole = bytes(PROCESSOR);
    let mut cut_short = 0;
    for len in 0..whole.len() {
        match Card::read(&whole[..len]).and_then(|card| card.admit()) {
            Err(CardError::CutShort(at)) => {
                assert_eq!(at, len);
                cut_short += 1;
            }
            Err(CardError::Empty | CardError::NoRole) => {}
            // Only `describe` or a name section is missing.
            Ok(_) => assert!(Card::read(&whole[..len]).unwrap().exports("processing")),
            other => panic!("{len}: {other:?}"),
        }
    }
    assert!(cut_short > whole.len() / 2, "{cut_short} of {}", whole.len());
}

/// Scenario: components are built against other versions, against two, and without one.
/// Guarantees: each is refused with the versions that are served.
#[test]
fn a_version_that_is_not_served_is_refused_with_those_that_are() {
    refused(
        &exporting("", "spanloom:plugin/processing@0.9.0"),
        "built against spanloom:plugin@0.9.0; this Spanloom serves 0.1.0 and 0.2.0",
    );
    refused(
        &exporting(
            r#"(import "spanloom:plugin/spans@0.3.0" (instance))"#,
            "spanloom:plugin/processing@0.1.0",
        ),
        "built against spanloom:plugin@0.1.0 and spanloom:plugin@0.3.0; this Spanloom serves 0.1.0 and 0.2.0",
    );
    refused(
        &exporting("", "spanloom:plugin/processing"),
        "built against spanloom:plugin without a version; this Spanloom serves 0.1.0 and 0.2.0",
    );
}

/// Scenario: a component imports interfaces that the host lacks.
/// Guarantees: it is refused, and the message names each of them.
#[test]
fn unknown_imports_are_refused_by_name() {
    let imports = r#"
        (import "spanloom:plugin/files@0.1.0" (instance))
        (import "wasi:nn/tensor@0.2.0" (instance))
        (import "wasi:io/streams@0.3.0" (instance))
        (import "helper" (func))
        (import "wasi:io/poll@0.2.1" (instance))"#;
    refused(
        &exporting(imports, "spanloom:plugin/sampling@0.1.0"),
        "it imports what Spanloom does not have: spanloom:plugin/files@0.1.0, wasi:nn/tensor@0.2.0, \
         wasi:io/streams@0.3.0, helper",
    );
}

/// Scenario: a component imports a type that equals another, as bindings of some worlds do.
/// Guarantees: this is no import, since it asks nothing of the host.
#[test]
fn a_type_that_equals_another_is_no_import() {
    let imports = r#"(type $t u32) (import "level" (type (eq $t)))"#;
    let card = Card::read(&exporting(imports, "spanloom:plugin/exporting@0.1.0")).unwrap();
    assert_eq!((card.imports.len(), card.admit()), (0, Ok(Role::Exporter)));
}

/// Scenario: a component exports no role, or two.
/// Guarantees: it is refused.
#[test]
fn a_plugin_has_one_role() {
    refused(
        &exporting("", "wasi:cli/run@0.2.0"),
        "it exports none of spanloom:plugin/processing, spanloom:plugin/sampling, spanloom:plugin/exporting, \
         spanloom:plugin/connecting, spanloom:plugin/receiving: \
         a plugin is built for one of the worlds processor, sampler, exporter, connector and receiver",
    );
    let both = r#"
        (component (instance $i)
            (export "spanloom:plugin/processing@0.1.0" (instance $i))
            (export "spanloom:plugin/exporting@0.1.0" (instance $i)))"#;
    refused(&bytes(both), "it exports processing and exporting: a plugin has one role");
}

/// Scenario: a component has more functions than the limit, nested or in several modules. Each takes memory
/// to compile, and only a few bytes of the file.
/// Guarantees: it is refused before it is compiled.
#[test]
fn a_component_has_no_more_functions_than_can_be_compiled() {
    let module = |functions: usize| format!("(core module {})", "(func)".repeat(functions));
    let nested = |functions| bytes(&format!("(component (component {}))", module(functions)));
    assert!(Card::read(&nested(FUNCTIONS_LIMIT)).is_ok());
    let error = Card::read(&nested(FUNCTIONS_LIMIT + 1)).unwrap_err().to_string();
    assert!(error.starts_with("the component has 50001 functions, of "), "{error}");
    let halves = module(FUNCTIONS_LIMIT / 2 + 1).repeat(2);
    assert!(matches!(
        Card::read(&bytes(&format!("(component {halves})"))),
        Err(CardError::TooMuchCode { .. })
    ));
}

/// Scenario: components are nested 30 deep.
/// Guarantees: the component is refused.
#[test]
fn components_within_components_end_somewhere() {
    let text = format!("{}{}", "(component ".repeat(30), ")".repeat(30));
    assert_eq!(Card::read(&bytes(&text)), Err(CardError::TooDeep(10)));
}

/// Scenario: a component has 500 unknown imports with long names.
/// Guarantees: the message is short and counts the rest.
#[test]
fn names_of_what_is_lacking_are_few_and_short() {
    let imports: String = (0..500)
        .map(|number| format!(r#"(import "a:b/{}-{}" (instance))"#, "c".repeat(1000), letters(number)))
        .collect();
    let error = Card::read(&exporting(&imports, "spanloom:plugin/processing@0.1.0"))
        .and_then(|card| card.admit())
        .unwrap_err()
        .to_string();
    assert!(error.len() < 4096 && error.ends_with(" and 490 more"), "{error}");
}

fn letters(number: usize) -> String {
    number.to_string().chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect()
}

proptest! {
    /// Scenario: any bytes of a component are changed, and any are added.
    /// Guarantees: reading ends and does not panic.
    #[test]
    fn no_bytes_make_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        tail in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = bytes(PROCESSOR);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.extend(tail);
        let _ = Card::read(&bytes).and_then(|card| card.admit());
    }
}
