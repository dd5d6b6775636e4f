//! Decides who may change what runs. Anyone who reaches the endpoint may see what runs.

use std::path::PathBuf;

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::config::Secret;

/// The body of `GET /v1/admin`: the ways to make changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminWays {
    /// The Unix socket that takes changes from the user that runs this process, and from root.
    pub socket: Option<PathBuf>,
    /// True if anyone who shows the token may make changes.
    pub token: bool,
}

/// The way that a request came, which decides what it may do.
#[derive(Clone, Debug)]
pub(super) enum Access {
    /// The socket, which only this user and root can open.
    Owner,
    Anyone {
        /// The token that permits changes.
        token: Option<Secret>,
        /// The socket that a refusal names.
        socket: Option<PathBuf>,
    },
}

impl Access {
    /// Checks whether a request may change anything.
    ///
    /// # Errors
    /// The request may not. The text says why, and what to do.
    pub(super) fn check_change(&self, headers: &HeaderMap) -> Result<(), String> {
        let Access::Anyone { token, socket } = self else { return Ok(()) };
        match (token, presented(headers)) {
            (Some(token), Some(shown)) if bool::from(token.0.as_bytes().ct_eq(shown)) => Ok(()),
            (Some(_), Some(_)) => {
                Err("the token is not the one of `service.admin.token` or `token_file`".to_owned())
            }
            (token, _) => Err(refusal(token.is_some(), socket.as_ref())),
        }
    }
}

fn refusal(has_token: bool, socket: Option<&PathBuf>) -> String {
    let by_token = match has_token {
        true => {
            "send the token of `service.admin.token` or `token_file` as `Authorization: Bearer …` \
                 (`spanloom … --admin-token-file FILE`)"
        }
        false => "set `service.admin.token_file`, and send that token as `Authorization: Bearer …`",
    };
    match socket {
        Some(socket) => format!(
            "changes are taken from the user that runs Spanloom and from root, over the socket {}: `spanloom` finds it \
             by itself; from anywhere else, {by_token}",
            socket.display()
        ),
        None => format!("changes need authorization: {by_token}"),
    }
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(rest)
}

const BEARER: &[u8] = b"Bearer ";
