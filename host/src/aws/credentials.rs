//! AWS's standard chain of credentials: environment, profile, web identity, container, and instance metadata.
//! The chain is asked at the first request, and again before the credentials expire.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig,
    provider_config::ProviderConfig,
    sts::AssumeRoleProvider,
    web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider},
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use tokio::sync::{Mutex, OnceCell};

use crate::log_line::with_causes;

/// How long before they expire credentials are renewed, unless the settings say otherwise.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// The time limit of one walk along the chain.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a failure is the answer, so that not every request walks along the chain.
const FAILURE_HOLDS: Duration = Duration::from_secs(2);
/// Says what to do if no region is known.
pub const NO_REGION: &str = "no AWS region is known: write `region: us-east-1`, or set AWS_REGION";
/// The name of a role's sessions.
const SESSION_NAME: &str = "spanloom";

/// Whose credentials are used, and for which region. What is `None` is taken from the environment, the
/// profile or the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentitySettings {
    pub region: Option<String>,
    /// The profile in the shared config and credentials files.
    pub profile: Option<String>,
    /// The role to assume with the credentials of the chain.
    pub role: Option<RoleSettings>,
    /// How long before they expire credentials are renewed, if not a minute.
    pub renew_before: Option<Duration>,
}

/// A role to assume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleSettings {
    pub arn: String,
    pub session_name: Option<String>,
    pub session_duration: Option<Duration>,
    /// The external id, if the role's trust policy asks for one.
    pub external_id: Option<String>,
    /// The region whose security token service (STS) is asked, if it is not the region of the identity.
    pub sts_region: Option<String>,
    /// The file with a web identity token. With it, the role is assumed without the credentials of the chain.
    pub web_identity_token_file: Option<PathBuf>,
}

/// Credentials, and the region that they are used for.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    pub(super) region: String,
}

/// The credentials of one identity, and where they come from.
pub(super) struct CredentialsChain {
    settings: IdentitySettings,
    source: OnceCell<Source>,
    /// The last outcome. One request at a time asks the chain, and the others wait for the outcome.
    last: Mutex<Last>,
}

struct Source {
    provider: SharedCredentialsProvider,
    /// The region of the settings or the machine, or else the one that was asked for first.
    region: String,
}

#[derive(Default)]
struct Last {
    credentials: Option<Credentials>,
    failure: Option<(Instant, String)>,
}

impl CredentialsChain {
    pub(super) fn new(settings: IdentitySettings) -> CredentialsChain {
        CredentialsChain { settings, source: OnceCell::new(), last: Mutex::default() }
    }

    /// Returns the credentials and the region: the given one, if any.
    ///
    /// # Errors
    /// There are none. The text says why, for the operator, and holds no secret.
    pub(super) async fn identity(&self, region: Option<&str>) -> Result<Identity, String> {
        let source = self.source.get_or_try_init(|| Source::load(&self.settings, region)).await?;
        let region = region.unwrap_or(&source.region).to_owned();
        let credentials = self.last.lock().await.refreshed(&source.provider, self.renew_before()).await?;
        Ok(Identity { credentials, region })
    }

    /// Returns a chain that has an access key of this id, and the region `test-1`.
    #[cfg(test)]
    pub(super) fn with_keys(id: &str) -> CredentialsChain {
        let keys = Credentials::new(id, "hush", None, None, "test");
        let source = Source { provider: SharedCredentialsProvider::new(keys), region: "test-1".to_owned() };
        CredentialsChain {
            source: OnceCell::new_with(Some(source)),
            ..CredentialsChain::new(IdentitySettings::default())
        }
    }

    fn renew_before(&self) -> Duration {
        self.settings.renew_before.unwrap_or(RENEW_BEFORE)
    }
}

impl Last {
    /// Returns the known credentials, unless they are about to expire. If they cannot be renewed, they are
    /// used until they expire.
    async fn refreshed(
        &mut self,
        provider: &SharedCredentialsProvider,
        renew_before: Duration,
    ) -> Result<Credentials, String> {
        let known = |margin| self.credentials.as_ref().filter(|known| outlives(known, margin)).cloned();
        if let Some(fresh) = known(renew_before) {
            return Ok(fresh);
        }
        let still_valid = known(Duration::ZERO);
        let failure = match &self.failure {
            Some((at, failure)) if at.elapsed() < FAILURE_HOLDS => failure.clone(),
            _ => match load(provider).await {
                Ok(credentials) => {
                    *self = Last { credentials: Some(credentials.clone()), failure: None };
                    return Ok(credentials);
                }
                Err(failure) => {
                    self.failure = Some((Instant::now(), failure.clone()));
                    failure
                }
            },
        };
        still_valid.ok_or(failure)
    }
}

/// Returns the region of the environment, the profile or the instance, whichever is known first.
pub async fn region(profile: Option<&str>) -> Option<String> {
    let sdk = loader(profile).ok()?.load().await;
    sdk.region().map(Region::to_string)
}

/// Returns a loader, which asks the chains.
fn loader(profile: Option<&str>) -> Result<ConfigLoader, String> {
    // The client is for STS and the metadata services. It is not the plugins' client, since these requests
    // are the host's own.
    let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls_context()?);
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(tls.build_https());
    Ok(match profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    })
}

