//! How the exporters find and reach their destination.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::json;
use spanloom::{
    component::Exported,
    exporter::{otlp_grpc::OtlpGrpcFactory, otlp_http::OtlpHttpFactory},
};
use tokio::net::{TcpListener, UnixListener};

use crate::{
    data::{build, grpc, http, span_batch, traces},
    grpc_destination::{Destination, Service},
    http_destination,
};

/// Serves at a Unix socket.
fn at(path: &Path) -> Destination {
    let listener = UnixListener::bind(path).unwrap();
    let incoming = futures::stream::unfold(listener, async |listener| {
        Some((listener.accept().await.map(|(socket, _)| socket), listener))
    });
    Destination::serve("127.0.0.1:1".parse().unwrap(), Service::default(), incoming)
}

/// Scenario: the endpoint is a Unix socket, in each of gRPC's ways to write it.
/// Guarantees: requests arrive there.
#[tokio::test]
async fn a_unix_socket_is_a_destination() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otlp.sock");
    let destination = at(&path);
    for endpoint in [format!("unix://{}", path.display()), format!("unix:{}", path.display())] {
        assert_eq!(grpc(json!({"endpoint": endpoint})).export(&span_batch(1)).await, Ok(Exported::default()));
    }
    assert_eq!(destination.service.traces(), [traces(1), traces(1)]);
}

/// Scenario: the endpoint is a name, written as each of gRPC's targets, with each balancer.
/// Guarantees: requests arrive, although the name has addresses at which nobody listens.
#[tokio::test]
async fn a_name_is_a_destination() {
    let destination = Destination::start(Service::default()).await;
    let port = destination.address.port();
    for scheme in ["", "dns:///", "passthrough:///", "http://"] {
        for balancer in ["round_robin", "pick_first"] {
            let endpoint = format!("{scheme}localhost:{port}");
            let exporter = grpc(json!({"endpoint": endpoint, "balancer_name": balancer}));
            for _ in 0..3 {
                let exported = exporter.export(&span_batch(1)).await;
                assert_eq!(exported, Ok(Exported::default()), "{endpoint}, {balancer}");
            }
        }
    }
    assert_eq!(destination.service.traces().len(), 24);
}

/// Scenario: the config names the agent, or none.
/// Guarantees: the destination is told that one, or Spanloom.
#[tokio::test]
async fn the_agent_is_the_one_that_the_config_names() {
    for (agent, expected) in
        [("shop/7 (test)", "shop/7 (test)"), ("", concat!("spanloom/", env!("CARGO_PKG_VERSION")))]
    {
        let destination = Destination::start(Service::default()).await;
        let exporter = grpc(json!({"endpoint": destination.endpoint(), "user_agent": agent}));
        exporter.export(&span_batch(1)).await.unwrap();
        let metadata = destination.service.metadata();
        assert_eq!(metadata.get("user-agent").unwrap().to_str().unwrap(), expected);
    }
}

/// Scenario: `http://` and the default `tls`, to a destination without TLS.
/// Guarantees: nothing is sent in plain text.
#[tokio::test]
async fn http_does_not_turn_tls_off() {
    let destination = Destination::start(Service::default()).await;
    let config = json!({"endpoint": destination.endpoint(), "tls": {"insecure_skip_verify": true}});
    grpc(config).export(&span_batch(1)).await.unwrap_err();
    assert!(destination.service.traces().is_empty());
}

/// Scenario: `tls` names a file that is not there, for an endpoint with and without TLS.
/// Guarantees: the error names the key, unless `insecure` makes the file one that nobody reads.
#[tokio::test]
async fn a_file_that_is_not_there_is_named_also_if_nobody_needs_it() {
    for tls in [
        json!({"ca_file": "nowhere.pem"}),
        json!({"ca_file": "nowhere.pem", "insecure": true}),
        json!({"ca_file": "nowhere.pem", "insecure_skip_verify": true}),
        json!({"cert_file": "nowhere.pem", "key_file": "nowhere.pem"}),
    ] {
        let over_http = json!({"endpoint": "http://127.0.0.1:1", "tls": tls});
        let error = build(&OtlpHttpFactory, over_http).err().unwrap().to_string();
        assert!(error.contains("_file") && error.contains("nowhere.pem"), "{error}");
        let over_grpc = json!({"endpoint": "127.0.0.1:1", "tls": tls});
        let error = build(&OtlpGrpcFactory, over_grpc).err().unwrap().to_string();
        assert!(error.contains("_file") && error.contains("nowhere.pem"), "{error}");
    }
    let unread = json!({"cert_file": "nowhere.pem", "key_file": "nowhere.pem", "insecure": true});
    assert!(build(&OtlpHttpFactory, json!({"endpoint": "http://127.0.0.1:1", "tls": unread})).is_ok());
}

/// Scenario: `proxy_url` names a proxy with a user, for an endpoint without TLS.
/// Guarantees: the request goes to the proxy, with the credentials.
#[tokio::test]
async fn otlp_http_goes_through_the_proxy_that_the_config_names() {
    let proxy = http_destination::Destination::start([]).await;
    let proxy_url = proxy.endpoint().replace("http://", "http://me:secret@");
    let exporter = http(json!({"endpoint": "http://tempo.invalid:4318", "proxy_url": proxy_url}));
    assert_eq!(exporter.export(&span_batch(1)).await, Ok(Exported::default()));
    let kept = proxy.kept();
    assert_eq!(kept[0].header("proxy-authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(kept[0].header("host"), Some("tempo.invalid:4318"));
}

/// Scenario: four requests are sent at the same time to a slow destination, with and without a limit of one
/// connection.
/// Guarantees: with the limit, the requests come one after another.
#[tokio::test]
async fn connections_to_a_host_are_limited() {
    for (limit, most) in [(1, 1), (0, 4)] {
        let (open, seen) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counted = seen.clone();
        let slow = move || {
            let (open, seen) = (open.clone(), seen.clone());
            async move {
                seen.fetch_max(open.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(200)).await;
                open.fetch_sub(1, SeqCst);
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(slow)).await });
        let exporter = http(json!({"endpoint": endpoint, "max_conns_per_host": limit}));
        let exports = (0..4).map(|_| {
            let exporter = exporter.clone();
            async move { exporter.export(&span_batch(1)).await }
        });
        for exported in futures::future::join_all(exports).await {
            assert_eq!(exported, Ok(Exported::default()));
        }
        assert_eq!(counted.load(SeqCst), most);
    }
}
