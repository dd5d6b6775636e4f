//! Signs requests by AWS Signature Version 4.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::time::SystemTime;

use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::credentials::{CredentialsChain, Identity, IdentitySettings};
use crate::{
    component::auth::{SignError, UnsignedRequest},
    cpu::{self, Work},
    hash::Sha256,
};

/// Above this size, a body is hashed away from the threads that serve connections.
const OFF_WORKER_BYTES: usize = 256 << 10;

/// Signs with the credentials of one chain. They are asked for at the first request, and renewed before they
/// expire.
pub struct Signer {
    chain: CredentialsChain,
}

impl Signer {
    pub fn new(identity: IdentitySettings) -> Signer {
        Signer { chain: CredentialsChain::new(identity) }
    }

    /// Signs the request for a service. `region` has precedence over the region of the chain.
    ///
    /// # Errors
    /// There are no credentials, no region is known, or the request cannot be signed.
    pub async fn sign(
        &self,
        service: &str,
        region: Option<&str>,
        request: UnsignedRequest<'_>,
    ) -> Result<(), SignError> {
        let identity = self.chain.identity(region).await.map_err(SignError::NoCredentials)?;
        let hash = hash(request.body).await;
        sign_for(service, &identity, SystemTime::now(), request, hash)
            .map_err(|error| SignError::Invalid(format!("the request cannot be signed: {error}")))
    }

    #[cfg(test)]
    pub(crate) fn with_keys(id: &str) -> Signer {
        Signer { chain: CredentialsChain::with_keys(id) }
    }

    #[cfg(test)]
    pub(super) fn chain(&self) -> &CredentialsChain {
        &self.chain
    }
}

/// Signs every header except those that proxies change. The request's own values of the signature's headers
/// are removed.
pub(super) fn sign_for(
    service: &str,
    identity: &Identity,
    at: SystemTime,
    request: UnsignedRequest<'_>,
    hash: Sha256,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for name in ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"] {
        request.headers.remove(name);
    }
    if is_s3(service) {
        let path = strictly_encoded(request.url.path());
        request.url.set_path(&path);
    }
    let who = identity.credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&who)
        .region(&identity.region)
        .name(service)
        .time(at)
        .settings(settings(service))
        .build()?
        .into();
    let (instructions, _) = sign(signable(&request, hash)?, &params)?.into_parts();
    for header in instructions.into_parts().0 {
        let mut value = HeaderValue::from_str(header.value())?;
        value.set_sensitive(true);
        request.headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

fn signable<'a>(request: &'a UnsignedRequest<'_>, hash: Sha256) -> Result<SignableRequest<'a>, SigningError> {
    let headers = request
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)));
    let body = SignableBody::Precomputed(hash.to_string());
    SignableRequest::new(request.method.as_str(), request.url.as_str(), headers, body)
}

/// Returns the hash of a body.
pub(super) async fn hash(body: &[Bytes]) -> Sha256 {
    if body.iter().map(Bytes::len).sum::<usize>() < OFF_WORKER_BYTES {
        return Sha256::of_pieces(body);
    }
    let body = body.to_vec();
    cpu::run(Work::Short, move || Sha256::of_pieces(&body)).await
}

/// Returns how to sign for a service. S3 takes paths as they are. S3 and OpenSearch Serverless want the
/// body's hash in a header.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if is_s3(service) {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if is_s3(service) || service == "aoss" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// Returns true for `s3`, `s3express`, `s3-object-lambda` and others.
fn is_s3(service: &str) -> bool {
    service.starts_with("s3")
}

/// Encodes a path as S3 does before it compares signatures. A URL may leave more characters unencoded, such
/// as `$`.
fn strictly_encoded(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'%' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}
