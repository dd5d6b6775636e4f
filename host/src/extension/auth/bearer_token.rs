//! `bearertokenauth`: a token in a header, `Authorization: Bearer …` unless configured otherwise.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{MISSING, WRONG};
use crate::{
    component::{
        BuiltExtension, ExtensionFactory, Factory,
        auth::{ClientAuth, ServerAuth, Verdict},
    },
    config::{ConfigError, Node, Secret, filled},
    files::{self, kept::Kept},
};

/// The interval at which the token file is read again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);
const FILE_LIMIT_BYTES: usize = 1 << 20;

pub struct BearerTokenFactory;

/// The config: one of `token`, `tokens` and `filename`. `filename` has precedence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BearerTokenConfig {
    pub header: String,
    /// The text before the token, separated by a space. If it is empty, the header is only the token.
    pub scheme: String,
    #[serde(deserialize_with = "filled")]
    pub token: Option<Secret>,
    /// A receiver accepts each of these tokens. An exporter sends the first.
    pub tokens: Vec<Secret>,
    /// A file with one token in each line. It is read again every second.
    #[serde(deserialize_with = "filled")]
    pub filename: Option<PathBuf>,
}

/// Accepts requests with one of the tokens, and adds the first token to outgoing requests.
pub struct BearerToken {
    header: HeaderName,
    scheme: String,
    tokens: Kept<Vec<String>>,
}

impl Default for BearerTokenConfig {
    fn default() -> BearerTokenConfig {
        BearerTokenConfig {
            header: "Authorization".to_owned(),
            scheme: "Bearer".to_owned(),
            token: None,
            tokens: Vec::new(),
            filename: None,
        }
    }
}

impl Factory for BearerTokenFactory {
    fn name(&self) -> &str {
        "bearertokenauth"
    }

    fn aliases(&self) -> &[&str] {
        &["bearer_token_auth"]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(|config: &BearerTokenConfig| config.validate().map(drop)).map(drop)
    }
}

impl ExtensionFactory for BearerTokenFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let auth = Arc::new(BearerToken::new(&config.read()?)?);
        Ok(BuiltExtension {
            server_auth: Some(auth.clone()),
            client_auth: Some(auth),
            ..BuiltExtension::default()
        })
    }
}

impl BearerTokenConfig {
    fn validate(&self) -> Result<HeaderName, ConfigError> {
        let all = || self.token.iter().chain(&self.tokens);
        if self.filename.is_none() && self.token.is_some() != self.tokens.is_empty() {
            return wrong("give one of token, tokens and filename");
        }
        if all().any(|token| token.0.is_empty() || HeaderValue::from_str(&token.0).is_err()) {
            return wrong("a token is empty or has bytes that a header cannot carry");
        }
        if HeaderValue::from_str(&self.scheme).is_err() {
            return wrong("scheme: has bytes that a header cannot carry");
        }
        HeaderName::try_from(&self.header)
            .or_else(|_| wrong(&format!("header: {:?} is not the name of a header", self.header)))
    }
}

impl BearerToken {
    /// Reads the file, which may block.
    ///
    /// # Errors
    /// A value is out of its range, or the file cannot be read.
    pub fn new(config: &BearerTokenConfig) -> Result<BearerToken, ConfigError> {
        let header = config.validate()?;
        let tokens = match &config.filename {
            Some(path) => keep(path.clone())?,
            None => {
                Kept::fixed(config.token.iter().chain(&config.tokens).map(|token| token.0.clone()).collect())
            }
        };
        Ok(BearerToken { header, scheme: config.scheme.clone(), tokens })
    }

    /// Returns the token of a request, without the scheme.
    fn presented<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        let value = headers.get(&self.header)?.as_bytes();
        if self.scheme.is_empty() {
            return Some(value);
        }
        let (scheme, rest) = value.split_at_checked(self.scheme.len())?;
        let rest = rest.strip_prefix(b" ")?;
        scheme.eq_ignore_ascii_case(self.scheme.as_bytes()).then_some(rest)
    }
}

impl ServerAuth for BearerToken {
    fn authenticate(&self, headers: &HeaderMap) -> Verdict {
        let Some(presented) = self.presented(headers) else { return Verdict::Known(Err(MISSING)) };
        let tokens = self.tokens.current();
        // Every token is compared, in a time that does not depend on where they differ.
        let known = tokens
            .iter()
            .fold(subtle::Choice::from(0), |known, token| known | token.as_bytes().ct_eq(presented));
        Verdict::Known(if bool::from(known) { Ok(()) } else { Err(WRONG) })
    }

