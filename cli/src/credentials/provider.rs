//! Where to sign in: the token endpoint, named or discovered, and whether a secret may go there.

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::claims::Claims;
use super::client::Client;
use super::options::{Flag, SignIn, address};
use super::sign_in::Trouble;
use crate::gateway::Gateway;
use crate::http::{Http, Method, Request, StatusCode, Url};
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// A token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Its address.
    pub(crate) token_endpoint: String,
    /// Whose it is, if that is known before there is a token.
    pub(crate) issuer: Option<String>,
    /// How the issuer was found.
    found: Found,
    /// Whether it takes the secret in a form's field alone.
    pub(crate) post_only: bool,
}

/// How a provider was found, which says what is known of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Its endpoint was named: how it calls itself in tokens is its own business.
    Endpoint,
    /// The caller named the issuer, for this sign-in or for all, and it says so itself.
    Issuer,
    /// It was looked for: by a client's file, or at the gateway.
    LookedFor,
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What a gateway says of itself (RFC 9728 section 2).
#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    authorization_servers: Vec<String>,
}

/// The well-known name of RFC 8414 section 3.
const OAUTH: &str = "oauth-authorization-server";

/// Finds it: what was named, then what the client's file says, then the issuer that the gateway
/// trusts. What the
/// token file says does not count: a secret of the environment must not go where a folder's file points.
pub(crate) async fn find(
    http: &Http,
    options: &SignIn,
    client: &Client,
    gateway: &Gateway,
) -> Result<Provider, Trouble> {
    let named = |endpoint: &String, issuer: Option<&String>| Provider {
        token_endpoint: endpoint.clone(),
        issuer: issuer.cloned(),
        found: Found::Endpoint,
        post_only: false,
    };
    // A flag comes before the environment.
    let issuer_first = options.typed(Flag::Issuer) && !options.typed(Flag::TokenEndpoint);
    let endpoint = options.token_endpoint.as_ref().filter(|_| !issuer_first);
    let provider = if let Some(endpoint) = endpoint {
        named(endpoint, options.issuer.as_ref())
    } else if let Some(issuer) = &options.issuer {
        Provider { found: Found::Issuer, ..discover(http, options, issuer).await? }
    } else if let Some(endpoint) = &client.token_endpoint {
        named(endpoint, client.issuer.as_ref())
    } else if let Some(issuer) = &client.issuer {
        discover(http, options, issuer).await?
    } else {
        own(http, options, gateway).await?
    };
    may_go(options, &provider.token_endpoint)?;
    Ok(provider)
}

impl Provider {
    /// Whether it may be asked for a token in place of one of this issuer: a secret must not go to another
    /// one only because the gateway or a file now points there.
    pub(super) fn is_of(&self, held: Option<&str>) -> Result<(), Trouble> {
        match (&self.issuer, held) {
            (Some(found), Some(held)) if self.found == Found::LookedFor && !same(found, held) => {
                let (found, held) = (plain(found), plain(held));
                let why = format!("the token is of {held}, and found was {found}: name it with --issuer");
                Err(Trouble::lasting(Exit::Credentials, why))
            }
            _ => Ok(()),
        }
    }

    /// Whether the issuer that was asked gave this token in its own name.
    pub(super) fn gave(&self, claims: &Claims) -> Result<(), Trouble> {
        match (&self.issuer, claims.text("iss")) {
            (Some(asked), Some(gave)) if self.found != Found::Endpoint && !same(asked, gave) => {
                let (asked, gave) = (plain(asked), plain(gave));
                let why = format!(
                    "{asked} gave a token of {gave}, which is not saved: name --issuer {gave}, or its --token-endpoint"
                );
                Err(Trouble::lasting(Exit::Refused, why))
            }
            _ => Ok(()),
        }
    }
}

/// Whether two names are of one issuer.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The issuer's document, under the first name it has one.
async fn discover(http: &Http, options: &SignIn, issuer: &str) -> Result<Provider, Trouble> {
    // Whoever could change the document could have the secret sent to himself.
    may_go(options, issuer)?;
    for place in places(issuer) {
        if let Some(found) = ask::<Metadata>(http, &place).await? {
            if !same(&found.issuer, issuer) {
                let (says, issuer, place) = (plain(&found.issuer), plain(issuer), plain(&place));
                return Err(Trouble::lasting(
                    Exit::Refused,
                    format!("{place}: the issuer calls itself {says}, not {issuer}: name it as it does"),
                ));
            }
            return found.provider(&place);
        }
    }
    let issuer = plain(issuer);
    let why = format!("{issuer} has no discovery document: is it an issuer? Else name its --token-endpoint");
    Err(Trouble::lasting(Exit::Refused, why))
}

/// The issuer that the gateway says it trusts (RFC 9728), or that is built into its root (RFC 8414).
async fn own(http: &Http, options: &SignIn, gateway: &Gateway) -> Result<Provider, Trouble> {
    let address = gateway.to_string();
    may_go(options, &address)?;
    match &named(http, &address).await?[..] {
        [issuer] => return discover(http, options, issuer).await,
        [] => {}
        several => {
            let names = plain(&several.join(", "));
            let why =
                format!("the gateway at {gateway} trusts several issuers: name yours with --issuer: {names}");
            return Err(Trouble::lasting(Exit::Credentials, why));
        }
    }
    let place = at_root(OAUTH, &address);
    let found: Metadata = ask(http, &place).await?.ok_or_else(|| {
        let why =
            format!("the gateway at {gateway} does not say whose tokens it takes: name yours with --issuer");
        Trouble::lasting(Exit::Credentials, why)
    })?;
    found.provider(&place)
}

