//! Signs requests by AWS Signature Version 4, with credentials of AWS's standard chain.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

pub(super) mod chain;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use self::chain::CredentialsChain;
use super::{HttpError, request::Outgoing};
use crate::config::ConfigError;

/// `auth.aws`: the service and region to sign for, and the identity to sign with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// The service as AWS writes it in the credential scope: `xray`, `logs`, `aps`, `s3`.
    pub service: String,
    /// The region, if it is not that of the environment, the profile or the instance.
    #[serde(default)]
    pub region: Option<String>,
    /// The profile in the shared config and credentials files, if it is not `AWS_PROFILE` or `default`.
    #[serde(default)]
    pub profile: Option<String>,
    /// The role to assume with the credentials of the chain.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// The external id, if the role's trust policy asks for one.
    #[serde(default)]
    pub external_id: Option<String>,
}

/// Signs the requests of one grant.
pub(super) struct AwsSigner {
    service: String,
    chain: CredentialsChain,
}

/// Credentials, and the region that they are used for.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    pub(super) region: String,
}

impl AwsConfig {
    /// Checks the config.
    ///
    /// # Errors
    /// A value is not valid. The key of the error is below `aws`.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.service.is_empty() {
            return Err(ConfigError::on(
                "service",
                "is empty; write the service's signing name, such as `xray`",
            ));
        }
        if self.role_arn.as_ref().is_some_and(|arn| !arn.starts_with("arn:")) {
            return Err(ConfigError::on("role_arn", "must begin with `arn:`"));
        }
        if self.external_id.is_some() && self.role_arn.is_none() {
            return Err(ConfigError::on("external_id", "goes with `role_arn`"));
        }
        Ok(())
    }
}

impl AwsSigner {
    pub(super) fn new(config: &AwsConfig) -> AwsSigner {
        AwsSigner { service: config.service.clone(), chain: CredentialsChain::new(config.clone()) }
    }

    /// Signs the request.
    ///
    /// # Errors
    /// [`HttpError::Credentials`] if there are no credentials; [`HttpError::Invalid`] if the request cannot
    /// be signed.
    pub(super) async fn sign(&self, request: &mut Outgoing) -> Result<(), HttpError> {
        let identity = self.chain.identity().await.map_err(HttpError::Credentials)?;
        sign_for(&self.service, &identity, SystemTime::now(), request)
            .map_err(|error| HttpError::Invalid(format!("the request cannot be signed: {error}")))
    }
}

/// Signs every header except those that proxies change. A plugin's own values of the signature's headers are
/// removed.
fn sign_for(
    service: &str,
    identity: &Identity,
    at: SystemTime,
    request: &mut Outgoing,
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
    let (instructions, _) = sign(signable(request)?, &params)?.into_parts();
    for header in instructions.into_parts().0 {
        let mut value = HeaderValue::from_str(header.value())?;
        value.set_sensitive(true);
        request.headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

fn signable(request: &Outgoing) -> Result<SignableRequest<'_>, SigningError> {
    let headers = request
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)));
    SignableRequest::new(
        request.method.as_str(),
        request.url.as_str(),
        headers,
        SignableBody::Bytes(&request.body),
    )
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
