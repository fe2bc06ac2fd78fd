//! Who is calling → a token of his for one MCP server (RFC 8693), from the auth-server.
//!
//! What is exchanged is the seal that came with the request: the caller's own token never reaches the registry.
//! No exchange may open another server than the one that was asked for, so both sides must have said that the two
//! belong together: the server's card names the audience, and the audience's entry in the agent directory, which
//! others keep, names this server's address behind the gateway as an alias. Both names are sent, and the
//! auth-server makes no token for two names of two targets. Whoever may change a card alone cannot make callers
//! pay a third server with their rights.

use std::fmt;
use std::time::Duration;

use catalog::ServerEntry;
use http::HeaderValue;
use moka::sync::Cache;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use token::Clock;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::identity::Caller;

/// How long a token is used again, at most, in seconds.
const KEPT: u64 = 30;
/// How long before its end a token is no longer used, in seconds: it has a way to go.
const MARGIN: u64 = 10;
/// How much memory kept tokens may take, in bytes.
const CAPACITY: u64 = 16 << 20;
/// For a connection to the auth-server, which is near.
const CONNECT: Duration = Duration::from_secs(1);
/// For the whole exchange.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Why there is no token for a server. The texts may be shown to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeError {
    /// The caller is no agent of the directory: 403.
    NoAgent,
    /// The auth-server makes none for him (403), in its words.
    Refused(String),
    /// His budget is used up: 429, and when to ask again, in seconds.
    Exhausted(Option<u64>),
    /// What he came with has ended or was revoked since: 401.
    Ended,
    /// The server wants tokens, and this registry has not been told where they are made: a fault of ours.
    NotConfigured,
    /// The auth-server cannot be asked, or cannot be understood: a fault of ours, for now.
    Away,
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ExchangeError::NoAgent => "this server takes only tokens of agents of the directory",
            ExchangeError::Refused(why) => why,
            ExchangeError::Exhausted(_) => "the agent's budget is used up",
            ExchangeError::Ended => "the token has ended, or was revoked",
            ExchangeError::NotConfigured => "this registry makes no tokens for MCP servers",
            ExchangeError::Away => "no token for this server can be had at present",
        })
    }
}

/// Exchanges seals for tokens.
pub struct Exchange {
    /// The token endpoint, if there is one.
    url: Option<Url>,
    /// The gateway's address, with which a server's own begins.
    public_url: String,
    http: Client,
    kept: Cache<Box<str>, Kept, ahash::RandomState>,
    clock: Clock,
}

/// A token that was made a moment ago.
#[derive(Clone)]
struct Kept {
    header: HeaderValue,
    /// Seconds since the epoch.
    until: u64,
}

impl Exchange {
    /// Asks this token endpoint; without one, every exchange fails.
    ///
    /// # Errors
    /// A line for the operator.
    pub fn new(url: Option<Url>, public_url: &str, clock: Clock) -> Result<Exchange, String> {
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .build()
            .map_err(|fault| format!("--exchange-url: {fault}"))?;
        let kept = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|seal: &Box<str>, kept: &Kept| {
                u32::try_from(seal.len() + kept.header.len() + 256).unwrap_or(u32::MAX)
            })
            .time_to_live(Duration::from_secs(KEPT))
            .build_with_hasher(ahash::RandomState::new());
        Ok(Exchange { url, public_url: public_url.to_owned(), http, kept, clock })
    }

    /// The Authorization header for a server whose card says whom it takes tokens for; `seal` is that of the
    /// caller's request.
    ///
    /// # Errors
    /// An [`ExchangeError`].
    pub(crate) async fn token(
        &self,
        seal: &str,
        caller: &Caller,
        server: &ServerEntry,
    ) -> Result<HeaderValue, ExchangeError> {
        let (Some(url), Some(audience)) = (&self.url, &server.exchange) else {
            return Err(ExchangeError::NotConfigured);
        };
        if !caller.agent {
            return Err(ExchangeError::NoAgent);
        }
        let name = server.policy_name();
        // Whose token, for which audience, on behalf of which server: nothing less may be mixed up.
        let key = format!("{seal}\n{name}\n{audience}");
        let now = (self.clock)();
        if let Some(kept) = self.kept.get(&*key).filter(|kept| now < kept.until) {
            return Ok(kept.header);
        }
        let form = Serializer::new(String::new())
            .append_pair("grant_type", GRANT_TYPE)
            .append_pair("subject_token", seal)
            .append_pair("subject_token_type", JWT)
            .append_pair("audience", audience)
            .append_pair("resource", &format!("{}/mcp/{name}", self.public_url))
            .finish();
        let request = self.http.post(url.clone()).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.map_err(|cause| away(&cause))?;
        let status = answer.status();
        let retry_after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let said = read(answer).await?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        if status != StatusCode::OK {
            return Err(refusal(status, text("error"), text("error_description"), retry_after));
        }
        let token = Some(text("access_token")).filter(|token| !token.is_empty());
        let mut header = token
            .and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok())
            .ok_or(ExchangeError::Away)?;
        header.set_sensitive(true);
        let life = said.get("expires_in").and_then(Value::as_u64).unwrap_or_default();
        let until = now.saturating_add(life.saturating_sub(MARGIN).min(KEPT));
        self.kept.insert(key.into(), Kept { header: header.clone(), until });
        Ok(header)
    }
}

/// What a refusal of the token endpoint (RFC 6749 section 5.2) means for the caller of a server.
fn refusal(status: StatusCode, error: &str, description: &str, retry_after: Option<u64>) -> ExchangeError {
    match (status.as_u16(), error) {
        (429, _) => ExchangeError::Exhausted(retry_after),
        (400, "invalid_grant") => ExchangeError::Ended,
        (400, "invalid_target" | "invalid_scope") | (403, _) => {
            ExchangeError::Refused(description.to_owned())
        }
        (status, error) => {
            tracing::error!(status, error, "the auth-server makes no tokens for MCP servers");
            ExchangeError::Away
        }
    }
}

async fn read(mut answer: Response) -> Result<Value, ExchangeError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|cause| away(&cause))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            tracing::error!("the auth-server's answer to an exchange is too long");
            return Err(ExchangeError::Away);
        }
    }
    // A proxy's page of HTML says as little as nothing.
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Its URL has no secret in it; the body has, and is not part of the error.
fn away(cause: &reqwest::Error) -> ExchangeError {
    tracing::error!(%cause, "the auth-server cannot be asked for a token");
    ExchangeError::Away
}
