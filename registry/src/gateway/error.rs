//! What the gateway says when the answer is no: JSON-RPC errors, and every status of theirs is chosen here.

use catalog::{Door, OWN_SERVER};
use http::header::{self, HeaderName};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::upstream::UpstreamError;
use crate::upstream::exchange::ExchangeError;

/// Why a request is not passed on, or its answer not handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GatewayError {
    /// The body is no JSON.
    NotJson(String),
    /// The body is no JSON-RPC, or has two meanings.
    Invalid(String),
    /// A header says what the body does not say.
    Mismatch(String),
    /// The body is longer than this many bytes.
    TooLarge(usize),
    /// The body is not declared as JSON.
    MediaType,
    /// The body does not come.
    Slow,
    /// The address does not know the method; these it knows.
    Method(&'static str),
    /// Nobody the auth-server knows; with the place of the document that says who issues tokens.
    Unauthenticated(String),
    /// The caller's scopes do not grant it.
    Forbidden(Denial),
    /// No token of his can be had for the server, and why.
    NoToken(String),
    /// His budget is used up; and when to ask again, in seconds.
    Exhausted(Option<u64>),
    /// No such server, or none that is enabled.
    NoServer(String),
    /// The server is not spoken to like this.
    NoDoor(Door),
    /// The session is not this caller's.
    NoSession,
    /// As much is under way as may be.
    Busy,
    /// As many bodies are held as may be.
    Full,
    /// The address is none of a server.
    Lost,
    /// Not now, for a reason of ours.
    Unready(&'static str),
    /// The server is away, silent or broken.
    Away(&'static str),
    /// The server has been silent for too long.
    Silent,
    /// The server's own no, in a form that is no JSON-RPC.
    Upstream(u16),
    /// A mistake of ours.
    Ours,
}

/// The permission that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Denial {
    pub(super) server: String,
    pub(super) method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool: Option<String>,
}

impl Denial {
    /// As a sentence.
    pub(super) fn sentence(&self) -> String {
        let Denial { server, method, tool } = self;
        match tool {
            Some(tool) => {
                format!(
                    "your scopes do not grant '{method}' of the tool '{tool}' on the MCP server '{server}'"
                )
            }
            None => format!("your scopes do not grant '{method}' on the MCP server '{server}'"),
        }
    }
}

/// One JSON-RPC error.
#[derive(Serialize)]
pub(super) struct Reply<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RawValue>,
    error: Said<'a>,
}

#[derive(Serialize)]
struct Said<'a> {
    code: i32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Denial>,
}

