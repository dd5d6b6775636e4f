//! The client's side of TLS: which servers an exporter trusts, and which certificate it shows.

mod loaded;
mod trust;

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    sign::CertifiedKey,
};
use serde::Deserialize;

use self::{
    loaded::{Files, Loaded},
    trust::Trust,
};
use super::{
    FILE_LIMIT_BYTES,
    algorithms::AlgorithmsConfig,
    version::{self, Version},
};
use crate::{
    config::{ConfigError, Duration, Secret, Unused, filled},
    files,
};

/// `tls` of an exporter. By default TLS is on and the system's certificate authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTlsConfig {
    /// No TLS, unless the endpoint begins with `https://`, or an authority is configured. Without an authority,
    /// the other keys have no effect then, as in the Collector.
    insecure: bool,
    /// TLS without checking the server's certificate.
    insecure_skip_verify: bool,
    #[serde(deserialize_with = "filled")]
    ca_file: Option<String>,
    #[serde(deserialize_with = "filled")]
    ca_pem: Option<String>,
    /// Trust the system's authorities in addition to those of `ca_file` or `ca_pem`.
    include_system_ca_certs_pool: bool,
    #[serde(deserialize_with = "filled")]
    cert_file: Option<String>,
    #[serde(deserialize_with = "filled")]
    cert_pem: Option<String>,
    #[serde(deserialize_with = "filled")]
    key_file: Option<String>,
    #[serde(deserialize_with = "filled")]
    key_pem: Option<Secret>,
    /// The server name that is requested and that the certificate must have, instead of the endpoint's host.
    #[serde(deserialize_with = "filled")]
    server_name_override: Option<String>,
    #[serde(deserialize_with = "version::version")]
    min_version: Option<Version>,
    #[serde(deserialize_with = "version::version")]
    max_version: Option<Version>,
    /// The interval at which the files are read again, at least a second. Unset or 0 means never.
    reload_interval: Option<Duration>,
    #[serde(rename = "..algorithms")]
    algorithms: AlgorithmsConfig,
    tpm: Unused,
}

