//! Gives rustls the content of a client's files.

use std::{fmt, sync::Arc};

use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};

use super::{ClientTlsConfig, trust::Trust};
use crate::{config::ConfigError, files::kept::Kept};

/// The trusted authorities and the client's certificate, from the files of a config. rustls asks for both.
pub(super) struct Files {
    provider: Arc<CryptoProvider>,
    kept: Kept<Loaded>,
}

pub(super) struct Loaded {
    pub(super) trust: Trust,
    pub(super) own: Option<Arc<CertifiedKey>>,
}

impl Files {
    /// Reads the files now, and again at the configured interval.
    pub(super) fn read(
        config: &ClientTlsConfig,
        provider: Arc<CryptoProvider>,
    ) -> Result<Files, ConfigError> {
        let loaded = config.loaded(&provider)?;
        let kept = match config.reload_interval() {
            None => Kept::fixed(loaded),
            Some(interval) => {
                let (config, provider) = (config.clone(), provider.clone());
                let read = move || config.loaded(&provider).map_err(|error| error.in_a_line());
                Kept::read_again(loaded, "a client's certificates", interval, read)
            }
        };
        Ok(Files { provider, kept })
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Files {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.kept.current().own.clone()
    }

    fn has_certs(&self) -> bool {
        self.kept.current().own.is_some()
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
        let Loaded { trust, .. } = &*self.kept.current();
        trust.check(server_name, end_entity, |verifier, name| {
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
