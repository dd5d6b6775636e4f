//! Two Spanlooms in a row: the first prints what it receives and passes it on to the second.

use crate::{Sink, Spanloom, config};

/// Two Spanlooms and a sink.
///
/// `first` prints in detail, and delivers to `last` over both OTLP protocols, so each item reaches the sink
/// twice.
pub struct Chain {
    pub first: Spanloom,
    pub last: Spanloom,
    pub sink: Sink,
}

impl Chain {
    pub async fn start() -> Chain {
        let sink = Sink::start().await;
        let last =
            Spanloom::start(&config::relay(&format!("otlp_http: {{endpoint: \"http://{}\"}}", sink.address)))
                .await;
        let first = Spanloom::start(&config::relay(&format!(
            "debug: {{verbosity: detailed}}\n\
             otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
             otlp_http: {{endpoint: \"http://{}\"}}\n",
            last.grpc, last.http
        )))
        .await;
        Chain { first, last, sink }
    }

    /// Returns the address where `first` receives: the gRPC port for `grpc`, else the HTTP port.
    pub fn endpoint(&self, protocol: &str) -> String {
        let address = if protocol == "grpc" { self.first.grpc } else { self.first.http };
        format!("http://{address}")
    }

    /// Ends both processes and checks their ledgers. The sink then has everything that it will get.
    pub async fn finish(self) -> Sink {
        self.first.finish().await;
        self.last.finish().await;
        self.sink
    }
}
