//! `basicauth`: user and password (RFC 7617), checked against an htpasswd list, or sent to a destination.
//!
//! Checking bcrypt costs tens of milliseconds by design. So a keyed hash of each user's last accepted
//! password is kept, and bcrypt checks only other passwords, away from the threads that serve connections.

mod client;
mod htpasswd;

use std::{path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use serde::Deserialize;

use self::{client::BasicClient, htpasswd::Htpasswd};
use super::{MISSING, WRONG};
use crate::{
    component::{
        BuiltExtension, ExtensionFactory, Factory,
        auth::{ServerAuth, Unauthenticated, Verdict},
    },
    config::{ConfigError, Node, Secret, filled},
};

pub struct BasicAuthFactory;

/// The config: `htpasswd` for receivers or `client_auth` for exporters, not both.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuthConfig {
    pub htpasswd: Option<HtpasswdConfig>,
    pub client_auth: Option<ClientAuthConfig>,
}

/// Lines of `user:password`, the password plain, `{SHA}` or bcrypt. Inline lines have precedence over the
/// file's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HtpasswdConfig {
    #[serde(deserialize_with = "filled")]
    pub file: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub inline: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientAuthConfig {
    pub username: String,
    pub password: Secret,
    /// Files that have precedence over `username` and `password`. They are read again every second.
    #[serde(deserialize_with = "filled")]
    pub username_file: Option<PathBuf>,
    #[serde(deserialize_with = "filled")]
    pub password_file: Option<PathBuf>,
}

struct BasicServer(Htpasswd);

/// The credentials of a request.
struct Credentials {
    user: String,
    password: Vec<u8>,
}

impl Factory for BasicAuthFactory {
    fn name(&self) -> &str {
        "basicauth"
    }

    fn aliases(&self) -> &[&str] {
        &["basic_auth"]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(BasicAuthConfig::validate).map(drop)
    }
}

impl ExtensionFactory for BasicAuthFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let config = config.read_valid(BasicAuthConfig::validate)?;
        let mut built = BuiltExtension::default();
        if let Some(htpasswd) = &config.htpasswd {
            built.server_auth = Some(Arc::new(BasicServer(Htpasswd::load(htpasswd)?)));
        }
        if let Some(client) = &config.client_auth {
            built.client_auth = Some(Arc::new(BasicClient::new(client)?));
        }
        Ok(built)
    }
}

impl BasicAuthConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        match (&self.htpasswd, &self.client_auth) {
            (Some(HtpasswdConfig { file: None, inline: None }), None) => {
                wrong("htpasswd: give file, inline or both")
            }
            (Some(_), None) => Ok(()),
            (None, Some(client))
                if client.username_file.is_none()
                    && (client.username.is_empty() || client.username.contains(':')) =>
            {
                wrong("client_auth: username: must have no colon and not be empty")
            }
            (None, Some(_)) => Ok(()),
            _ => wrong("give one of htpasswd (for receivers) and client_auth (for exporters)"),
        }
    }
}

impl ServerAuth for BasicServer {
    fn authenticate(&self, headers: &HeaderMap) -> Verdict {
        match Credentials::of(headers) {
            Ok(Credentials { user, password }) => self.0.check(&user, &password),
            Err(why) => Verdict::Known(Err(why)),
        }
    }

    fn challenge(&self) -> &str {
        "Basic realm=\"spanloom\", charset=\"UTF-8\""
    }
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Result<Credentials, Unauthenticated> {
        let header = headers.get(AUTHORIZATION).ok_or(MISSING)?.as_bytes();
        let (scheme, encoded) = header.split_at_checked(6).ok_or(MISSING)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return Err(MISSING);
        }
        let mut user = STANDARD.decode(encoded.trim_ascii()).map_err(|_| WRONG)?;
        let colon = user.iter().position(|byte| *byte == b':').ok_or(WRONG)?;
        let password = user.split_off(colon).split_off(1);
        Ok(Credentials { user: String::from_utf8(user).map_err(|_| WRONG)?, password })
    }
}

fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::component::auth::{Denied, check as check_auth};

    fn build(config: serde_json::Value) -> Result<BuiltExtension, ConfigError> {
        BasicAuthFactory.build(&Node::from_json(config))
    }

    fn server(inline: &str) -> Arc<dyn ServerAuth> {
        build(json!({ "htpasswd": { "inline": inline } })).unwrap().server_auth.unwrap()
    }

    fn check(server: &dyn ServerAuth, credentials: &str, expected: Result<(), Unauthenticated>) {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())]);
        assert_eq!(server.authenticate(&headers).decide(), expected, "{credentials}");
    }

    /// A password is tested in each of its three forms, and twice, because the second bcrypt check uses the
    /// kept hash.
    #[test]
    fn only_the_right_password_is_let_in() {
        let bcrypt = bcrypt::hash("secret:3", 4).unwrap();
        let sha = "{SHA}q0FUp8RR9W6bf/FTd1jd0MYZ+L4="; // masterkey
        let server = server(&format!("plain:secret\n# a comment\n\nbcrypt:{bcrypt}\nsha:{sha}\n"));
        for _ in 0..2 {
            check(&*server, "plain:secret", Ok(()));
            check(&*server, "bcrypt:secret:3", Ok(()));
            check(&*server, "sha:masterkey", Ok(()));
            for wrong in ["plain:secret2", "bcrypt:secret", "sha:", "nobody:secret", "plain", ":", ""] {
                check(&*server, wrong, Err(WRONG));
            }
        }
    }

    fn verdict(server: &dyn ServerAuth, credentials: &str) -> Verdict {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())]);
        server.authenticate(&headers)
    }

    /// The time of the response reveals neither whether a user exists nor how similar a password is, and
    /// known credentials never wait.
    #[test]
    fn a_user_that_does_not_exist_is_checked_as_one_that_does() {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        let all_bcrypt = server(&format!("one:{bcrypt}\ntwo:{bcrypt}\n"));
        for who in ["one:wrong", "two:", "nobody:secret", "another:wrong", "one:secret"] {
            assert!(matches!(verdict(&*all_bcrypt, who), Verdict::Costly(_)), "{who}");
        }
        assert_eq!(verdict(&*all_bcrypt, "nobody:secret").decide(), Err(WRONG));
        assert_eq!(verdict(&*all_bcrypt, "one:secret").decide(), Ok(()));
        assert!(matches!(verdict(&*all_bcrypt, "one:secret"), Verdict::Known(Ok(()))));
        // With several kinds of passwords, an unknown user is always checked by the same kind.
        let mixed = server(&format!("one:{bcrypt}\ntwo:secret\n"));
        let is_costly = |name: &str| matches!(verdict(&*mixed, &format!("{name}:x")), Verdict::Costly(_));
        let names: Vec<String> = (0..64).map(|number| format!("nobody{number}")).collect();
        assert!(names.iter().any(|name| is_costly(name)) && names.iter().any(|name| !is_costly(name)));
        assert!(names.iter().all(|name| is_costly(name) == is_costly(name)));
    }

    /// Twenty clients that guess passwords are all refused, and do not delay users whose password was
    /// accepted before.
    #[tokio::test]
    async fn who_guesses_delays_nobody_who_is_known() {
        let server = server(&format!("user:{}\n", bcrypt::hash("secret", 10).unwrap()));
        let headers = |password: &str| {
            let value = format!("Basic {}", STANDARD.encode(format!("user:{password}")));
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
        };
        check_auth(&*server, &headers("secret")).await.unwrap();
        let no_core = crate::cpu::keep_waiting().await;
        let guesses: Vec<_> = (0..20)
            .map(|number| {
                let (server, headers) = (server.clone(), headers(&number.to_string()));
                tokio::spawn(async move { check_auth(&*server, &headers).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let (known, patience) = (headers("secret"), std::time::Duration::from_secs(60));
        let known = tokio::time::timeout(patience, check_auth(&*server, &known)).await;
        known.expect("it waits for no guess").unwrap();
        assert!(guesses.iter().all(|guess| !guess.is_finished()), "there was no core for a guess");
        drop(no_core);
        for guess in guesses {
            assert_eq!(guess.await.unwrap(), Err(Denied::Unauthenticated(WRONG)));
        }
    }

    #[test]
    fn another_scheme_is_no_credentials() {
        let server = server("user:secret");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer token"))]);
        assert_eq!(server.authenticate(&headers).decide(), Err(MISSING));
        assert_eq!(server.authenticate(&HeaderMap::new()).decide(), Err(MISSING));
    }

    #[test]
    fn what_an_exporter_shows_a_receiver_takes() {
        let client = json!({ "client_auth": { "username": "user", "password": "se:cret" } });
        let mut headers = HeaderMap::new();
        build(client).unwrap().client_auth.unwrap().authorize(&mut headers);
        assert_eq!(server("user:se:cret").authenticate(&headers).decide(), Ok(()));
    }

    /// Scenario: the user and the password are in files, with the line end of an editor.
    /// Guarantees: they have precedence over the config's, and a file that is not there is named.
    #[tokio::test]
    async fn an_exporter_shows_what_its_files_hold() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = json!({
            "username": "other", "username_file": file("user", "user\n"), "password_file": file("word", "secret\r\n")
        });
        let mut headers = HeaderMap::new();
        build(json!({ "client_auth": files })).unwrap().client_auth.unwrap().authorize(&mut headers);
        assert_eq!(server("user:secret").authenticate(&headers).decide(), Ok(()));
        let missing = json!({ "username": "user", "password_file": folder.path().join("nowhere") });
        let error = build(json!({ "client_auth": missing })).err().unwrap().to_string();
        assert!(error.contains("password_file: cannot read"), "{error}");
    }

    #[test]
    fn the_file_and_the_inline_lines_are_one_list() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "both:old\nfile:1\n").unwrap();
        let config = json!({ "htpasswd": { "file": file.path(), "inline": "both:new\ninline:2" } });
        let server = build(config).unwrap().server_auth.unwrap();
        check(&*server, "both:new", Ok(()));
        check(&*server, "both:old", Err(WRONG));
        check(&*server, "file:1", Ok(()));
        check(&*server, "inline:2", Ok(()));
    }

    #[test]
    fn a_hash_that_we_cannot_check_is_refused_at_the_start() {
        for line in ["user:$apr1$zJWM2u1b$x", "user:$6$salt$hash", "no colon", "user:$2y$nonsense", ":x"] {
            let error = build(json!({ "htpasswd": { "inline": line } })).err();
            assert!(error.is_some_and(|error| error.to_string().contains("line 1")), "{line}");
        }
        assert!(build(json!({})).is_err());
        assert!(build(json!({ "htpasswd": {} })).is_err());
        assert!(build(json!({ "htpasswd": { "file": "/nowhere/at/all" } })).is_err());
    }

    /// Opening a pipe without a writer would block for ever.
    #[test]
    fn a_pipe_is_no_file_of_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        let error = build(json!({ "htpasswd": { "file": pipe } })).err().unwrap().to_string();
        assert!(error.contains("it is not a file"), "{error}");
    }
}
