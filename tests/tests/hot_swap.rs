//! The demo of `examples/hot-swap`, run as a user would run it.

use std::{path::Path, process::Stdio, time::Duration};

use spanloom_tests::{
    guests::built,
    spanloom::{binary, free_address},
};
use tokio::{process::Command, time::timeout};

const END_TIMEOUT: Duration = Duration::from_secs(180);

/// Scenario: the demo's script runs with short times.
/// Guarantees: no request fails, every accepted span arrives, and each outcome is drawn.
#[tokio::test]
async fn the_demo_of_swapping_under_load_loses_nothing_and_draws_what_happened() {
    let Some(version) = built("hot-swap-v1.wasm") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hot-swap/run.sh");
    let mut command = Command::new(script);
    command.env("SPANLOOM", binary()).env("SPANLOOM_PLUGINS", version.parent().expect("its folder"));
    command
        .env("HOT_SWAP_GRPC", free_address().to_string())
        .env("HOT_SWAP_ADMIN", free_address().to_string());
    command.env("RATE", "10000").env("SECONDS_EACH", "3");
    let ended = timeout(END_TIMEOUT, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = ended.expect("it ends in time").expect("the script");
    let said = String::from_utf8_lossy(&output.stdout);
    let all = || format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{}", output.status, all());
    for outcome in [
        "swapped plugin=\"tag\"",
        "rolled back to the version before",
        "rejected, and the running version stays",
    ] {
        assert!(said.contains(outcome), "no `{outcome}` in\n{}", all());
    }
    let seconds = said.lines().filter(|line| line.contains('#')).count();
    assert!(seconds >= 10, "{seconds} of them are drawn:\n{}", all());
    assert!(said.contains("failed    0\n"), "{}", all());
}
