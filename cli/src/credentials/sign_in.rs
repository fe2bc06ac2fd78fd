//! The client credentials grant (RFC 6749 section 4.4): a client and its secret → a token.

use boot::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use super::client::Client;
use super::provider::{self, Provider};
use crate::http::{Http, Method, Request, Silence, StatusCode};
use crate::options::Remote;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// These scopes alone, instead of all that the client holds.
    pub(crate) scope: Option<&'a str>,
    /// Of this issuer, where a token of it is replaced.
    pub(crate) issuer: Option<&'a str>,
}

/// A token that was just given.
#[derive(Debug)]
pub(crate) struct Granted {
    /// The token.
    pub(crate) token: Secret,
    /// What it says.
    pub(crate) claims: Claims,
    /// In seconds, from now on.
    pub(crate) lifetime: u64,
    /// Whom it was given to.
    pub(crate) client_id: String,
    /// Who gave it.
    pub(crate) issuer: String,
    /// What kind of provider that is, for people.
    pub(crate) provider: &'static str,
}

/// Why there is no token: what may pass by itself, and what somebody has to change.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nobody answers, or the provider has a fault of its own.
    Passing(Failure),
    /// A wrong secret, an address that leads nowhere.
    Lasting(Failure),
}

impl Trouble {
    pub(super) fn lasting(exit: Exit, message: impl Into<String>) -> Trouble {
        Trouble::Lasting(Failure::new(exit, message))
    }

    pub(super) fn unreachable(place: &str, silence: &Silence) -> Trouble {
        let tried = format!("cannot reach the identity provider at {}", plain(place));
        let failure = silence.failure(&tried, "is it running, is its address right?");
        match silence {
            Silence::Nobody(_) => Trouble::Passing(failure),
            Silence::Unsent(_) => Trouble::Lasting(failure),
        }
    }

    /// The failure, whichever kind it is.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Trouble::Passing(failure) | Trouble::Lasting(failure) => failure,
        }
    }
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    token_type: String,
    /// A number, or with some providers its text.
    #[serde(default)]
    expires_in: Value,
}

impl Given {
    fn lifetime(&self) -> Option<u64> {
        let given = &self.expires_in;
        // A float becomes an integer within its range.
        let number = given.as_u64().or_else(|| given.as_f64().map(|seconds| seconds as u64));
        number.or_else(|| given.as_str()?.trim().parse().ok())
    }
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

/// Signs in.
///
/// # Errors
/// [`Trouble`] with one line, never with the secret in it.
pub(crate) async fn sign_in(
    http: &Http,
    remote: &Remote,
    client: &Client,
    asked: Asked<'_>,
    now: u64,
) -> Result<Granted, Trouble> {
    let provider = provider::find(http, &remote.sign_in, client, &remote.gateway).await?;
    provider.is_of(asked.issuer)?;
    let endpoint = &provider.token_endpoint;
    let answer = http
        .call(request(&provider, client, asked.scope))
        .await
        .map_err(|silence| Trouble::unreachable(endpoint, &silence))?;
    if answer.status != StatusCode::OK {
        return Err(refused(endpoint, client, answer.status, &answer.body));
    }
    let wrong = |what: &str| {
        let place = plain(endpoint);
        Trouble::lasting(Exit::Refused, format!("{place}: {what}: is it the token endpoint of the issuer?"))
    };
    let given: Given =
        serde_json::from_str(&answer.body).map_err(|_| wrong("the answer holds no access token"))?;
    if !given.token_type.is_empty() && !given.token_type.eq_ignore_ascii_case("bearer") {
        return Err(wrong("the token is not of the type Bearer"));
    }
    let claims = Claims::read(&given.access_token).ok_or_else(|| wrong("the access token is no JWT"))?;
    let end = claims.end().ok_or_else(|| wrong("the access token has no 'exp'"))?;
    provider.gave(&claims)?;
    let issuer = claims.text("iss").or(provider.issuer.as_deref()).unwrap_or_default().to_owned();
    let lifetime = given.lifetime();
    Ok(Granted {
        token: Secret::new(given.access_token),
        // What the provider counts from now on holds on a machine whose clock is wrong, too.
        lifetime: lifetime.unwrap_or_else(|| end.saturating_sub(now)),
        claims,
        client_id: client.id.clone(),
        issuer,
        provider: kind(endpoint),
    })
}

fn request(provider: &Provider, client: &Client, scope: Option<&str>) -> Request {
    let mut fields = vec![("grant_type", "client_credentials")];
    fields.extend(scope.map(|scope| ("scope", scope)));
    let request = Request::new(Method::POST, &provider.token_endpoint).header("accept", "application/json");
    if provider.post_only {
        fields.extend([("client_id", &*client.id), ("client_secret", client.secret.expose())]);
        return request.form(&fields);
    }
    // RFC 6749 section 2.3.1: both are form-encoded before they become a Basic header.
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    request.basic(encoded(&client.id), Secret::new(encoded(client.secret.expose()))).form(&fields)
}

fn refused(endpoint: &str, client: &Client, status: StatusCode, body: &str) -> Trouble {
    let (endpoint, id) = (plain(endpoint), plain(&client.id));
    let why = match serde_json::from_str::<Refused>(body) {
        Ok(Refused { error, error_description: Some(more) }) => {
            format!("{}: {}", plain(&error), plain(&more))
        }
        Ok(Refused { error, .. }) => plain(&error),
        Err(_) => "the answer gives no reason: is it the token endpoint?".to_owned(),
    };
    let message = format!("{endpoint} refused to sign in '{id}' ({status}): {why}");
    let failure = Failure::new(Exit::Refused, message);
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Trouble::Passing(failure)
    } else {
        Trouble::Lasting(failure)
    }
}

fn kind(endpoint: &str) -> &'static str {
    if endpoint.ends_with("/protocol/openid-connect/token") {
        "keycloak"
    } else if endpoint.ends_with("/oauth/token") {
        "embedded"
    } else {
        "oauth2"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lifetime_may_be_a_text() {
        for (value, expected) in [
            (json!(300), Some(300)),
            (json!("300"), Some(300)),
            (json!(300.5), Some(300)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!("soon"), None),
            (json!(null), None),
        ] {
            let given = json!({"access_token": "t", "expires_in": value});
            let given: Given = serde_json::from_value(given).unwrap();
            assert_eq!(given.lifetime(), expected, "{value}");
        }
        let given: Given = serde_json::from_value(json!({"access_token": "t"})).unwrap();
        assert_eq!(given.lifetime(), None);
    }
}
