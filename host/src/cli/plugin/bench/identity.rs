//! Plugins that do nothing. Their cost is the cost of a call, and a plugin's further cost is its own.

use std::sync::Arc;

use wire::Signal;

use crate::plugin::{Limits, LoadError, Plugin, Role, Runtime, load::file::PluginFile};

/// The plugins, each made from the `.wat` file beside it. A test checks that they match.
pub(super) const ALL: [(Role, &[u8]); 5] = [
    (Role::Processor, include_bytes!("identity/processor.wasm")),
    (Role::Sampler, include_bytes!("identity/sampler.wasm")),
    (Role::Exporter, include_bytes!("identity/exporter.wasm")),
    (Role::Connector, include_bytes!("identity/connector.wasm")),
    (Role::Receiver, include_bytes!("identity/receiver.wasm")),
];

/// Loads the plugin of this role. It takes every signal and changes nothing.
pub(in crate::cli::plugin) async fn load(
    role: Role,
    runtime: &Runtime,
    limits: &Limits,
) -> Result<Arc<Plugin>, LoadError> {
    let bytes = ALL.into_iter().find(|(of, _)| *of == role).map_or(&[][..], |(_, bytes)| bytes);
    let file = PluginFile::of_bytes(bytes.to_vec());
    let mut plugin = Plugin::load(runtime, "identity", &file, limits).await?;
    // The plugin has no `describe` that could name its signals.
    if let Some(plugin) = Arc::get_mut(&mut plugin) {
        plugin.description.signals = Signal::ALL.to_vec();
    }
    Ok(plugin)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::cli::plugin::testing::component;

    /// Scenario: the components of this folder are made again from the text beside them.
    /// Guarantees: the files are the same, and the components run. With SPANLOOM_UPDATE_SNAPSHOTS=1 the test
    /// writes the files instead.
    #[tokio::test]
    async fn the_identity_plugins_are_what_their_source_makes() {
        for (role, embedded) in ALL {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/plugin/bench/identity");
            let source = fs::read_to_string(folder.join(format!("{role}.wat"))).unwrap();
            let made = component(role, &source);
            if std::env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some() {
                fs::write(folder.join(format!("{role}.wasm")), &made).unwrap();
                continue;
            }
            assert!(made == embedded, "{role}.wasm is not what {role}.wat makes");
            let limits = Limits::from(&crate::plugin::config::LimitsConfig::default());
            let plugin = load(role, &Runtime::shared().unwrap(), &limits).await.unwrap();
            assert_eq!((plugin.role, plugin.description.signals.len()), (role, 3));
        }
    }
}
