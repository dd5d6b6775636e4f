//! The interface in C, for the plugins that are written in it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Result;
use wit_bindgen_c::Opts;
use wit_bindgen_core::{Files, wit_parser::Resolve};

use super::folder;
use crate::folders;

/// Makes the bindings of the world of this name in `examples/plugins/c/wit`:
/// `target/plugins/bindings/c-WORLD`. `examples/plugins/c/bindings.sh` makes the same bindings with the
/// program of the same library.
pub(super) fn bindings(world: &str) -> Result<PathBuf> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folders::root().join("examples/plugins/c/wit"))?;
    let world_id = resolve.select_world(&[package], Some(world))?;
    let world_keys = resolve.worlds.get(world_id).into_iter();
    let world_keys = world_keys.flat_map(|world| world.imports.keys().chain(world.exports.keys()));
    let names = world_keys.filter_map(|key| {
        let name = resolve.name_world_key(key);
        let interface = name.split_once('/')?.1.split_once('@')?.0.to_owned();
        Some((name, interface))
    });
    let names: BTreeMap<String, String> = names.collect();
    let options = Opts {
        rename: names.into_iter().collect(),
        rename_world: Some("plugin".to_owned()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world_id, &mut files)?;
    let made = folder().join("bindings").join(format!("c-{world}"));
    fs::create_dir_all(&made)?;
    for (name, content) in files.iter() {
        fs::write(made.join(name), content)?;
    }
    Ok(made.canonicalize()?)
}
