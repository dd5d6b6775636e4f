//! Who is trusted to be the server.

use std::sync::Arc;

use rustls::{
    CertificateError,
    client::{WebPkiServerVerifier, danger::ServerCertVerified, verify_server_name},
    pki_types::{CertificateDer, ServerName},
    server::ParsedCertificate,
};

#[derive(Debug)]
pub(super) enum Trust {
    /// Anyone who holds the key of the certificate shown.
    Anyone,
    /// Those whom an authority vouches for, and the holders of our own authorities' keys themselves: a certificate that signed
    /// itself is often both, and webpki takes no authority for a server.
    Authorities {
        by_roots: Arc<WebPkiServerVerifier>,
        /// Of `ca_file` or `ca_pem`.
        own: Vec<CertificateDer<'static>>,
        /// Instead of the endpoint's host.
        name: Option<ServerName<'static>>,
    },
}

impl Trust {
    /// Whether the certificate is trusted to be the server of this name; `verify` asks the authorities.
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
            // Its dates have been found right before that.
            Err(error) if is_authority(&error) && own.iter().any(|own| own.as_ref() == shown.as_ref()) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }
}

/// Whether a certificate is refused for being an authority's.
fn is_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(why)) = error else { return false };
    why.0.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
}
