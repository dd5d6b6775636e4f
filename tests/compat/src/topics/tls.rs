//! The `tls` keys of servers and of clients: who is let in, and what is agreed on.

mod client;
mod server;

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use crate::{observation::Case, side::Binaries};

/// The names that the servers' certificates are for. The last can be reached through a proxy only.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "collector.test"];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = server::run(binaries).await?;
    cases.extend(client::run(binaries).await?);
    Ok(cases)
}

/// A certificate authority, with a certificate that it signed.
pub(super) struct Authority {
    pub(super) authority: CertificateDer<'static>,
    pub(super) authority_pem: String,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: PrivatePkcs8KeyDer<'static>,
    key_pem: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Result<Authority> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("the authority {name}"));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
        params.distinguished_name.push(DnType::CommonName, format!("signed by {name}"));
        let signer: &Issuer<'_, _> = &issuer;
        let certificate = params.signed_by(&key, signer)?;
        Ok(Authority {
            authority: issuer.der().clone(),
            authority_pem: issuer.pem(),
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
            key_pem: key.serialize_pem(),
        })
    }

    fn roots(&self) -> Result<Arc<RootCertStore>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone())?;
        Ok(Arc::new(roots))
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }

    /// Returns a server that knows clients of the same authority, and takes others too.
    pub(super) fn server(&self) -> Result<Arc<ServerConfig>> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots()?, provider());
        let verifier = verifier.allow_unauthenticated().build().context("no verifier")?;
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = builder.with_client_cert_verifier(verifier);
        let mut config = builder.with_single_cert(self.chain(), self.private_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Returns the files of the working directory.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        [("ca.pem", &self.authority_pem), ("cert.pem", &self.certificate_pem), ("key.pem", &self.key_pem)]
            .map(|(name, pem)| (name.to_owned(), pem.clone()))
            .to_vec()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Returns a text as YAML writes it on one line.
fn quoted(pem: &str) -> String {
    format!("{pem:?}")
}
