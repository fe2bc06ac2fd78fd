//! Calling MCP servers: one client for all of them, and none that can harm another.
//!
//! Connections are made by a connector of our own: each resolved address is checked right before it is
//! connected to, so that a name that changes its mind leads nowhere. No redirect is followed, no proxy of the
//! environment is asked, and each server has so many places and so much time as its card says.

mod answer;
pub(crate) mod exchange;
mod guard;
mod places;
mod prompt;

use std::time::Duration;

use bytes::Bytes;
use catalog::ServerEntry;
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub use self::answer::AnswerBody;
pub use self::exchange::Exchange;
use self::guard::Connector;
pub use self::guard::{Lookup, UpstreamRules};
pub use self::places::Errand;
use self::places::Places;

/// What a server is sent: whole, because what was decided on is what is sent.
pub type UpstreamBody = Full<Bytes>;

/// How long a connection is kept that nobody uses: less than any usual server keeps it (gunicorn 2 s; uvicorn,
/// hypercorn and node 5 s). One that a server closes just as a call goes out on it loses the call, which must not
/// be sent again: nobody knows whether it was carried out (RFC 9110, 9.2.2).
const IDLE: Duration = Duration::from_millis(1500);
/// How many of those are kept for one server.
const MAX_IDLE: usize = 32;
/// What is read of an answer before somebody takes it, in bytes; the longest head too.
const READ_AHEAD: usize = 64 * 1024;

/// What belongs to one connection, or says how long a message is: never the card's to set.
const FRAMING: [HeaderName; 10] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Why a server gave no answer that can be handed on. The texts are for the log: they may name addresses.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// So many requests and streams are under way as it may have.
    #[error("as many requests are under way as this server may have")]
    Busy,
    /// No connection could be made.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// It is connected, and says nothing.
    #[error("no answer in time")]
    TimedOut,
    /// It wants us to go elsewhere.
    #[error("it answered with a redirect")]
    Redirected,
    /// It stands at an address that is not called from here.
    #[error("its address is one that is not called from here")]
    Forbidden,
    /// What it says is no answer.
    #[error("a broken answer: {0}")]
    Broken(String),
}

/// All MCP servers, as they are called.
pub struct Upstreams {
    client: Client<Connector, UpstreamBody>,
    places: Places,
}

impl Upstreams {
    /// Calls servers that these rules allow, by the names that the system resolves.
    ///
    /// # Errors
    /// The system has no certificates to check servers with.
    pub fn new(rules: UpstreamRules) -> Result<Upstreams, String> {
        Upstreams::resolving(rules, guard::system())
    }

    /// The same with another way from names to addresses.
    ///
    /// # Errors
    /// The system has no certificates to check servers with.
    pub fn resolving(rules: UpstreamRules, lookup: Lookup) -> Result<Upstreams, String> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(READ_AHEAD)
            .build(Connector::new(rules, lookup)?);
        Ok(Upstreams { client, places: Places::default() })
    }

    /// Sends one request with the server's own credentials, which replace what has their names. The server's
    /// place is free again when the answer's body is dropped; dropping the future ends the call.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub async fn send(
        &self,
        server: &ServerEntry,
        errand: Errand<'_>,
        credentials: &[(HeaderName, HeaderValue)],
        mut request: Request<UpstreamBody>,
    ) -> Result<Response<AnswerBody>, UpstreamError> {
        // Credentials go where they belong, whatever address the caller or the server came up with.
        if !same_origin(&server.upstream, request.uri()) {
            return Err(UpstreamError::Forbidden);
        }
        let most = server.limits.max_concurrency as usize;
        let place = self.places.enter(server.policy_name(), most, errand).ok_or(UpstreamError::Busy)?;
        for (name, value) in credentials.iter().filter(|(name, _)| !FRAMING.contains(name)) {
            request.headers_mut().insert(name, value.clone());
        }
        let patience = Duration::from_secs(server.limits.answer_timeout.into());
        let connection = capture_connection(&mut request);
        let answer = tokio::time::timeout(patience, self.client.request(request)).await;
        let answer = answer.map_err(|_| UpstreamError::TimedOut)?.map_err(|error| fault(&error))?;
        if answer.status() != StatusCode::OK
            && let Some(connection) = &*connection.connection_metadata()
        {
            // See `alone`: what went wrong, or was only accepted, may yet end with the connection.
            connection.poison();
        }
        match answer.status() {
            status if status.is_redirection() => Err(UpstreamError::Redirected),
            StatusCode::SWITCHING_PROTOCOLS => {
                Err(UpstreamError::Broken("it speaks no HTTP any more".into()))
            }
            _ => Ok(answer.map(|body| AnswerBody::new(body, place))),
        }
    }

    /// How many requests and streams are under way, to all servers.
    pub(crate) fn under_way(&self) -> usize {
        self.places.taken()
    }
}

/// Lets no other request use the connection of this one, for one that is only accepted and worked on afterwards: when
/// that goes wrong, servers (those of uvicorn) close the connection without a word, and whoever came next on it would
/// lose his call by a failure that was another caller's.
pub(crate) fn alone(request: &mut Request<UpstreamBody>) {
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// A server's address as the client takes it.
pub(crate) fn uri(url: &Url) -> Result<Uri, UpstreamError> {
    url.as_str().parse().map_err(|_| UpstreamError::Broken(format!("no request can go to {url}")))
}

fn same_origin(url: &Url, uri: &Uri) -> bool {
    let default = if url.scheme() == "https" { 443 } else { 80 };
    uri.scheme_str() == Some(url.scheme())
        && uri.host() == url.host_str()
        && uri.port_u16().unwrap_or(default) == url.port_or_known_default().unwrap_or(default)
}

/// What became of a call, from the errors below the client's.
fn fault(error: &ClientError) -> UpstreamError {
    let mut said = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(cause) = below {
        if cause.is::<guard::Forbidden>() {
            return UpstreamError::Forbidden;
        }
        said = cause.to_string();
        below = cause.source();
    }
    if error.is_connect() { UpstreamError::Unreachable(said) } else { UpstreamError::Broken(said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stays_with_its_server() {
        for (url, uri, same) in [
            ("http://h:8000/mcp", "http://h:8000/other?x", true),
            ("http://h/mcp", "http://h:80/", true),
            ("https://h/mcp", "https://h:443/", true),
            ("http://[::1]:1/mcp", "http://[::1]:1/", true),
            ("http://h/mcp", "http://h:8000/", false),
            ("http://h/mcp", "https://h/", false),
            ("http://h/mcp", "http://other/", false),
            ("http://h/mcp", "/mcp", false),
        ] {
            let (url, uri) = (Url::parse(url).expect("a URL"), uri.parse().expect("a URI"));
            assert_eq!(same_origin(&url, &uri), same, "{url} {uri}");
        }
    }
}