impl Source {
    /// `region` is where STS is asked if the settings name no region.
    async fn load(settings: &IdentitySettings, region: Option<&str>) -> Result<Source, String> {
        let mut loader = loader(settings.profile.as_deref())?;
        if let Some(region) = settings.region.as_deref().or(region) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let sdk = loader.load().await;
        let region = sdk.region().ok_or(NO_REGION)?.to_string();
        let provider = match &settings.role {
            None => sdk.credentials_provider().ok_or("there is no chain of credentials")?,
            Some(role) => role.provider(&sdk).await,
        };
        Ok(Source { provider, region })
    }
}

impl RoleSettings {
    async fn provider(&self, sdk: &SdkConfig) -> SharedCredentialsProvider {
        let session_name = self.session_name.as_deref().unwrap_or(SESSION_NAME);
        let sts_region = self.sts_region.clone().map(Region::new);
        if let Some(file) = &self.web_identity_token_file {
            let mut config =
                ProviderConfig::without_region().with_region(sts_region.or_else(|| sdk.region().cloned()));
            if let Some(client) = sdk.http_client() {
                config = config.with_http_client(client);
            }
            let token = StaticConfiguration {
                web_identity_token_file: file.clone(),
                role_arn: self.arn.clone(),
                session_name: session_name.to_owned(),
            };
            let builder = WebIdentityTokenCredentialsProvider::builder().configure(&config);
            return SharedCredentialsProvider::new(builder.static_configuration(token).build());
        }
        let mut builder = AssumeRoleProvider::builder(&self.arn).session_name(session_name).configure(sdk);
        if let Some(id) = &self.external_id {
            builder = builder.external_id(id);
        }
        if let Some(duration) = self.session_duration {
            builder = builder.session_length(duration);
        }
        if let Some(region) = sts_region {
            builder = builder.region(region);
        }
        SharedCredentialsProvider::new(builder.build().await)
    }
}

async fn load(provider: &SharedCredentialsProvider) -> Result<Credentials, String> {
    match tokio::time::timeout(LOAD_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => Err(format!("no AWS credentials: {}", with_causes(&error))),
        Err(_) => Err(format!("no AWS credentials in {} s", LOAD_TIMEOUT.as_secs())),
    }
}

fn outlives(credentials: &Credentials, margin: Duration) -> bool {
    credentials.expiry().is_none_or(|expiry| SystemTime::now() + margin < expiry)
}

/// Returns TLS settings with the system's authorities. A machine without authorities can still reach servers
/// without TLS.
fn tls_context() -> Result<TlsContext, String> {
    let has_authorities = !rustls_native_certs::load_native_certs().certs.is_empty();
    let trust = TrustStore::empty().with_native_roots(has_authorities);
    let context = TlsContext::builder().with_trust_store(trust).build();
    context.map_err(|error| format!("no TLS for AWS: {}", with_causes(&error)))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use aws_credential_types::provider::{self, error::CredentialsError, future};

    use super::*;

    /// A provider that answers each time with the next entry: the seconds that credentials live, or a
    /// failure.
    #[derive(Debug)]
    struct Script {
        lifetimes_s: Vec<Option<u64>>,
        asked: Arc<AtomicUsize>,
    }

    impl ProvideCredentials for Script {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(self.next())
        }
    }

    impl Script {
        fn next(&self) -> provider::Result {
            let turn = self.asked.fetch_add(1, Relaxed);
            let lifetime_s =
                self.lifetimes_s[turn].ok_or_else(|| CredentialsError::not_loaded("none here"))?;
            let expiry = SystemTime::now() + Duration::from_secs(lifetime_s);
            Ok(Credentials::new(format!("AKID{turn}"), "hush", None, Some(expiry), "script"))
        }
    }

    /// Returns the access keys that this many requests are signed with, and how often the provider was asked.
    async fn keys(lifetimes_s: &[Option<u64>], requests: usize) -> (Vec<String>, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let script = Script { lifetimes_s: lifetimes_s.to_vec(), asked: asked.clone() };
        let (provider, mut last) = (SharedCredentialsProvider::new(script), Last::default());
        let mut keys = Vec::new();
        for _ in 0..requests {
            let refreshed = last.refreshed(&provider, RENEW_BEFORE).await;
            keys.push(refreshed.map_or_else(|error| error, |found| found.access_key_id().to_owned()));
        }
        (keys, asked.load(Relaxed))
    }

    /// Scenario: requests are signed with credentials that live for an hour and for less than a minute.
    /// Guarantees: credentials are reused, and renewed a minute before they expire.
    #[tokio::test]
    async fn credentials_are_kept_until_they_are_about_to_expire() {
        assert_eq!(keys(&[Some(3600)], 3).await, (vec!["AKID0".to_owned(); 3], 1));
        let (keys, asked) = keys(&[Some(59), Some(3600)], 3).await;
        assert_eq!((keys, asked), (vec!["AKID0".to_owned(), "AKID1".to_owned(), "AKID1".to_owned()], 2));
    }

    /// Scenario: the metadata service fails while the credentials are still valid.
    /// Guarantees: requests are signed with them.
    #[tokio::test]
    async fn credentials_that_cannot_be_renewed_are_used_until_they_expire() {
        assert_eq!(keys(&[Some(30), None], 3).await, (vec!["AKID0".to_owned(); 3], 2));
    }

    /// Scenario: the provider fails, and requests follow at once.
    /// Guarantees: the provider is asked once.
    #[tokio::test]
    async fn a_failure_is_not_asked_for_again_at_once() {
        let (keys, asked) = keys(&[None], 3).await;
        assert!(keys.iter().all(|said| said.contains("none here")), "{keys:?}");
        assert_eq!(asked, 1);
    }
}
