//! Makes components from text.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, WorldId};

use crate::plugin::Role;

/// Makes a component of this role from a core module with the role's exports.
pub(super) fn component(role: Role, module: &str) -> Vec<u8> {
    // Receivers came with 0.2.0.
    let (resolve, package) = interface(if role == Role::Receiver { "0.2.0" } else { "0.1.0" });
    let world = resolve.select_world(&[package], Some(&role.to_string())).unwrap();
    encode(&resolve, world, module)
}

/// Makes a component that exports an optional interface too.
pub(super) fn component_with(role: Role, optional: &str, module: &str) -> Vec<u8> {
    let (mut resolve, _) = interface("0.1.0");
    let text = format!(
        "package test:plugin; world plugin {{ include spanloom:plugin/{role}@0.1.0; \
         export spanloom:plugin/{optional}@0.1.0; }}"
    );
    let package = resolve.push_str("plugin.wit", &text).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    encode(&resolve, world, module)
}

fn interface(version: &str) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(version);
    let (package, _) = resolve.push_path(folder).unwrap();
    (resolve, package)
}

fn encode(resolve: &Resolve, world: WorldId, module: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
