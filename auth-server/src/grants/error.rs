//! Why no token is issued, and the status of each: the only place that picks one.

use serde_json::json;
use token::TokenError;

use crate::agents::Exhausted;
use crate::asked::Unread;
use crate::reply::Reply;
use crate::validate::Field;

/// Why no token is issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantError {
    /// There is no request to judge.
    #[error("{0}")]
    Unread(Unread),
    /// The request is not one; the text says what to change.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// A grant that we do not have.
    #[error("the grant_type is not supported: use client_credentials, or token-exchange of RFC 8693")]
    UnsupportedGrantType,
    /// Somebody at the authorization endpoint, where people sign in elsewhere (RFC 6749 section 4.1.2.1).
    #[error("this issuer signs agents in by client credentials alone")]
    NoBrowser,
    /// Wrong secret, unknown client, no secret: one answer for all, so that it tells nobody who exists.
    #[error("the client is unknown or its secret is wrong")]
    InvalidClient {
        /// Whether the Basic header was used (RFC 6749 section 5.2 then wants a challenge).
        basic: bool,
    },
    /// A bearer token of the caller's that is no good, or a secret sent as one (RFC 6750 section 3.1).
    #[error("the bearer token is not good here")]
    InvalidBearer,
    /// Nothing of what was asked for is held.
    #[error("the client holds none of the scopes asked for")]
    InvalidScope,
    /// No such organisation, or no embedded issuer.
    #[error("there is no such organisation")]
    UnknownOrg,
    /// The token to be exchanged is none that can be (RFC 8693 section 2.2.2); it is not said more of it
    /// than what is wrong.
    #[error("the {which} cannot be exchanged: {why}")]
    InvalidGrant {
        /// `subject_token` or `actor_token`.
        which: &'static str,
        /// What is wrong with it.
        why: TokenError,
    },
    /// The MCP server is not known, or two different ones were named (RFC 8707 section 2).
    #[error("{0}")]
    InvalidTarget(&'static str),
    /// The agent may not use this MCP server.
    #[error("the agent, or its token, lacks the capability '{0}' that this MCP server asks for")]
    CapabilityDenied(String),
    /// A budget is used up.
    #[error("{why}")]
    BudgetExceeded {
        /// Which.
        why: Exhausted,
        /// How long to wait, in seconds.
        retry_after: u64,
    },
    /// Keycloak, which keeps the secrets, does not answer.
    #[error("the secret cannot be verified at present: try again")]
    KeeperAway,
    /// The directory cannot be written, or what others wrote there is not known.
    #[error("the directory of agents is not available at present: try again")]
    Store,
    /// Too many sign-ins at once.
    #[error("too many sign-ins at present: try again")]
    Busy,
    /// A fault of ours. The text is for the log.
    #[error("the token could not be issued")]
    Internal(String),
}

impl GrantError {
    /// The answer of RFC 6749 section 5.2.
    pub(crate) fn reply(&self, request_id: Field<'_>) -> Reply {
        let (status, code) = match self {
            // RFC 6749 has no codes for these: its one for what is no request comes nearest.
            GrantError::Unread(Unread::Method(_)) => (405, "invalid_request"),
            GrantError::Unread(Unread::TooLarge) => (413, "invalid_request"),
            GrantError::Unread(Unread::TooSlow) => (408, "invalid_request"),
            GrantError::Unread(Unread::Broken) => (400, "invalid_request"),
            GrantError::InvalidRequest(_) => (400, "invalid_request"),
            GrantError::UnsupportedGrantType => (400, "unsupported_grant_type"),
            GrantError::NoBrowser => (400, "unsupported_response_type"),
            GrantError::InvalidScope => (400, "invalid_scope"),
            GrantError::InvalidClient { .. } => (401, "invalid_client"),
            GrantError::InvalidBearer => (401, "invalid_token"),
            GrantError::UnknownOrg => (404, "not_found"),
            GrantError::InvalidGrant {
                why: TokenError::Unavailable | TokenError::RevocationUnknown | TokenError::Key(_),
                ..
            } => (503, "temporarily_unavailable"),
            GrantError::InvalidGrant { .. } => (400, "invalid_grant"),
            GrantError::InvalidTarget(_) => (400, "invalid_target"),
            GrantError::CapabilityDenied(_) => (403, "capability_denied"),
            GrantError::BudgetExceeded { .. } => (429, "budget_exceeded"),
            GrantError::Busy | GrantError::KeeperAway | GrantError::Store => (503, "temporarily_unavailable"),
            GrantError::Internal(_) => (500, "server_error"),
        };
        let body = json!({"error": code, "error_description": self.to_string()});
        let reply = Reply::json(status, &body).no_store();
        match self {
            GrantError::InvalidClient { basic: true } => {
                reply.header("www-authenticate", "Basic realm=\"oauth\", charset=\"UTF-8\"")
            }
            GrantError::InvalidBearer => {
                reply.header("www-authenticate", "Bearer realm=\"oauth\", error=\"invalid_token\"")
            }
            GrantError::Busy | GrantError::KeeperAway | GrantError::Store => reply.header("retry-after", "1"),
            GrantError::InvalidGrant { .. } if status == 503 => reply.header("retry-after", "1"),
            GrantError::BudgetExceeded { retry_after, .. } => {
                reply.header("retry-after", &retry_after.to_string())
            }
            GrantError::Unread(Unread::Method(allow)) => reply.header("allow", allow),
            GrantError::Internal(cause) => {
                tracing::error!(request_id = %request_id.printable(), %cause, "no token could be issued");
                reply
            }
            GrantError::Unread(Unread::TooLarge | Unread::TooSlow | Unread::Broken)
            | GrantError::InvalidRequest(_)
            | GrantError::UnsupportedGrantType
            | GrantError::NoBrowser
            | GrantError::InvalidScope
            | GrantError::InvalidGrant { .. }
            | GrantError::InvalidTarget(_)
            | GrantError::CapabilityDenied(_)
            | GrantError::InvalidClient { basic: false }
            | GrantError::UnknownOrg => reply,
        }
    }
}