impl ClientTlsConfig {
    /// Checks what can be checked without reading files.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let either = |name: &str, file: &Option<String>, has_pem: bool| match file.is_some() && has_pem {
            true => wrong(&format!("{name}_file"), &format!("give {name}_file or {name}_pem, not both")),
            false => Ok(()),
        };
        let cert = self.cert_file.is_some() || self.cert_pem.is_some();
        let key = self.key_file.is_some() || self.key_pem.is_some();
        ConfigError::all([
            either("ca", &self.ca_file, self.ca_pem.is_some()),
            either("cert", &self.cert_file, self.cert_pem.is_some()),
            either("key", &self.key_file, self.key_pem.is_some()),
            match (cert, key) {
                (true, false) => wrong("key_file", "is missing: cert_file and key_file go together"),
                (false, true) => wrong("cert_file", "is missing: cert_file and key_file go together"),
                _ => Ok(()),
            },
            self.algorithms(),
            self.server_name_override.as_deref().map_or(Ok(()), |name| server_name(name).map(drop)),
        ])
        .map_err(|error| error.below("tls"))
    }

    /// Reads `insecure` as the Collector's components for AWS do: TLS without checking the server's certificate.
    #[must_use]
    pub fn unverified_if_insecure(mut self) -> ClientTlsConfig {
        self.insecure_skip_verify |= std::mem::take(&mut self.insecure);
        self
    }

    /// Returns whether gRPC to an endpoint without `https://` uses TLS, and whether the files have to be there.
    /// As in the Collector, a configured authority means TLS.
    pub fn is_on(&self) -> bool {
        !self.insecure || self.ca_file.is_some() || self.ca_pem.is_some()
    }

    /// Returns whether a server would be trusted without a check of its certificate, if `insecure` did not turn the
    /// other keys off.
    pub fn skips_in_vain(&self) -> bool {
        self.insecure_skip_verify && !self.is_on()
    }

    /// Returns the server name that is requested instead of the host.
    pub fn server_name_override(&self) -> Option<&str> {
        self.server_name_override.as_deref().filter(|_| self.is_on())
    }

    /// Reads the files, which may block (`files::in_time`), and makes the config for rustls. The caller adds
    /// the ALPN protocols.
    pub fn client_config(&self) -> Result<ClientConfig, ConfigError> {
        let config = if self.is_on() { self.read_files() } else { ClientTlsConfig::default().read_files() };
        config.map_err(|error| error.below("tls"))
    }

    /// Reads the files, which may block, and checks them, also if no destination needs them.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        let ca = read_certs("ca", &self.ca_file, &self.ca_pem);
        let own = self.own(&ring::default_provider());
        ConfigError::all([ca.map(drop), own.map(drop)]).map_err(|error| error.below("tls"))
    }

    fn read_files(&self) -> Result<ClientConfig, ConfigError> {
        let versions = self.versions()?;
        let provider = Arc::new(self.algorithms.provider(&versions)?);
        let files = Arc::new(Files::read(self, provider.clone())?);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| tls_error("min_version", error))?;
        let builder = builder.dangerous().with_custom_certificate_verifier(files.clone());
        Ok(builder.with_client_cert_resolver(files))
    }

    fn loaded(&self, provider: &Arc<CryptoProvider>) -> Result<Loaded, ConfigError> {
        Ok(Loaded { trust: self.trust(provider)?, own: self.own(provider)? })
    }

    fn trust(&self, provider: &Arc<CryptoProvider>) -> Result<Trust, ConfigError> {
        let own = read_certs("ca", &self.ca_file, &self.ca_pem)?;
        if self.insecure_skip_verify {
            return Ok(Trust::Anyone);
        }
        let roots = Arc::new(self.roots(own.as_deref())?);
        let by_roots = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| tls_error("ca_file", error))?;
        let name = self.server_name_override.as_deref().map(server_name).transpose()?;
        Ok(Trust::Authorities { by_roots, own: own.unwrap_or_default(), name })
    }

    fn roots(&self, own: Option<&[CertificateDer<'static>]>) -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        if own.is_none() || self.include_system_ca_certs_pool {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
        for cert in own.unwrap_or_default() {
            roots.add(cert.clone()).map_err(|error| tls_error("ca_file", error))?;
        }
        if roots.is_empty() {
            return wrong("ca_file", "this machine has no certificate authorities; name the destination's");
        }
        Ok(roots)
    }

    /// Returns the certificate that the client shows, if there is one.
    fn own(&self, provider: &CryptoProvider) -> Result<Option<Arc<CertifiedKey>>, ConfigError> {
        let (Some(certs), Some(key)) = (read_certs("cert", &self.cert_file, &self.cert_pem)?, self.key()?)
        else {
            return Ok(None);
        };
        let own =
            CertifiedKey::from_der(certs, key, provider).map_err(|error| tls_error("cert_file", error))?;
        Ok(Some(Arc::new(own)))
    }

    fn key(&self) -> Result<Option<PrivateKeyDer<'static>>, ConfigError> {
        let key = match (&self.key_pem, &self.key_file) {
            (Some(pem), _) => PrivateKeyDer::from_pem_slice(pem.0.as_bytes()),
            (None, Some(path)) => PrivateKeyDer::from_pem_slice(&read("key_file", path)?),
            (None, None) => return Ok(None),
        };
        key.map(Some).map_err(|error| tls_error("key_file", error))
    }

    /// Checks the versions, and the algorithms unless nothing comes of them.
    fn algorithms(&self) -> Result<(), ConfigError> {
        let versions = self.versions()?;
        if self.is_on() { self.algorithms.provider(&versions).map(drop) } else { Ok(()) }
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
        version::range(self.min_version, self.max_version)
    }

    fn reload_interval(&self) -> Option<std::time::Duration> {
        self.reload_interval.map(|interval| interval.0).filter(|interval| !interval.is_zero())
    }
}

/// Returns a config that trusts no server, for a client without an `https` address. If one appears, from a
/// proxy for example, it is not trusted.
pub fn trust_nobody() -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error("min_version", error))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Reads certificates. `name` is `ca` or `cert`.
fn read_certs(
    name: &str,
    file: &Option<String>,
    pem: &Option<String>,
) -> Result<Option<Vec<CertificateDer<'static>>>, ConfigError> {
    let (key, pem) = match (pem, file) {
        (Some(pem), _) => (format!("{name}_pem"), pem.clone().into_bytes()),
        (None, Some(path)) => {
            let key = format!("{name}_file");
            let pem = read(&key, path)?;
            (key, pem)
        }
        (None, None) => return Ok(None),
    };
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certs {
        Ok(certs) if certs.is_empty() => wrong(&key, "holds no PEM certificate"),
        certs => certs.map(Some).map_err(|error| tls_error(&key, error)),
    }
}

fn read(key: &str, path: &str) -> Result<Vec<u8>, ConfigError> {
    let read = files::read(Path::new(path), FILE_LIMIT_BYTES);
    read.map_err(|error| tls_error(key, format!("{path}: {error}")))
}

fn server_name(name: &str) -> Result<ServerName<'static>, ConfigError> {
    ServerName::try_from(name.to_owned()).map_err(|error| tls_error("server_name_override", error))
}

/// Returns an error for a key below `tls`.
fn tls_error(key: &str, error: impl fmt::Display) -> ConfigError {
    ConfigError::on(key, format!("tls.{key}: {error}"))
}

fn wrong<T>(key: &str, message: &str) -> Result<T, ConfigError> {
    Err(tls_error(key, message))
}
