//! A tonic server that keeps every request and answers by a script.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding::{Gzip, Zstd},
    metadata::MetadataMap,
    transport::{
        Server,
        server::{Connected, Router},
    },
};

/// Answers traces by its script, then with success, and keeps every request.
#[derive(Clone, Default)]
pub(crate) struct Service(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    script: VecDeque<Result<ExportTraceServiceResponse, Status>>,
    traces: Vec<(MetadataMap, ExportTraceServiceRequest)>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    stop: CancellationToken,
}

impl Destination {
    pub(crate) async fn start(service: Service) -> Destination {
        Destination::listen("127.0.0.1:0".parse().unwrap(), service).await
    }

    pub(crate) async fn listen(address: SocketAddr, service: Service) -> Destination {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = futures::stream::unfold(listener, async |listener| {
            Some((listener.accept().await.map(|(socket, _)| socket), listener))
        });
        Destination::serve(address, service, incoming)
    }

    /// Serves the streams that come in.
    pub(crate) fn serve<S, I>(address: SocketAddr, service: Service, incoming: I) -> Destination
    where
        S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        I: futures::Stream<Item = std::io::Result<S>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(service.router().serve_with_incoming_shutdown(incoming, stopped));
        Destination { address, service, stop }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and tells the clients to go away.
    pub(crate) fn stop(self) {
        self.stop.cancel();
    }
}

impl Service {
    pub(crate) fn answering(
        script: impl IntoIterator<Item = Result<ExportTraceServiceResponse, Status>>,
    ) -> Service {
        Service(Arc::new(Mutex::new(Kept { script: script.into_iter().collect(), ..Kept::default() })))
    }

    pub(crate) fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.0.lock().unwrap().traces.iter().map(|(_, request)| request.clone()).collect()
    }

    pub(crate) fn metadata(&self) -> MetadataMap {
        self.0.lock().unwrap().traces[0].0.clone()
    }

    pub(crate) fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        self.0.lock().unwrap().metrics.clone()
    }

    pub(crate) fn logs(&self) -> Vec<ExportLogsServiceRequest> {
        self.0.lock().unwrap().logs.clone()
    }

    fn router(&self) -> Router {
        let traces = TraceServiceServer::new(self.clone())
            .accept_compressed(Gzip)
            .accept_compressed(Zstd)
            .max_decoding_message_size(1 << 20);
        let metrics = MetricsServiceServer::new(self.clone()).accept_compressed(Gzip).accept_compressed(Zstd);
        let logs = LogsServiceServer::new(self.clone()).accept_compressed(Gzip).accept_compressed(Zstd);
        Server::builder().add_service(traces).add_service(metrics).add_service(logs)
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let mut kept = self.0.lock().unwrap();
        kept.traces.push((metadata, request));
        kept.script.pop_front().unwrap_or_else(|| Ok(Default::default())).map(Response::new)
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.lock().unwrap().metrics.push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.lock().unwrap().logs.push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}