/// Whose tokens the gateway takes: those it names, else the one that is built into its root.
pub(crate) async fn issuers(
    http: &Http,
    options: &SignIn,
    gateway: &Gateway,
) -> Result<Vec<String>, Trouble> {
    let address = gateway.to_string();
    may_go(options, &address)?;
    let mut issuers = named(http, &address).await?;
    if issuers.is_empty() {
        let built_in: Option<Metadata> = ask(http, &at_root(OAUTH, &address)).await?;
        issuers.extend(built_in.map(|metadata| metadata.issuer));
    }
    Ok(issuers)
}

async fn named(http: &Http, gateway: &str) -> Result<Vec<String>, Trouble> {
    let resource: Option<Resource> = ask(http, &at_root("oauth-protected-resource", gateway)).await?;
    Ok(resource.map(|resource| resource.authorization_servers).unwrap_or_default())
}

async fn ask<T: DeserializeOwned>(http: &Http, place: &str) -> Result<Option<T>, Trouble> {
    let answer = http
        .call(Request::new(Method::GET, place).header("accept", "application/json"))
        .await
        .map_err(|silence| Trouble::unreachable(place, &silence))?;
    if answer.status.is_server_error() {
        let message = format!("{}: the issuer failed ({})", plain(place), answer.status);
        return Err(Trouble::Passing(Failure::new(Exit::Refused, message)));
    }
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    // Some pages are answered with 200 whatever one asks for: these are no documents.
    let Ok(value) = serde_json::from_str::<Value>(&answer.body) else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|fault| {
        let (place, why) = (plain(place), plain(&fault.to_string()));
        Trouble::lasting(Exit::Refused, format!("{place}: the discovery document cannot be read: {why}"))
    })
}

/// Where an issuer's document is: OpenID Connect puts the well-known part behind the path, RFC 8414
/// section 3.1 before it.
fn places(issuer: &str) -> [String; 2] {
    let issuer = issuer.trim_end_matches('/');
    [format!("{issuer}/.well-known/openid-configuration"), at_root(OAUTH, issuer)]
}

/// Where a document about an address stands: its name between the host and the path.
fn at_root(document: &str, address: &str) -> String {
    let address = address.trim_end_matches('/');
    let host = address.find("://").map_or(0, |at| at + 3);
    let path = address[host..].find('/').map_or(address.len(), |at| host + at);
    let (origin, path) = address.split_at(path);
    format!("{origin}/.well-known/{document}{path}")
}

/// Refuses to send a secret or a token (or to ask where it goes) over plain http to another machine.
pub(crate) fn may_go(options: &SignIn, address: &str) -> Result<(), Trouble> {
    if options.allow_plain_http || is_safe(address) {
        return Ok(());
    }
    let why = format!(
        "{}: neither a secret nor a token may go over plain http to another machine: use https, or --allow-plain-http",
        plain(address)
    );
    Err(Trouble::lasting(Exit::WrongUse, why))
}

/// Whether nobody on the way can read what is sent: TLS, or this machine itself.
fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let Some(host) = url.host_str() else { return false };
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = ip.map_or(host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

impl Metadata {
    fn provider(self, place: &str) -> Result<Provider, Trouble> {
        address(&self.token_endpoint).map_err(|why| {
            let message =
                format!("{}: the token endpoint of the document is no address: {why}", plain(place));
            Trouble::lasting(Exit::Refused, message)
        })?;
        // Basic is the default of RFC 8414; every provider we know takes both.
        let post_only = self.token_endpoint_auth_methods_supported.is_some_and(|methods| {
            let takes = |name: &str| methods.iter().any(|method| method == name);
            takes("client_secret_post") && !takes("client_secret_basic")
        });
        let (token_endpoint, issuer, found) = (self.token_endpoint, Some(self.issuer), Found::LookedFor);
        Ok(Provider { token_endpoint, issuer, found, post_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_stands_behind_the_path_and_before_it() {
        for (issuer, oidc, oauth) in [
            (
                "https://h",
                "https://h/.well-known/openid-configuration",
                "https://h/.well-known/oauth-authorization-server",
            ),
            (
                "http://[::1]:80/realms/r/",
                "http://[::1]:80/realms/r/.well-known/openid-configuration",
                "http://[::1]:80/.well-known/oauth-authorization-server/realms/r",
            ),
        ] {
            assert_eq!(places(issuer), [oidc, oauth]);
        }
    }

    #[test]
    fn a_secret_goes_over_tls_or_stays_here() {
        for (address, safe) in [
            ("https://example.com/token", true),
            ("http://localhost:8080/token", true),
            ("http://kc.localhost/token", true),
            ("http://127.0.0.1/token", true),
            ("http://127.1/token", true),
            ("http://[::1]:8080/token", true),
            ("http://10.0.0.1/token", false),
            ("http://keycloak:8080/token", false),
            ("http://localhost.example.com/token", false),
            ("http://0.0.0.0/token", false),
            ("file:///token", false),
            ("", false),
        ] {
            assert_eq!(is_safe(address), safe, "{address}");
        }
    }
}
