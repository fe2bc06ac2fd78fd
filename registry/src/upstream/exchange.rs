//! Who is calling → a token of his for one MCP server (RFC 8693), from the auth-server.
//!
//! What is exchanged is the seal that came with the request: the caller's own token never reaches the registry.
//! No exchange may open another server than the one that was asked for, so both sides must have said that the two
//! belong together: the server's card names the audience, and the audience's entry in the agent directory, which
//! others keep, has this server's address behind the gateway among its names. Both are sent, and the auth-server
//! makes tokens for a target that has both alone. So whoever may write a card, and no targets, cannot have tokens
//! made that turn a server's callers against another one.

use std::fmt;
use std::sync::Arc;
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

use crate::identity::{Caller, REQUEST_ID};

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
/// How long a connection is kept that nobody uses: less than the auth-server keeps it.
const IDLE: Duration = Duration::from_secs(30);
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
    kept: Cache<Arc<str>, Kept, ahash::RandomState>,
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
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|fault| format!("--exchange-url: {fault}"))?;
        let kept = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|seal: &Arc<str>, kept: &Kept| {
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
        let request = request.header(REQUEST_ID, &caller.request_id);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use access::{Policy, Principal};
    use catalog::{Entry, EntryPath};
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A token endpoint that gives these answers, one for each request, and notes what it was asked.
    async fn endpoint(answers: Vec<(&'static str, Value)>) -> (Url, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/oauth/token", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.expect("somebody asks");
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !String::from_utf8_lossy(&request).contains("resource=") {
                    let count = stream.read(&mut buffer).await.expect("bytes");
                    request.extend_from_slice(&buffer[..count]);
                }
                noted.lock().expect("whole").push(String::from_utf8_lossy(&request).into_owned());
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\nretry-after: 7\r\n");
                let length = body.len();
                let answer = format!("{head}content-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.expect("taken");
            }
        });
        (url.parse().expect("a URL"), asked)
    }

    fn caller(agent: bool) -> Caller {
        Caller {
            who: Arc::new(Principal::default()),
            policy: Arc::new(Policy::parse("").expect("a policy")),
            agent,
            expires_at: 0,
            request_id: "request-1".to_owned(),
            recorded: Default::default(),
        }
    }

    fn server(name: &str, audience: Option<&str>) -> ServerEntry {
        let mut card = json!({"server_name": name, "proxy_pass_url": "http://127.0.0.1:1/mcp"});
        if let Some(audience) = audience {
            card["token_exchange"] = json!({ "audience": audience });
        }
        let Value::Object(card) = card else { panic!("an object") };
        let path = EntryPath::parse(&format!("/{name}")).expect("a path");
        ServerEntry::from_card(path, card).expect("a card")
    }

    fn exchange(url: Option<Url>, hands: &Arc<AtomicU64>) -> Exchange {
        let told = hands.clone();
        let clock: Clock = Arc::new(move || told.load(Ordering::SeqCst));
        Exchange::new(url, "https://gw", clock).expect("a client")
    }

    #[tokio::test]
    async fn a_token_is_asked_for_by_both_names_and_kept_for_a_moment() {
        let made = |token: &str| ("200 OK", json!({"access_token": token, "expires_in": 60}));
        let (url, asked) = endpoint(vec![made("one"), made("two"), made("three"), made("four")]).await;
        let hands = Arc::new(AtomicU64::new(1000));
        let exchange = exchange(Some(url), &hands);
        let clock = server("clock", Some("https://clock.internal/"));
        let token = async |seal: &str, server: &ServerEntry| {
            let header = exchange.token(seal, &caller(true), server).await.expect("a token");
            assert!(header.is_sensitive());
            header.to_str().expect("text").to_owned()
        };
        assert_eq!(token("a.seal", &clock).await, "Bearer one");
        assert_eq!(token("a.seal", &clock).await, "Bearer one", "the same caller, the same server");
        assert_eq!(token("b.seal", &clock).await, "Bearer two", "another caller");
        let other = server("other", Some("https://clock.internal/"));
        assert_eq!(token("a.seal", &other).await, "Bearer three", "another server");
        hands.store(1030, Ordering::SeqCst);
        assert_eq!(token("a.seal", &clock).await, "Bearer four", "later");
        let asked = asked.lock().expect("whole");
        assert!(asked[0].contains("x-request-id: request-1"), "{asked:?}");
        for part in [
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
            "&subject_token=a.seal&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
            "&audience=https%3A%2F%2Fclock.internal%2F&resource=https%3A%2F%2Fgw%2Fmcp%2Fclock",
        ] {
            assert!(asked[0].contains(part), "{part} in {asked:?}");
        }
        assert!(asked[2].contains("resource=https%3A%2F%2Fgw%2Fmcp%2Fother"), "{asked:?}");
    }

    #[tokio::test]
    async fn every_refusal_has_its_meaning_and_none_is_kept() {
        let refused = |error: &str| json!({"error": error, "error_description": "because"});
        for (status, body, expected) in [
            ("403 Forbidden", refused("capability_denied"), ExchangeError::Refused("because".into())),
            ("400 Bad Request", refused("invalid_target"), ExchangeError::Refused("because".into())),
            ("400 Bad Request", refused("invalid_scope"), ExchangeError::Refused("because".into())),
            ("400 Bad Request", refused("invalid_grant"), ExchangeError::Ended),
            ("429 Too Many Requests", refused("budget_exceeded"), ExchangeError::Exhausted(Some(7))),
            ("503 Unavailable", refused("temporarily_unavailable"), ExchangeError::Away),
            ("400 Bad Request", refused("invalid_request"), ExchangeError::Away),
            ("302 Found", json!({}), ExchangeError::Away),
            ("200 OK", json!({"expires_in": 60}), ExchangeError::Away),
            ("200 OK", json!({"access_token": "a\nb", "expires_in": 60}), ExchangeError::Away),
            ("200 OK", json!(["access_token"]), ExchangeError::Away),
        ] {
            let good = ("200 OK", json!({"access_token": "good", "expires_in": 60}));
            let (url, _) = endpoint(vec![(status, body), good]).await;
            let exchange = exchange(Some(url), &Arc::default());
            let clock = server("clock", Some("https://clock"));
            assert_eq!(exchange.token("seal", &caller(true), &clock).await, Err(expected), "{status}");
            assert!(exchange.token("seal", &caller(true), &clock).await.is_ok(), "{status}");
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_in_vain() {
        let nowhere = || Some("http://127.0.0.1:9/".parse().expect("a URL"));
        let clock = server("clock", Some("https://clock"));
        for (url, agent, server, expected) in [
            (nowhere(), false, &clock, ExchangeError::NoAgent),
            (None, true, &clock, ExchangeError::NotConfigured),
            (nowhere(), true, &server("plain", None), ExchangeError::NotConfigured),
            (nowhere(), true, &clock, ExchangeError::Away),
        ] {
            let exchange = exchange(url, &Arc::default());
            assert_eq!(exchange.token("seal", &caller(agent), server).await, Err(expected));
        }
    }
}
