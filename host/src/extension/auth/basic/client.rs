//! The credentials that an exporter sends.

use std::{path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use super::{ClientAuthConfig, wrong};
use crate::{
    component::auth::ClientAuth,
    config::ConfigError,
    files::{self, kept::Kept},
};

/// The interval at which the files are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);
const FILE_LIMIT_BYTES: usize = 64 << 10;

/// Adds `Authorization: Basic …` to each request.
pub(super) struct BasicClient(Kept<HeaderValue>);

impl BasicClient {
    /// Reads the files, which may block.
    ///
    /// # Errors
    /// A file cannot be read, or the credentials do not fit a header.
    pub(super) fn new(config: &ClientAuthConfig) -> Result<BasicClient, ConfigError> {
        let value = match header(config) {
            Ok(value) => value,
            Err(why) => return wrong(&format!("client_auth: {why}")),
        };
        if config.username_file.is_none() && config.password_file.is_none() {
            return Ok(BasicClient(Kept::fixed(value)));
        }
        let config = config.clone();
        let again = move || header(&config);
        Ok(BasicClient(Kept::read_again(value, "the user and the password", READ_AGAIN_AFTER, again)))
    }
}

impl ClientAuth for BasicClient {
    fn authorize(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, HeaderValue::clone(&self.0.current()));
    }
}

fn header(config: &ClientAuthConfig) -> Result<HeaderValue, String> {
    let username = match &config.username_file {
        Some(path) => read("username_file", path)?,
        None => config.username.clone(),
    };
    if username.is_empty() || username.contains(':') {
        return Err("username: must have no colon and not be empty".to_owned());
    }
    let password = match &config.password_file {
        Some(path) => read("password_file", path)?,
        None => config.password.0.clone(),
    };
    let credentials = STANDARD.encode(format!("{username}:{password}"));
    let value = HeaderValue::try_from(format!("Basic {credentials}"));
    let mut value = value.map_err(|_| "does not fit a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the content of a file without the line end that an editor adds.
fn read(key: &str, path: &Path) -> Result<String, String> {
    let text = files::read_text(path, FILE_LIMIT_BYTES);
    let text = text.map_err(|error| format!("{key}: cannot read {}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
