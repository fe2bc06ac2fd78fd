//! One fetch of a key set: limits on time, size and the way there.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL, HeaderMap};
use reqwest::{Client, ClientBuilder, Url, redirect};
use serde::Deserialize;

use crate::key_set::KeySet;

/// The largest document taken, in bytes: a key set with certificate chains has some 20 kB.
const MAX_BYTES: usize = 256 * 1024;
/// How long one request may take from its first byte to its last.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The longest and the shortest pause until the next background refresh.
const PAUSES: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(60));

/// Where an issuer's key set is.
#[derive(Clone, Debug)]
pub enum Location {
    /// At this address.
    At(Url),
    /// Where the `jwks_uri` of this document says (OpenID Connect Discovery 1.0 section 4).
    Discover {
        /// The address of the openid-configuration.
        document: Url,
        /// What it may call its issuer.
        names: Vec<String>,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::At(url) | Location::Discover { document: url, .. } => url.fmt(out),
        }
    }
}

/// A client that goes nowhere but where it was sent: no proxy of the environment, and
/// redirects within one origin only, so that whoever controls a provider's open redirect
/// does not control our keys.
pub(super) fn client(location: &Location) -> reqwest::Result<Client> {
    let system = configured().build();
    let (Location::At(url) | Location::Discover { document: url, .. }) = location;
    match system {
        // A machine without certificates can still ask a provider on its loopback; an https
        // address then fails, as it should, because nothing vouches for it.
        Err(_) if url.scheme() == "http" => configured().tls_certs_only([]).build(),
        system => system,
    }
}

fn configured() -> ClientBuilder {
    Client::builder().no_proxy().timeout(TIME_LIMIT).redirect(redirect::Policy::custom(|next| {
        let first = next.previous().first().map(Url::origin);
        if first == Some(next.url().origin()) && next.previous().len() <= 3 {
            next.follow()
        } else {
            next.error("redirected elsewhere")
        }
    }))
}

/// Fetches the keys; says after which time to fetch again, or in a text for the log why not.
pub(super) async fn key_set(client: &Client, location: &Location) -> Result<(KeySet, Duration), String> {
    let jwks_uri = match location {
        Location::At(url) => url.clone(),
        Location::Discover { document, names } => discover(client, document, names).await?,
    };
    let (body, headers) = get(client, &jwks_uri).await?;
    let set = KeySet::parse(&body).map_err(|fault| format!("{jwks_uri}: {fault}"))?;
    Ok((set, pause(&headers)))
}

async fn discover(client: &Client, document: &Url, names: &[String]) -> Result<Url, String> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }
    let (body, _) = get(client, document).await?;
    let found: Document = serde_json::from_slice(&body).map_err(|fault| format!("{document}: {fault}"))?;
    // OpenID Connect Discovery 1.0 section 4.3: the document must speak for this issuer.
    if !names.contains(&found.issuer) {
        return Err(format!("{document}: speaks for {:?}", found.issuer));
    }
    let jwks_uri = Url::parse(&found.jwks_uri).map_err(|fault| format!("{document}: jwks_uri: {fault}"))?;
    match (document.scheme(), jwks_uri.scheme()) {
        (_, "https") | ("http", "http") => Ok(jwks_uri),
        (_, scheme) => Err(format!("{document}: jwks_uri is {scheme}")),
    }
}

async fn get(client: &Client, url: &Url) -> Result<(Vec<u8>, HeaderMap), String> {
    // The innermost cause is the one to act on: "connection refused", "certificate expired".
    let failed = |fault: reqwest::Error| {
        let mut cause: &dyn Error = &fault;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        format!("{url}: {cause}")
    };
    let request = client.get(url.clone()).header(ACCEPT, "application/json");
    let mut answer = request.send().await.map_err(failed)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("{url}: answered {}", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("{url}: longer than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, answer.headers().clone()))
}

/// An hour, or the provider's `max-age` (RFC 9111 section 5.2.2.1) when that is shorter.
fn pause(headers: &HeaderMap) -> Duration {
    let (longest, shortest) = PAUSES;
    let max_age = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.trim().strip_prefix("max-age="))
        .find_map(|seconds| seconds.trim_matches('"').parse().ok());
    max_age.map_or(longest, Duration::from_secs).clamp(shortest, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_shortens_the_pause_within_limits() {
        for (value, seconds) in [
            ("max-age=600", 600),
            ("public, max-age=600, must-revalidate", 600),
            ("max-age=0", 60),
            ("max-age=86400", 3600),
            ("no-cache", 3600),
            ("max-age=soon", 3600),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, value.parse().expect("a header value"));
            assert_eq!(pause(&headers), Duration::from_secs(seconds), "{value}");
        }
    }
}
