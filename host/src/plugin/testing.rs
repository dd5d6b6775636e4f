//! Plugins written as text, for tests. They are small and quick to compile.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The settings of a test's plugin.
pub(crate) struct Guest {
    /// `processing`, `sampling`, `exporting` or `connecting`.
    pub(crate) role: &'static str,
    pub(crate) schema: &'static str,
    /// Whether the plugin says that it needs the grant `http`.
    pub(crate) needs_http: bool,
    /// The concurrency, as its index in the interface: stateless, by trace, single.
    pub(crate) concurrency: u8,
    /// How the plugin fails after a number of batches, if it does.
    pub(crate) fails: Option<Fails>,
}

/// A failure of each instance after this many batches.
#[derive(Clone, Copy)]
pub(crate) enum Fails {
    Traps(u32),
    Loops(u32),
    /// Drops its batches.
    Swallows(u32),
}

impl Default for Guest {
    fn default() -> Guest {
        Guest {
            role: "processing",
            schema: r#"{"type": "object"}"#,
            needs_http: false,
            concurrency: 0,
            fails: None,
        }
    }
}

impl Guest {
    /// Returns a component called `tested 1.2.3` that passes everything on, keeps every trace or sends
    /// nothing. It refuses a config that contains `!`, with the place `keys[1]`.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1.0");
        resolve.push_dir(wit).unwrap();
        let world = match self.role {
            "processing" => "processor",
            "sampling" => "sampler",
            "connecting" => "connector",
            _ => "exporter",
        };
        let source = format!(
            "package test:plugin; world tested {{ include spanloom:plugin/{world}@0.1.0; export spanloom:plugin/describe@0.1.0; }}"
        );
        let package = resolve.push_str("tested.wit", &source).unwrap();
        let world = resolve.select_world(&[package], Some("tested")).unwrap();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    /// Writes the component to a file.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.component()).unwrap();
    }

    fn failing(&self) -> String {
        let (after, what) = match self.fails {
            None => return String::new(),
            Some(Fails::Traps(after)) => (after, "(unreachable)"),
            Some(Fails::Loops(after)) => (after, "(loop $ever (br $ever))"),
            // The result is an empty list at address 1024.
            Some(Fails::Swallows(after)) => (
                after,
                "(i64.store (i32.const 1024) (i64.const 0)) (i64.store (i32.const 1032) (i64.const 0))
                (return (i32.const 1024))",
            ),
        };
        format!(
            "(if (i32.ge_u (global.get $calls) (i32.const {after})) (then {what}))
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))"
        )
    }

    fn module(&self) -> String {
        let failing = self.failing();
        // The result is a list with the batch, at address 1024.
        let process = format!(
            r#"(global $calls (mut i32) (i32.const 0))
            (func (export "spanloom:plugin/processing@0.1.0#process") (param i32 i32) (result i32)
            {failing}
            (i32.store (i32.const 1040) (local.get 0)) (i32.store (i32.const 1044) (local.get 1))
            (i32.store (i32.const 1024) (i32.const 0))
            (i32.store (i32.const 1032) (i32.const 1040)) (i32.store (i32.const 1036) (i32.const 1))
            (i32.const 1024))"#
        );
        let call = match self.role {
            "processing" => process.as_str(),
            "sampling" => {
                r#"(func (export "spanloom:plugin/sampling@0.1.0#sample") (param i32) (result i32) (unreachable))"#
            }
            // The result is an empty list at address 1024. The connector emits metrics.
            "connecting" => {
                r#"(func (export "spanloom:plugin/connecting@0.1.0#consume") (param i32 i32) (result i32)
                (i64.store (i32.const 1024) (i64.const 0)) (i32.store (i32.const 1032) (i32.const 0))
                (i32.const 1024))
                (data (i32.const 2048) "\08\08\00\00\01\00\00\00\01")
                (func (export "spanloom:plugin/connecting@0.1.0#emits") (result i32) (i32.const 2048))"#
            }
            _ => {
                r#"(func (export "spanloom:plugin/exporting@0.1.0#export-batch") (param i32 i32) (result i32)
                (i32.store (i32.const 1024) (i32.const 0)) (i32.const 1024))"#
            }
        };
        let (grants, concurrency) = (u32::from(self.needs_http), self.concurrency);
        let schema_len = self.schema.len();
        let schema = self.schema.replace('\\', "\\5c").replace('"', "\\22").replace('\n', " ");
        let role = self.role;
        format!(
            r#"(module
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 32768))
            (data (i32.const 0) "tested1.2.3For tests.keys[1]no !")
            (data (i32.const 64) "\00\00")
            (data (i32.const 4096) "{schema}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func (export "spanloom:plugin/{role}@0.1.0#configure") (param $at i32) (param $len i32) (result i32)
                (local $end i32)
                (local.set $end (i32.add (local.get $at) (local.get $len)))
                (i32.store (i32.const 512) (i32.const 0))
                (block $done (loop $bytes
                    (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
                    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 33)) (then
                        (i32.store (i32.const 512) (i32.const 1))
                        (i32.store (i32.const 516) (i32.const 21)) (i32.store (i32.const 520) (i32.const 7))
                        (i32.store (i32.const 524) (i32.const 28)) (i32.store (i32.const 528) (i32.const 4))))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br $bytes)))
                (i32.const 512))
            {call}
            (func (export "spanloom:plugin/describe@0.1.0#describe") (result i32)
                (i32.store (i32.const 256) (i32.const 0)) (i32.store (i32.const 260) (i32.const 6))
                (i32.store (i32.const 264) (i32.const 6)) (i32.store (i32.const 268) (i32.const 5))
                (i32.store (i32.const 272) (i32.const 11)) (i32.store (i32.const 276) (i32.const 10))
                (i32.store (i32.const 280) (i32.const 1))
                (i32.store (i32.const 284) (i32.const 4096)) (i32.store (i32.const 288) (i32.const {schema_len}))
                (i32.store (i32.const 292) (i32.const 64)) (i32.store (i32.const 296) (i32.const 1))
                (i32.store8 (i32.const 300) (i32.const {concurrency}))
                (i32.store (i32.const 304) (i32.const 65)) (i32.store (i32.const 308) (i32.const {grants}))
                (i32.const 256)))"#
        )
    }
}
