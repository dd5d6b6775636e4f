//! Reads the interface that a plugin's project brings (`wit/`), and makes what a compiler needs of it: bindings
//! in the language, and the description that a core module lacks.

use std::path::Path;

use wit_bindgen_core::{
    Files, WorldGenerator,
    wit_parser::{Resolve, WorldId},
};
use wit_component::{ComponentEncoder, StringEncoding};

use crate::{BuildError, artifact};

/// The name of a plugin's own world.
pub const WORLD: &str = "plugin";
/// The bindings in C refer to an object file with the world's type. Who makes a component with this crate needs none.
const NO_OBJECT_FILE: &str = "
// The component's type is added when the component is made.
void __component_type_object_force_link_plugin(void) {}
";

/// The WASI of the compilers that have no target without it. It imports nothing: time, random numbers and
/// output are made up, files are not there. `preview1.wat` is its source.
const PREVIEW1: &[u8] = include_bytes!("preview1.wasm");

/// The world of a plugin, and everything that it names.
pub struct Interface {
    resolve: Resolve,
    world: WorldId,
}

impl Interface {
    /// Reads the folder of the interface, and chooses the world of this name.
    ///
    /// # Errors
    /// Fails if the folder has no such world, or cannot be read.
    pub fn read(folder: &Path, world: &str) -> Result<Interface, BuildError> {
        let unread = |error| BuildError::Interface { path: folder.to_owned(), error };
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(folder).map_err(|error| unread(format!("{error:#}")))?;
        let world = resolve.select_world(&[package], Some(world));
        Ok(Interface { world: world.map_err(|error| unread(format!("{error:#}")))?, resolve })
    }

    /// Returns the world in C: `plugin.h` and `plugin.c`. Functions and types have the names of their
    /// interfaces, without the package: `spans_method_span_batch_texts`.
    pub fn in_c(&self) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        let options = wit_bindgen_c::Opts {
            rename: self.interfaces(),
            rename_world: Some(WORLD.to_owned()),
            no_object_file: true,
            ..wit_bindgen_c::Opts::default()
        };
        let mut files = self.generate(options.build())?;
        for (_, source) in files.iter_mut().filter(|(name, _)| name.ends_with(".c")) {
            source.extend_from_slice(NO_OBJECT_FILE.as_bytes());
        }
        Ok(files)
    }

    /// Returns the world in Go, as packages below the import path `package`. They import what the plugin exports, such
    /// as `export_spanloom_plugin_processing`, from below the path `exports`. `wit_exports` is the package that a
    /// program imports.
    pub fn in_go(&self, package: &str, exports: &str) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        let options = wit_bindgen_go::Opts {
            pkg_name: Some(package.to_owned()),
            export_pkg_name: Some(exports.to_owned()),
            format: wit_bindgen_go::Format::False,
            ..wit_bindgen_go::Opts::default()
        };
        self.generate(options.build())
    }

    fn generate(&self, mut generator: Box<dyn WorldGenerator>) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
        let mut files = Files::default();
        let generated = generator.generate(&mut self.resolve.clone(), self.world, &mut files);
        generated.map_err(|error| BuildError::Bindings(format!("{error:#}")))?;
        Ok(files.iter().map(|(name, content)| (name.to_owned(), content.to_owned())).collect())
    }

    /// Returns the interfaces of the world by their full names, each with its name in its package.
    fn interfaces(&self) -> Vec<(String, String)> {
        let world = self.resolve.worlds.get(self.world).into_iter();
        let keys = world.flat_map(|world| world.imports.keys().chain(world.exports.keys()));
        let mut names: Vec<(String, String)> = keys
            .filter_map(|key| {
                let name = self.resolve.name_world_key(key);
                let interface = name.split_once('/')?.1.split_once('@')?.0.to_owned();
                Some((name, interface))
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Makes a component of what a compiler wrote. A component stays as it is.
    ///
    /// # Errors
    /// Fails if the module is no plugin, or lacks what the world exports.
    pub fn component(&self, mut module: Vec<u8>) -> Result<Vec<u8>, BuildError> {
        if wasmparser::Parser::is_component(&module) {
            return Ok(module);
        }
        if !artifact::is_plugin(&module) {
            return Err(BuildError::NoExports);
        }
        let mut encode = || {
            wit_component::embed_component_metadata(
                &mut module,
                &self.resolve,
                self.world,
                StringEncoding::UTF8,
            )?;
            let encoder = ComponentEncoder::default().validate(true).module(&module)?;
            encoder.adapter("wasi_snapshot_preview1", PREVIEW1)?.encode()
        };
        encode().map_err(|error| BuildError::Encode(format!("{error:#}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the interface of a plugin that exports one function.
    fn interface(folder: &Path) -> Interface {
        let world = "package a:b; interface processing { configure: func(config: string); } \
                     world plugin { export processing; }";
        std::fs::write(folder.join("world.wit"), world).expect("written");
        Interface::read(folder, WORLD).expect("read")
    }

    /// Scenario: the source of the adapter for WASI is assembled.
    /// Guarantees: the module that is embedded is made of this source.
    #[test]
    fn the_adapter_is_made_of_its_source() {
        let made = wat::parse_str(include_str!("preview1.wat")).expect("assembled");
        assert!(made == PREVIEW1, "preview1.wasm is not that of preview1.wat: assemble it anew");
    }

    /// Scenario: bindings are made in each language.
    /// Guarantees: they have the files and names that the templates of `spanloom plugin new` rely on.
    #[test]
    fn bindings_are_called_as_the_templates_call_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let interface = interface(folder.path());
        let c = interface.in_c().expect("made");
        let names: Vec<&str> = c.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["plugin.c", "plugin.h"]);
        let go = interface.in_go("mine/bindings", "mine/spanloom").expect("made");
        let exports = go.iter().find(|(name, _)| name == "wit_exports/wit_exports.go").expect("exports");
        let text = String::from_utf8_lossy(&exports.1);
        assert!(text.contains("\"mine/spanloom/export_a_b_processing\""), "{text}");
    }

    /// Scenario: a folder has no such world; a module is no plugin, and one lacks what the world exports.
    /// Guarantees: each error says which.
    #[test]
    fn the_cause_of_an_error_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let absent = Interface::read(folder.path(), WORLD).err().expect("an error").to_string();
        assert!(absent.starts_with("the interface in "), "{absent}");
        let interface = interface(folder.path());
        let error =
            |text: &str| interface.component(wat::parse_str(text).expect("wat")).expect_err("an error");
        let other = error("(module)").to_string();
        assert!(other.contains("exports nothing that the host calls"), "{other}");
        let lacking = error(r#"(module (func (export "spanloom:plugin/other#x")))"#).to_string();
        assert!(lacking.starts_with("no component can be made of the module: "), "{lacking}");
    }
}
