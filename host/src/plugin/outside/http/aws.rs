//! `auth.aws` of a grant: requests are signed for AWS.

use serde::Deserialize;

use crate::{
    aws::{IdentitySettings, RoleSettings},
    config::ConfigError,
};

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

    /// Returns whose credentials requests are signed with.
    pub(super) fn identity(&self) -> IdentitySettings {
        let role = self.role_arn.clone().map(|arn| RoleSettings {
            arn,
            external_id: self.external_id.clone(),
            ..RoleSettings::default()
        });
        IdentitySettings {
            region: self.region.clone(),
            profile: self.profile.clone(),
            role,
            ..IdentitySettings::default()
        }
    }
}
