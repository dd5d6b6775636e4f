//! Decides whether a server is trusted.

use std::sync::Arc;

use rustls::{
    CertificateError,
    client::{WebPkiServerVerifier, danger::ServerCertVerified, verify_server_name},
    pki_types::{CertificateDer, ServerName},
    server::ParsedCertificate,
};

#[derive(Debug)]
pub(super) enum Trust {
    /// Any server that holds the key of its certificate.
    Anyone,
    /// A server with a certificate that an authority signed, or with a configured authority's own
    /// certificate. A self-signed certificate is often both, and webpki does not accept an authority as a
    /// server.
    Authorities {
        by_roots: Arc<WebPkiServerVerifier>,
        /// The certificates of `ca_file` or `ca_pem`.
        own: Vec<CertificateDer<'static>>,
        /// The server name that is checked instead of the endpoint's host.
        name: Option<ServerName<'static>>,
    },
}

impl Trust {
    /// Checks that the certificate is trusted for the server of this name. `verify` asks the authorities.
    pub(super) fn check(
        &self,
        server_name: &ServerName<'_>,
        shown: &CertificateDer<'_>,
        verify: impl FnOnce(&WebPkiServerVerifier, &ServerName<'_>) -> Result<ServerCertVerified, rustls::Error>,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Authorities { by_roots, own, name } = self else {
            return Ok(ServerCertVerified::assertion());
        };
        let name = name.as_ref().unwrap_or(server_name);
        match verify(by_roots, name) {
            // The certificate's dates were checked before this error.
            Err(error) if is_authority(&error) && own.iter().any(|own| own.as_ref() == shown.as_ref()) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }
}

/// Returns whether a certificate was refused because it is an authority's.
fn is_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(why)) = error else { return false };
    why.0.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
}