impl GatewayError {
    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            GatewayError::NotJson(_) | GatewayError::Invalid(_) | GatewayError::Mismatch(_) => 400,
            GatewayError::Unauthenticated(_) => 401,
            GatewayError::Forbidden(_) | GatewayError::NoToken(_) => 403,
            GatewayError::Lost
            | GatewayError::NoServer(_)
            | GatewayError::NoDoor(_)
            | GatewayError::NoSession => 404,
            GatewayError::Method(_) => 405,
            GatewayError::Slow => 408,
            GatewayError::TooLarge(_) => 413,
            GatewayError::MediaType => 415,
            GatewayError::Exhausted(_) => 429,
            GatewayError::Ours => 500,
            GatewayError::Away(_) => 502,
            GatewayError::Busy | GatewayError::Full | GatewayError::Unready(_) => 503,
            GatewayError::Silent => 504,
            // A client goes by these: a session that ended (404), no stream here (405).
            GatewayError::Upstream(status @ 400..=499 | status @ 503) => *status,
            GatewayError::Upstream(_) => 502,
        }
    }

    /// The code of JSON-RPC: its own, the protocol's (-32020), and those that nginx uses on the same addresses:
    /// -32010 to -32015, because clients use -32000 and -32001 for what happens to themselves, and the protocol
    /// keeps what lies below -32019.
    fn code(&self) -> i32 {
        match self {
            GatewayError::NotJson(_) => -32700,
            GatewayError::Invalid(_)
            | GatewayError::TooLarge(_)
            | GatewayError::MediaType
            | GatewayError::Slow
            | GatewayError::Method(_) => -32600,
            GatewayError::Mismatch(_) => -32020,
            GatewayError::Ours => -32603,
            GatewayError::Unauthenticated(_) => -32010,
            GatewayError::Forbidden(_) | GatewayError::NoToken(_) => -32011,
            GatewayError::Lost
            | GatewayError::NoServer(_)
            | GatewayError::NoDoor(_)
            | GatewayError::NoSession => -32012,
            GatewayError::Exhausted(_) => -32013,
            GatewayError::Busy
            | GatewayError::Full
            | GatewayError::Unready(_)
            | GatewayError::Away(_)
            | GatewayError::Upstream(_) => -32014,
            GatewayError::Silent => -32015,
        }
    }

    /// What it is counted as.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            GatewayError::NotJson(_)
            | GatewayError::Invalid(_)
            | GatewayError::TooLarge(_)
            | GatewayError::MediaType
            | GatewayError::Slow
            | GatewayError::Method(_) => "unreadable",
            GatewayError::Mismatch(_) => "mismatch",
            GatewayError::Unauthenticated(_) => "unauthenticated",
            GatewayError::Forbidden(_) | GatewayError::NoToken(_) | GatewayError::Exhausted(_) => "forbidden",
            GatewayError::Lost | GatewayError::NoServer(_) | GatewayError::NoDoor(_) => "no_server",
            GatewayError::NoSession => "no_session",
            GatewayError::Busy | GatewayError::Full => "busy",
            GatewayError::Away(_) | GatewayError::Upstream(_) => "upstream_failed",
            GatewayError::Silent => "upstream_silent",
            GatewayError::Unready(_) | GatewayError::Ours => "failed",
        }
    }

    fn message(&self) -> String {
        match self {
            GatewayError::NotJson(text)
            | GatewayError::Invalid(text)
            | GatewayError::Mismatch(text)
            | GatewayError::NoToken(text) => text.clone(),
            GatewayError::TooLarge(most) => format!("the body is longer than {most} bytes"),
            GatewayError::MediaType => {
                "send one JSON-RPC message with Content-Type: application/json, not compressed".to_owned()
            }
            GatewayError::Slow => "the body did not come in time".to_owned(),
            GatewayError::Method(known) => format!("this address does not know the method; it knows {known}"),
            GatewayError::Unauthenticated(_) => "send a valid access token through the gateway".to_owned(),
            GatewayError::Forbidden(denial) => denial.sentence(),
            GatewayError::Exhausted(_) => ExchangeError::Exhausted(None).to_string(),
            GatewayError::NoServer(name) => format!("there is no MCP server '{name}', or it is disabled"),
            GatewayError::NoDoor(door) => match door {
                Door::Mcp => "this MCP server speaks no streamable HTTP: try …/sse".to_owned(),
                Door::Sse | Door::Messages => {
                    "this MCP server does not speak the older SSE transport: try …/mcp".to_owned()
                }
            },
            GatewayError::NoSession => "there is no such session of yours: begin a new one".to_owned(),
            GatewayError::Busy => {
                "the MCP server, or you with it, has as many requests under way as may be: try again"
                    .to_owned()
            }
            GatewayError::Full => "too many long messages are under way: try again".to_owned(),
            GatewayError::Lost => "there is no MCP server at this address".to_owned(),
            GatewayError::Unready(why) | GatewayError::Away(why) => (*why).to_owned(),
            GatewayError::Silent => "the MCP server did not answer in time".to_owned(),
            GatewayError::Upstream(status) => format!("the MCP server answered {status}"),
            GatewayError::Ours => {
                "a mistake of ours; the log has the cause under this request's id".to_owned()
            }
        }
    }

    /// A header that belongs to the status.
    pub(super) fn header(&self) -> Option<(HeaderName, String)> {
        match self {
            GatewayError::Unauthenticated(document) => {
                let value = format!("Bearer realm=\"{OWN_SERVER}\", resource_metadata=\"{document}\"");
                Some((header::WWW_AUTHENTICATE, value))
            }
            GatewayError::Method(known) => Some((header::ALLOW, (*known).to_owned())),
            GatewayError::Exhausted(after) => Some((header::RETRY_AFTER, after.unwrap_or(60).to_string())),
            GatewayError::Busy
            | GatewayError::Full
            | GatewayError::Unready(_)
            | GatewayError::Upstream(503) => Some((header::RETRY_AFTER, "5".to_owned())),
            GatewayError::NotJson(_)
            | GatewayError::Invalid(_)
            | GatewayError::Mismatch(_)
            | GatewayError::TooLarge(_)
            | GatewayError::MediaType
            | GatewayError::Slow
            | GatewayError::Forbidden(_)
            | GatewayError::NoToken(_)
            | GatewayError::Lost
            | GatewayError::NoServer(_)
            | GatewayError::NoDoor(_)
            | GatewayError::NoSession
            | GatewayError::Away(_)
            | GatewayError::Silent
            | GatewayError::Upstream(_)
            | GatewayError::Ours => None,
        }
    }

    /// The error for the request with this id.
    pub(super) fn reply<'a>(&'a self, id: Option<&'a RawValue>) -> Reply<'a> {
        let data = if let GatewayError::Forbidden(denial) = self { Some(denial) } else { None };
        Reply { jsonrpc: "2.0", id, error: Said { code: self.code(), message: self.message(), data } }
    }

    /// The error for a request that would be granted, in a batch with one that is not.
    pub(super) fn reply_beside(id: &RawValue) -> Reply<'_> {
        let message = "not done: another message of the batch is not granted".to_owned();
        Reply { jsonrpc: "2.0", id: Some(id), error: Said { code: -32011, message, data: None } }
    }

    /// The error for what the rest of the registry refuses.
    pub(super) fn of(error: &ApiError, metadata: impl FnOnce() -> String) -> GatewayError {
        match error {
            ApiError::Unauthenticated => GatewayError::Unauthenticated(metadata()),
            ApiError::NoKeys => GatewayError::Unready("callers cannot be recognised now; try again later"),
            ApiError::Behind => {
                GatewayError::Unready("what is known of the servers may be too old: try again")
            }
            _ => GatewayError::Ours,
        }
    }

    /// The error for a credential that is not to be had.
    pub(super) fn of_exchange(error: ExchangeError, metadata: impl FnOnce() -> String) -> GatewayError {
        match error {
            ExchangeError::NoAgent | ExchangeError::Refused(_) => GatewayError::NoToken(error.to_string()),
            ExchangeError::Exhausted(after) => GatewayError::Exhausted(after),
            ExchangeError::Ended => GatewayError::Unauthenticated(metadata()),
            ExchangeError::NotConfigured => {
                GatewayError::Unready("this registry makes no tokens for MCP servers")
            }
            ExchangeError::Away => GatewayError::Unready("no token for this server can be had at present"),
        }
    }
}

impl From<UpstreamError> for GatewayError {
    fn from(error: UpstreamError) -> GatewayError {
        match error {
            UpstreamError::Busy => GatewayError::Busy,
            UpstreamError::Unreachable(_) => GatewayError::Away("the MCP server is not reachable"),
            UpstreamError::TimedOut => GatewayError::Silent,
            UpstreamError::Redirected => {
                GatewayError::Away("the MCP server redirects, which is not followed")
            }
            UpstreamError::Forbidden => {
                GatewayError::Away("the MCP server's address is not called from here")
            }
            UpstreamError::Broken(_) => GatewayError::Away("the MCP server's answer is broken"),
        }
    }
}
