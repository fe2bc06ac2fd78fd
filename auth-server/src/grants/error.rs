//! Why no token is issued, and the status of each: the only place that picks one.

use serde_json::json;

use crate::reply::Reply;

/// Why a token request could not even be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// RFC 6749 section 3.2: the client must use POST.
    #[error("the token endpoint takes POST alone")]
    Method,
    /// More bytes than any token request has.
    #[error("the body is larger than 64 KiB")]
    TooLarge,
    /// The client sends too slowly.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// A broken chunk, or the client hung up half-way.
    #[error("the body is broken off or not framed as HTTP says")]
    Broken,
}

/// Why no token is issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GrantError {
    /// There is no request to judge.
    #[error("{0}")]
    Unread(Unread),
    /// The request is not one; the text says what to change.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// A grant that we do not have.
    #[error("the grant_type is not supported: use client_credentials")]
    UnsupportedGrantType,
    /// Wrong secret, unknown client, no secret: one answer for all, so that it tells nobody who exists.
    #[error("the client is unknown or its secret is wrong")]
    InvalidClient {
        /// Whether the Basic header was used (RFC 6749 section 5.2 then wants a challenge).
        basic: bool,
    },
    /// Nothing of what was asked for is held.
    #[error("the client holds none of the scopes asked for")]
    InvalidScope,
    /// No such organisation, or no embedded issuer.
    #[error("there is no such organisation")]
    UnknownOrg,
    /// Too many sign-ins at once.
    #[error("too many sign-ins at present: try again")]
    Busy,
    /// A fault of ours. The text is for the log.
    #[error("the token could not be issued")]
    Internal(String),
}

impl GrantError {
    /// The answer of RFC 6749 section 5.2.
    pub(super) fn reply(&self) -> Reply {
        let (status, code) = match self {
            // RFC 6749 has no codes for these: its one for what is no request comes nearest.
            GrantError::Unread(Unread::Method) => (405, "invalid_request"),
            GrantError::Unread(Unread::TooLarge) => (413, "invalid_request"),
            GrantError::Unread(Unread::TooSlow) => (408, "invalid_request"),
            GrantError::Unread(Unread::Broken) => (400, "invalid_request"),
            GrantError::InvalidRequest(_) => (400, "invalid_request"),
            GrantError::UnsupportedGrantType => (400, "unsupported_grant_type"),
            GrantError::InvalidScope => (400, "invalid_scope"),
            GrantError::InvalidClient { .. } => (401, "invalid_client"),
            GrantError::UnknownOrg => (404, "not_found"),
            GrantError::Busy => (503, "temporarily_unavailable"),
            GrantError::Internal(_) => (500, "server_error"),
        };
        let body = json!({"error": code, "error_description": self.to_string()});
        let reply = Reply::json(status, &body).no_store();
        match self {
            GrantError::InvalidClient { basic: true } => {
                reply.header("www-authenticate", "Basic realm=\"oauth\", charset=\"UTF-8\"")
            }
            GrantError::Busy => reply.header("retry-after", "1"),
            GrantError::Unread(Unread::Method) => reply.header("allow", "POST"),
            GrantError::Internal(cause) => {
                tracing::error!(%cause, "no token could be issued");
                reply
            }
            GrantError::Unread(Unread::TooLarge | Unread::TooSlow | Unread::Broken)
            | GrantError::InvalidRequest(_)
            | GrantError::UnsupportedGrantType
            | GrantError::InvalidScope
            | GrantError::InvalidClient { basic: false }
            | GrantError::UnknownOrg => reply,
        }
    }
}
