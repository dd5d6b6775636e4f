//! The client's side of TLS: whom an exporter trusts, and what it shows of itself.

mod trust;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError, TryLockError},
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::{
        ResolvesClientCert, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    sign::CertifiedKey,
};
use serde::Deserialize;
use tokio::time::Instant;

use self::trust::{Anyone, Trusting};
use super::{
    FILE_LIMIT_BYTES,
    version::{self, Version},
};
use crate::{
    config::{ConfigError, Duration, Secret, Unused},
    files,
};

/// `tls` of an exporter. By default TLS is on and the system's certificate authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTlsConfig {
    /// No TLS, unless the endpoint says `https://`, or an authority is given to trust.
    insecure: bool,
    /// TLS, but anyone may be at the other end.
    insecure_skip_verify: bool,
    ca_file: Option<String>,
    ca_pem: Option<String>,
    /// Trust the system's authorities beside those of `ca_file` or `ca_pem`.
    include_system_ca_certs_pool: bool,
    cert_file: Option<String>,
    cert_pem: Option<String>,
    key_file: Option<String>,
    key_pem: Option<Secret>,
    /// The name that the server is asked for and that its certificate must have, if not the endpoint's host.
    server_name_override: Option<String>,
    min_version: Option<Version>,
    max_version: Option<Version>,
    /// The files are read again at the first handshake after this time; unset or 0 is never.
    reload_interval: Option<Duration>,
    cipher_suites: Unused,
    curve_preferences: Unused,
    include_insecure_cipher_suites: Unused,
    tpm: Unused,
}

/// What the files of a config say, read again when it is time. It is both what rustls asks whether a server is trusted, and
/// for our own certificate.
struct Files {
    config: ClientTlsConfig,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Loaded>,
    /// When they are to be read next.
    next: Mutex<Option<Instant>>,
}

struct Loaded {
    trust: Arc<dyn ServerCertVerifier>,
    own: Option<Arc<CertifiedKey>>,
}

impl ClientTlsConfig {
    /// What can be checked without reading files.
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
            self.versions().map(drop),
            self.server_name_override.as_deref().map_or(Ok(()), |name| server_name(name).map(drop)),
        ])
        .map_err(|error| error.below("tls"))
    }

    /// Whether an endpoint that does not say so itself is spoken to in TLS. As in the Collector, one who names the
    /// authorities to trust wants them asked.
    pub fn is_on(&self) -> bool {
        !self.insecure || self.ca_file.is_some() || self.ca_pem.is_some()
    }

    /// The name that the server is asked for instead of its host's.
    pub fn server_name_override(&self) -> Option<&str> {
        self.server_name_override.as_deref()
    }

    /// Reads the files and makes what rustls takes; the ALPN protocols are the caller's to add.
    pub fn client_config(&self) -> Result<ClientConfig, ConfigError> {
        self.read_files().map_err(|error| error.below("tls"))
    }

    fn read_files(&self) -> Result<ClientConfig, ConfigError> {
        let provider = Arc::new(ring::default_provider());
        let files = Arc::new(Files::read(self.clone(), provider.clone())?);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions()?)
            .map_err(|error| tls_error("min_version", error))?;
        let builder = builder.dangerous().with_custom_certificate_verifier(files.clone());
        Ok(builder.with_client_cert_resolver(files))
    }

    fn trust(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
        if self.insecure_skip_verify {
            return Ok(Arc::new(Anyone(provider.clone())));
        }
        let own = read_certs("ca", &self.ca_file, &self.ca_pem)?;
        let roots = Arc::new(self.roots(own.as_deref())?);
        let by_roots = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| tls_error("ca_file", error))?;
        let name = self.server_name_override.as_deref().map(server_name).transpose()?;
        Ok(Arc::new(Trusting { by_roots, own: own.unwrap_or_default(), name }))
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

    /// The certificate that we show, if there is one.
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

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
        version::range(self.min_version, self.max_version)
    }

    fn reload_interval(&self) -> Option<std::time::Duration> {
        self.reload_interval.map(|interval| interval.0).filter(|interval| !interval.is_zero())
    }
}

impl Files {
    fn read(config: ClientTlsConfig, provider: Arc<CryptoProvider>) -> Result<Files, ConfigError> {
        let loaded = Loaded::read(&config, &provider)?;
        let next = config.reload_interval().map(|interval| Instant::now() + interval);
        Ok(Files { config, provider, current: ArcSwap::from_pointee(loaded), next: Mutex::new(next) })
    }

    /// Of the moment. What cannot be read leaves what was read before in its place.
    fn current(&self) -> Arc<Loaded> {
        if self.is_due() {
            match Loaded::read(&self.config, &self.provider) {
                Ok(fresh) => self.current.store(Arc::new(fresh)),
                Err(error) => {
                    tracing::warn!("keeping the previous certificates: {}", error.in_a_line());
                }
            }
        }
        self.current.load_full()
    }

    /// Whether the files are to be read now, by this handshake and no other.
    fn is_due(&self) -> bool {
        let Some(interval) = self.config.reload_interval() else { return false };
        let mut next = match self.next.try_lock() {
            Ok(next) => next,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(TryLockError::WouldBlock) => return false,
        };
        let now = Instant::now();
        let is_due = next.is_some_and(|next| next <= now);
        if is_due {
            *next = Some(now + interval);
        }
        is_due
    }
}

impl Loaded {
    fn read(config: &ClientTlsConfig, provider: &Arc<CryptoProvider>) -> Result<Loaded, ConfigError> {
        Ok(Loaded { trust: config.trust(provider)?, own: config.own(provider)? })
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Files {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.current().own.clone()
    }

    fn has_certs(&self) -> bool {
        self.current.load().own.is_some()
    }
}

impl ServerCertVerifier for Files {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let current = self.current();
        current.trust.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current.load().trust.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current.load().trust.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current.load().trust.supported_verify_schemes()
    }
}

/// For a client that is given no `https` address: should one appear, by a proxy say, it is not trusted.
pub fn trust_nobody() -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error("min_version", error))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// `name` is `ca` or `cert`.
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

/// `key` is below `tls`.
fn tls_error(key: &str, error: impl fmt::Display) -> ConfigError {
    ConfigError::on(key, format!("tls.{key}: {error}"))
}

fn wrong<T>(key: &str, message: &str) -> Result<T, ConfigError> {
    Err(tls_error(key, message))
}
