//! Swaps together with changes of the config, and swaps that require components to be built again.

use std::fs;

use spanloom_tests::{
    Sink, Spanloom,
    guests::built,
    otlp::{Signal, client, payload},
    swap::{
        Broken, Concurrency, Load, Mode, Rig, RigSettings, Step, move_into_place, stamp, with_concurrency,
    },
};
use tempfile::TempDir;

fn change_config(rig: &Rig, from: &str, to: &str) {
    let path = rig.folder().join("spanloom.yaml");
    let config = fs::read_to_string(&path).expect("the config");
    assert!(config.contains(from), "{config}");
    move_into_place(&path, config.replace(from, to).as_bytes());
}

/// Scenario: the plugin's file is broken, and the config changes elsewhere.
/// Guarantees: the config takes effect, and the running version of the plugin stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_does_not_keep_another_config_out() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(2, 0), 5).await;
    rig.step(Step::Good(1)).await;
    rig.step(Step::Broken(Broken::Truncated, 2)).await;
    change_config(&rig, "block_on_overflow: true", "block_on_overflow: true, queue_size: 77");
    rig.spanloom.wait_for_output("built anew: exporter otlp_grpc; plugin marker: rejected: ").await;
    rig.passes(1).await;
    rig.step(Step::Good(3)).await;
    rig.finish(&load.stop().await).await;
}

/// Scenario: the config names another file, whose version will fail, and changes again during its trial.
/// Guarantees: the version is on trial through both changes, and is rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_comes_with_a_config_is_on_trial() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(2, 0), 5).await;
    fs::write(rig.folder().join("next.wasm"), stamp(&rig.marker, Mode::TrapsLater, 1)).expect("a file");
    change_config(&rig, "./plugin.wasm", "./next.wasm");
    rig.spanloom.wait_for_output("plugin marker: swapped").await;
    rig.runs(1);
    change_config(&rig, "block_on_overflow: true", "block_on_overflow: true, queue_size: 77");
    rig.spanloom.wait_for_output("rolled back to the version before").await;
    rig.runs(0);
    rig.passes(0).await;
    change_config(&rig, "queue_size: 77", "queue_size: 78");
    rig.spanloom.wait_for_output("plugin marker: unchanged").await;
    rig.passes(0).await;
    rig.finish(&load.stop().await).await;
}

/// Scenario: under load, each version declares another concurrency than the version before.
/// Guarantees: the component is built again while the old one drains; each span arrives once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_with_another_concurrency_is_built_anew_under_load() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(3, 1), 5).await;
    for (mark, concurrency) in (1..).zip([Concurrency::ByTrace, Concurrency::Single, Concurrency::Stateless])
    {
        rig.marker = with_concurrency(&rig.marker, concurrency);
        let attempt = rig.step(Step::Good(mark)).await;
        let why = attempt["why"].as_str().unwrap_or_default();
        assert!(why.starts_with("built anew: marker: its concurrency is"), "{attempt}");
        rig.passes(mark).await;
    }
    rig.step(Step::Good(4)).await;
    rig.finish(&load.stop().await).await;
}

/// Scenario: a new file and a new config need each other; either comes first.
/// Guarantees: the first is rejected alone, and both take effect when the second has come.
#[tokio::test]
async fn a_config_and_the_file_that_it_is_written_for_come_in_together() {
    let (Some(redactor), Some(sampler)) = (built("rust-redactor.wasm"), built("rust-keep-errors.wasm"))
    else {
        return;
    };
    for file_is_first in [true, false] {
        let (sink, folder) = (Sink::start().await, TempDir::new().expect("a folder"));
        let (config, file) = (folder.path().join("spanloom.yaml"), folder.path().join("plugin.wasm"));
        let text = |own: &str| {
            format!(
                "plugins:\n  mine: {{path: ./plugin.wasm}}\nreceivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\n\
                 processors:\n  mine: {{{own}}}\nexporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
                 service:\n  pipelines:\n    traces: {{receivers: [otlp], processors: [mine], exporters: [otlp_grpc]}}\n",
                sink.address
            )
        };
        fs::copy(&redactor, &file).expect("a file");
        fs::write(&config, text("tag: one")).expect("a file");
        let spanloom = Spanloom::start_file(&config).await;
        let put_file = async || {
            move_into_place(&file, &fs::read(&sampler).expect("the component"));
            spanloom.wait_for_output("rejected, and the running version stays: ").await;
        };
        let put_config = || move_into_place(&config, text("share: 0.0").as_bytes());
        if file_is_first {
            put_file().await;
            put_config();
        } else {
            put_config();
            spanloom.wait_for_output("the config is rejected, and the running config stays: ").await;
            put_file().await;
        }
        spanloom.wait_for_output("the config is reloaded: ").await;
        client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 14)).await.expect("it is taken");
        let ledger = spanloom.finish().await;
        let account = &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())];
        assert_eq!(
            (account.delivered, account.sampled_out),
            (2, 12),
            "every seventh has failed: {account:?}"
        );
    }
}
