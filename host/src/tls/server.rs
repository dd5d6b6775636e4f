//! What a listener needs for TLS: `cert_file`, `key_file`, `client_ca_file` and the rest of the Collector's keys.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::FILE_LIMIT_BYTES;
use crate::{
    config::{self, Secret},
    files,
    receiver::Running,
};

/// More often would be reading files all the time.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// The `tls` section of a receiver. Certificates are PEM.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerTlsConfig {
    pub cert_file: Option<PathBuf>,
    pub cert_pem: Option<String>,
    pub key_file: Option<PathBuf>,
    pub key_pem: Option<Secret>,
    /// Clients must show a certificate that one of these signed.
    pub client_ca_file: Option<PathBuf>,
    /// `1.2` (the default) or `1.3`.
    pub min_version: Option<String>,
    /// `1.2` or `1.3` (the default).
    pub max_version: Option<String>,
    /// The files are read again this often; unset is never.
    pub reload_interval: Option<config::Duration>,
}

/// Takes TLS handshakes with the certificate of the moment. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls(Arc<Inner>);

struct Inner {
    config: ServerTlsConfig,
    current: ArcSwap<ServerConfig>,
}

impl ServerTlsConfig {
    /// The error begins with the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.cert_file.is_some() == self.cert_pem.is_some() {
            return Err("tls.cert_file: give it or cert_pem".to_owned());
        }
        if self.key_file.is_some() == self.key_pem.is_some() {
            return Err("tls.key_file: give it or key_pem".to_owned());
        }
        self.versions().map(drop)
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
        let rank = |key: &str, version: &Option<String>, unset: u8| match version.as_deref() {
            None | Some("") => Ok(unset),
            Some("1.2") => Ok(2),
            Some("1.3") => Ok(3),
            Some(other) => Err(format!("tls.{key}: {other:?} is not a version we have; expected 1.2 or 1.3")),
        };
        let allowed = rank("min_version", &self.min_version, 2)?..=rank("max_version", &self.max_version, 3)?;
        if allowed.is_empty() {
            return Err("tls.min_version: is above max_version".to_owned());
        }
        let all = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
        Ok(all.into_iter().filter(|(rank, _)| allowed.contains(rank)).map(|(_, version)| version).collect())
    }

    fn load(&self) -> anyhow::Result<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions().map_err(anyhow::Error::msg)?)?;
        let builder = match &self.client_ca_file {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(client_roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .with_context(|| format!("tls.client_ca_file: {}", path.display()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(self.certificates()?, self.key()?)
            .with_context(|| format!("tls.{} and its key", self.certificate_name()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn certificates(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let pem = match (&self.cert_file, &self.cert_pem) {
            (Some(path), _) => read("cert_file", path)?,
            (None, pem) => pem.clone().unwrap_or_default().into_bytes(),
        };
        certificates(&pem).with_context(|| format!("tls.{}", self.certificate_name()))
    }

    fn key(&self) -> anyhow::Result<PrivateKeyDer<'static>> {
        let (pem, name) = match (&self.key_file, &self.key_pem) {
            (Some(path), _) => (read("key_file", path)?, format!("key_file: {}", path.display())),
            (None, pem) => (pem.clone().unwrap_or_default().0.into_bytes(), "key_pem".to_owned()),
        };
        PrivateKeyDer::from_pem_slice(&pem).with_context(|| format!("tls.{name}: no private key in PEM"))
    }

    fn certificate_name(&self) -> String {
        self.cert_file.as_ref().map_or("cert_pem".to_owned(), |path| format!("cert_file: {}", path.display()))
    }
}

impl ServerTls {
    /// Reads the files. An error names the key and the file.
    pub fn load(config: ServerTlsConfig) -> anyhow::Result<ServerTls> {
        let current = ArcSwap::from_pointee(config.load()?);
        Ok(ServerTls(Arc::new(Inner { config, current })))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.current.load_full()).accept(stream).await
    }

    /// Reads the files again every `reload_interval`. What cannot be read leaves the certificate of before in place.
    pub(crate) fn keep_fresh(&self, running: &Running) {
        let Some(interval) = self.0.config.reload_interval else { return };
        let (tls, stop) = (self.clone(), running.stop.clone());
        running.tasks.spawn(stop.run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(interval.0.max(MIN_RELOAD_INTERVAL)).await;
                match tls.0.config.load() {
                    Ok(fresh) => tls.0.current.store(Arc::new(fresh)),
                    Err(error) => tracing::warn!("keeping the certificate of before: {error:#}"),
                }
            }
        }));
    }
}

fn client_roots(path: &PathBuf) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let named = || format!("tls.client_ca_file: {}", path.display());
    for certificate in certificates(&read("client_ca_file", path)?).with_context(named)? {
        roots.add(certificate).with_context(named)?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    ensure!(!certificates.is_empty(), "no certificate in PEM");
    Ok(certificates)
}

fn read(key: &str, path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    files::read(path, FILE_LIMIT_BYTES).with_context(|| format!("tls.{key}: cannot read {}", path.display()))
}
