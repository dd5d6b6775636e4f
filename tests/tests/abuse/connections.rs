//! Connections: more than the limit allows, and connections that hold much and send little.

use spanloom_tests::attack::connections::{
    END_HEADERS, HEADERS, PREFACE, RESET, SETTINGS, frame, with_partial_frames,
};

use super::*;

/// Scenario: idle connections come until the process may open no more files.
/// Guarantees: idle connections are closed, so that senders and operators are still served.
#[tokio::test]
async fn idle_connections_beyond_the_limit_of_open_files_keep_no_one_out() {
    let spanloom = Spanloom::start_with_files(&config::relay("nop:"), 512).await;
    let mut idle = Vec::new();
    for number in 0..600 {
        let to = if number % 2 == 0 { spanloom.grpc } else { spanloom.http };
        // The connection may only be in the kernel's queue.
        let connected = timeout(Duration::from_secs(5), TcpStream::connect(to)).await;
        idle.push(connected.expect("in time").expect("a connection"));
    }
    others_are_served(&spanloom).await;
    assert!(spanloom.metrics().await.contains("otelcol_process_uptime"));
    assert!(spanloom.output().contains("no room for more than 256 connections"), "{}", spanloom.output());
    drop(idle);
    spanloom.finish().await;
}

/// Scenario: 1,000 connections each send a frame of a MiB without its last byte.
/// Guarantees: memory stays below 256 MiB, and others are served; a large request waits and is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn partial_frames_hold_no_more_than_all_connections_may() {
    let spanloom = start().await;
    let connections = with_partial_frames(spanloom.grpc, 1000).await;
    others_are_served(&spanloom).await;
    // The request needs more than a connection's own share, so it waits until those connections are closed.
    let body = payload::large_traces(200 << 10);
    let answer = timeout(Duration::from_secs(120), client::grpc(spanloom.grpc, Signal::Traces, body)).await;
    answer.expect("in time").expect("taken");
    assert_memory_below(&spanloom, 384);
    drop(connections);
    spanloom.finish().await;
}

/// Scenario: connections flood the receiver with streams that they reset at once.
/// Guarantees: the connections are closed, others are served, and the log gets at most one warning.
#[tokio::test]
async fn connections_that_are_reset_for_their_floods_leave_no_line_each() {
    let spanloom = start().await;
    // POST http /
    let head = [0x83, 0x86, 0x84, 0x41, 1, b'x'];
    for _ in 0..20 {
        let mut connection = TcpStream::connect(spanloom.grpc).await.unwrap();
        let mut flood = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        for stream in (1..2000).step_by(2) {
            flood.extend(frame(HEADERS, END_HEADERS, stream, &head));
            flood.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
        }
        let _ = connection.write_all(&flood).await;
        let ended = timeout(Duration::from_secs(10), connection.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "the connection stays open");
    }
    others_are_served(&spanloom).await;
    let warnings = spanloom.output().lines().filter(|line| line.contains("WARN")).count();
    assert!(warnings <= 1, "{}", spanloom.output());
    spanloom.finish().await;
}
