//! The TLS settings of a listener: `cert_file`, `key_file`, `client_ca_file` and the rest of the Collector's
//! keys.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    FILE_LIMIT_BYTES,
    algorithms::AlgorithmsConfig,
    version::{self, Version},
};
use crate::{
    config::{self, ConfigError, Secret, Unused, filled},
    files::{self, kept::Kept},
};

const CLIENT_CA_RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// The `tls` section of a receiver. Certificates are PEM.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerTlsConfig {
    #[serde(deserialize_with = "filled")]
    pub cert_file: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub cert_pem: Option<String>,
    #[serde(deserialize_with = "filled")]
    pub key_file: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub key_pem: Option<Secret>,
    /// Clients must show a certificate that one of these authorities signed.
    #[serde(deserialize_with = "filled")]
    pub client_ca_file: Option<PathBuf>,
    /// `1.2` (the default) or `1.3`.
    #[serde(deserialize_with = "version::version")]
    min_version: Option<Version>,
    /// `1.2` or `1.3` (the default).
    #[serde(deserialize_with = "version::version")]
    max_version: Option<Version>,
    /// The interval at which the files are read again, at least a second. Unset or 0 means never.
    pub reload_interval: Option<config::Duration>,
    /// Reads the files again every ten seconds, if no interval is given.
    pub client_ca_file_reload: bool,
    pub ca_file: Unused,
    pub ca_pem: Unused,
    pub include_system_ca_certs_pool: Unused,
    #[serde(rename = "..algorithms")]
    algorithms: AlgorithmsConfig,
    pub tpm: Unused,
}

/// Performs TLS handshakes with the current certificate. Clones are cheap.
#[derive(Clone)]
pub struct ServerTls(Arc<Kept<ServerConfig>>);

impl ServerTlsConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let one = |name: &str, file: bool, pem: bool| match file == pem {
            true => {
                let message = format!("tls.{name}_file: give it or {name}_pem");
                Err(ConfigError::on(&format!("{name}_file"), message))
            }
            false => Ok(()),
        };
        ConfigError::all([
            one("cert", self.cert_file.is_some(), self.cert_pem.is_some()),
            one("key", self.key_file.is_some(), self.key_pem.is_some()),
            self.versions().and_then(|versions| self.algorithms.provider(&versions).map(drop)),
        ])
        .map_err(|error| error.below("tls"))
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
        version::range(self.min_version, self.max_version)
    }

    /// Reads the files once. An error names the key and the file.
    pub async fn check_files(&self) -> anyhow::Result<()> {
        self.read_files().await.map(drop)
    }

    async fn read_files(&self) -> anyhow::Result<ServerConfig> {
        let config = self.clone();
        files::in_time(move || config.load()).await.context("tls: files")?
    }

    fn reload_interval(&self) -> Option<Duration> {
        let interval = self.reload_interval.map(|interval| interval.0).filter(|interval| !interval.is_zero());
        let unset = self.client_ca_file_reload.then_some(CLIENT_CA_RELOAD_INTERVAL);
        interval.or(unset)
    }

    fn load(&self) -> anyhow::Result<ServerConfig> {
        let versions = self.versions()?;
        let provider = Arc::new(self.algorithms.provider(&versions)?);
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&versions)?;
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
    /// Reads the files, and again every `reload_interval`. An error names the key and the file.
    pub async fn load(config: ServerTlsConfig) -> anyhow::Result<ServerTls> {
        let first = config.read_files().await?;
        let kept = match config.reload_interval() {
            None => Kept::fixed(first),
            Some(interval) => {
                let read = move || config.load().map_err(|error| format!("{error:#}"));
                Kept::read_again(first, "a listener's certificate", interval, read)
            }
        };
        Ok(ServerTls(Arc::new(kept)))
    }

    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.0.current()).accept(stream).await
    }
}

fn client_roots(path: &Path) -> anyhow::Result<RootCertStore> {
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

fn read(key: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    files::read(path, FILE_LIMIT_BYTES).with_context(|| format!("tls.{key}: cannot read {}", path.display()))
}