    fn challenge(&self) -> &str {
        if self.scheme.is_empty() { "Bearer" } else { &self.scheme }
    }
}

impl ClientAuth for BearerToken {
    fn authorize(&self, headers: &mut HeaderMap) {
        let tokens = self.tokens.current();
        let Some(token) = tokens.first() else { return };
        let value = if self.scheme.is_empty() { token.clone() } else { format!("{} {token}", self.scheme) };
        if let Ok(mut value) = HeaderValue::from_str(&value) {
            value.set_sensitive(true);
            headers.insert(&self.header, value);
        }
    }
}

/// Keeps the tokens of the file. If the file cannot be read or is empty, the previous tokens stay.
fn keep(path: PathBuf) -> Result<Kept<Vec<String>>, ConfigError> {
    match read(&path) {
        Ok(tokens) => {
            let again = move || read(&path).map_err(|error| format!("{}: {error}", path.display()));
            Ok(Kept::read_again(tokens, "the tokens", READ_AGAIN_AFTER, again))
        }
        Err(error) => wrong(&format!("filename: cannot read {}: {error}", path.display())),
    }
}

fn read(path: &Path) -> io::Result<Vec<String>> {
    let text = files::read_text(path, FILE_LIMIT_BYTES)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Vec<String> = lines.map(str::to_owned).collect();
    if tokens.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no token"));
    }
    Ok(tokens)
}

fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::auth::Unauthenticated;

    fn auth(config: serde_json::Value) -> BearerToken {
        BearerToken::new(&Node::from_json(config).read().unwrap()).unwrap()
    }

    fn with(name: &str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap())])
    }

    fn check(auth: &BearerToken, value: &str, expected: Result<(), Unauthenticated>) {
        assert_eq!(auth.authenticate(&with("authorization", value)).decide(), expected, "{value}");
    }

    #[test]
    fn only_a_known_token_is_let_in() {
        let auth = auth(json!({ "tokens": ["one", "two"] }));
        check(&auth, "Bearer one", Ok(()));
        check(&auth, "bearer two", Ok(()));
        check(&auth, "Bearer three", Err(WRONG));
        check(&auth, "Bearer on", Err(WRONG));
        check(&auth, "Bearer ", Err(WRONG));
        check(&auth, "Basic one", Err(MISSING));
        check(&auth, "one", Err(MISSING));
        assert_eq!(auth.authenticate(&HeaderMap::new()).decide(), Err(MISSING));
    }

    #[test]
    fn scheme_and_header_are_the_users_choice() {
        let auth = auth(json!({ "token": "key", "scheme": "", "header": "X-Api-Key" }));
        assert_eq!(auth.authenticate(&with("x-api-key", "key")).decide(), Ok(()));
        assert_eq!(auth.authenticate(&with("authorization", "key")).decide(), Err(MISSING));
    }

    #[test]
    fn what_an_exporter_shows_a_receiver_takes() {
        let auth = auth(json!({ "tokens": ["one", "two"] }));
        let mut headers = HeaderMap::new();
        auth.authorize(&mut headers);
        assert_eq!(headers["authorization"], "Bearer one");
        assert_eq!(auth.authenticate(&headers).decide(), Ok(()));
    }

    /// Writing the file rotates the token. If the file is missing or a pipe for a moment, nobody is locked
    /// out.
    #[tokio::test]
    async fn a_changed_file_changes_the_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "old\n").unwrap();
        let auth = auth(json!({ "filename": path }));
        let becomes = async |value: &str, expected: Result<(), Unauthenticated>| {
            while auth.authenticate(&with("authorization", value)).decide() != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        check(&auth, "Bearer old", Ok(()));
        std::fs::write(&path, "new\n\nnewer\n").unwrap();
        becomes("Bearer newer", Ok(())).await;
        check(&auth, "Bearer old", Err(WRONG));
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        tokio::time::sleep(READ_AGAIN_AFTER).await;
        check(&auth, "Bearer new", Ok(()));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "last").unwrap();
        becomes("Bearer last", Ok(())).await;
    }

    #[test]
    fn a_config_without_a_token_is_refused() {
        let wrong = [
            json!({}),
            json!({ "token": "" }),
            json!({ "token": "a", "tokens": ["b"] }),
            json!({ "filename": "/nowhere/at/all" }),
            json!({ "token": "a\nb" }),
        ];
        for config in wrong {
            assert!(BearerTokenFactory.build(&Node::from_json(config.clone())).is_err(), "{config}");
        }
    }
}
