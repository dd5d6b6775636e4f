//! The client's side of TLS: whom an exporter trusts, and what it shows of itself.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use serde::Deserialize;

use super::FILE_LIMIT_BYTES;
use crate::{
    config::{ConfigError, Secret},
    files,
};

/// `tls` of an exporter. By default TLS is on and the system's certificate authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTlsConfig {
    /// No TLS, unless the endpoint says `https://`.
    pub insecure: bool,
    /// TLS, but anyone may be at the other end.
    pub insecure_skip_verify: bool,
    ca_file: Option<String>,
    ca_pem: Option<String>,
    /// Trust the system's authorities beside those of `ca_file` or `ca_pem`.
    include_system_ca_certs_pool: bool,
    cert_file: Option<String>,
    cert_pem: Option<String>,
    key_file: Option<String>,
    key_pem: Option<Secret>,
    /// The name that the server's certificate must have, if not the endpoint's host.
    server_name_override: Option<String>,
    min_version: Option<Version>,
    max_version: Option<Version>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Version {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

/// Trusts whom `inner` trusts, under the name that the config gives instead of the endpoint's host.
#[derive(Debug)]
struct UnderName {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

/// Trusts anyone who holds the key of the certificate shown.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ClientTlsConfig {
    /// What can be checked without reading files.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let both = |file: &Option<String>, pem: bool| file.is_some() && pem;
        if both(&self.ca_file, self.ca_pem.is_some())
            || both(&self.cert_file, self.cert_pem.is_some())
            || both(&self.key_file, self.key_pem.is_some())
        {
            return wrong("tls: give a `…_file` or a `…_pem`, not both");
        }
        let cert = self.cert_file.is_some() || self.cert_pem.is_some();
        let key = self.key_file.is_some() || self.key_pem.is_some();
        if cert != key {
            return wrong("tls: cert_file and key_file go together");
        }
        if self.versions().is_empty() {
            return wrong("tls.min_version: must not be above max_version");
        }
        if let Some(name) = &self.server_name_override {
            server_name(name)?;
        }
        Ok(())
    }

    /// Reads the files and makes what rustls takes; the ALPN protocols are the caller's to add.
    pub fn client_config(&self) -> Result<ClientConfig, ConfigError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions())
            .map_err(|error| tls_error("min_version", error))?;
        let builder =
            builder.dangerous().with_custom_certificate_verifier(self.server_cert_verifier(provider)?);
        match (self.certs()?, self.key()?) {
            (Some(certs), Some(key)) => {
                builder.with_client_auth_cert(certs, key).map_err(|error| tls_error("cert_file", error))
            }
            _ => Ok(builder.with_no_client_auth()),
        }
    }

    fn server_cert_verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
        if self.insecure_skip_verify {
            return Ok(Arc::new(Anyone(provider)));
        }
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider)
            .build()
            .map_err(|error| tls_error("ca_file", error))?;
        match &self.server_name_override {
            None => Ok(inner),
            Some(name) => Ok(Arc::new(UnderName { inner, name: server_name(name)? })),
        }
    }

    fn roots(&self) -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        let own = read_certs("ca_file", &self.ca_file, &self.ca_pem)?;
        if own.is_none() || self.include_system_ca_certs_pool {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
        for cert in own.into_iter().flatten() {
            roots.add(cert).map_err(|error| tls_error("ca_file", error))?;
        }
        if roots.is_empty() {
            return wrong("tls.ca_file: this machine has no certificate authorities; name the destination's");
        }
        Ok(roots)
    }

    fn certs(&self) -> Result<Option<Vec<CertificateDer<'static>>>, ConfigError> {
        read_certs("cert_file", &self.cert_file, &self.cert_pem)
    }

    fn key(&self) -> Result<Option<PrivateKeyDer<'static>>, ConfigError> {
        let key = match (&self.key_pem, &self.key_file) {
            (Some(pem), _) => PrivateKeyDer::from_pem_slice(pem.0.as_bytes()),
            (None, Some(path)) => PrivateKeyDer::from_pem_slice(&read("key_file", path)?),
            (None, None) => return Ok(None),
        };
        key.map(Some).map_err(|error| tls_error("key_file", error))
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)]
            .into_iter()
            .filter(|(version, _)| {
                self.min_version.is_none_or(|min| *version >= min)
                    && self.max_version.is_none_or(|max| *version <= max)
            })
            .map(|(_, supported)| supported)
            .collect()
    }
}

impl ServerCertVerifier for UnderName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// For a client that is given no `https` address: should one appear, by a proxy say, it is not trusted.
pub fn trust_nobody() -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error("min_version", error))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn read_certs(
    key: &str,
    file: &Option<String>,
    pem: &Option<String>,
) -> Result<Option<Vec<CertificateDer<'static>>>, ConfigError> {
    let pem = match (pem, file) {
        (Some(pem), _) => pem.clone().into_bytes(),
        (None, Some(path)) => read(key, path)?,
        (None, None) => return Ok(None),
    };
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certs {
        Ok(certs) if certs.is_empty() => wrong(&format!("tls.{key}: holds no PEM certificate")),
        certs => certs.map(Some).map_err(|error| tls_error(key, error)),
    }
}

fn read(key: &str, path: &str) -> Result<Vec<u8>, ConfigError> {
    let read = files::read(Path::new(path), FILE_LIMIT_BYTES);
    read.map_err(|error| ConfigError::new(format!("tls.{key}: {path}: {error}")))
}

fn server_name(name: &str) -> Result<ServerName<'static>, ConfigError> {
    ServerName::try_from(name.to_owned()).map_err(|error| tls_error("server_name_override", error))
}

fn tls_error(key: &str, error: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(format!("tls.{key}: {error}"))
}

fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message.to_owned()))
}
