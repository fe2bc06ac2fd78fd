//! The token request's body and its Basic header → [`Form`]: the only place that sees them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::Secret;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::error::GrantError;
use crate::asked::Asked;
use crate::validate::Field;

/// The grant of RFC 8693 section 2.1.
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The kind of token that is taken and given (RFC 8693 section 3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The other name of the same: our access tokens are JWTs.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A token request, read.
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    pub(super) grant: Grant,
    /// The scopes asked for, separated by spaces; `None` asks for all.
    pub(super) scope: Option<String>,
}

/// What can be granted.
#[derive(Debug, PartialEq)]
pub(super) enum Grant {
    /// RFC 6749 section 4.4.
    ClientCredentials(Credentials),
    /// RFC 8693 section 2.1.
    TokenExchange(Box<Exchange>),
}

/// A token to be exchanged for one bound to an MCP server.
#[derive(Debug, PartialEq)]
pub(super) struct Exchange {
    pub(super) subject_token: Secret,
    pub(super) actor_token: Option<Secret>,
    /// The server's names as they were sent; at least one.
    pub(super) targets: Vec<String>,
    /// What the client says of itself beside the token.
    pub(super) client: Option<Claimed>,
}

/// Who a client that need not prove itself says to be.
#[derive(Debug, PartialEq)]
pub(super) enum Claimed {
    /// With a secret, which must be right.
    Credentials(Credentials),
    /// By name alone.
    Name(String),
}

/// Who says to be asking.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) secret: Secret,
    /// Whether they came in the Basic header: the answer to wrong ones depends on it.
    pub(crate) basic: bool,
}

/// The parameters that are read. Others are passed over (RFC 6749 section 3.2).
#[derive(Default, Deserialize)]
struct Parameters {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
    subject_token: Option<String>,
    subject_token_type: Option<String>,
    actor_token: Option<String>,
    actor_token_type: Option<String>,
    requested_token_type: Option<String>,
    #[serde(default, deserialize_with = "one_or_more")]
    audience: Vec<String>,
    #[serde(default, deserialize_with = "one_or_more")]
    resource: Vec<String>,
}

impl Form {
    /// Reads a form or a JSON object.
    ///
    /// # Errors
    /// [`GrantError::Unread`], [`GrantError::InvalidRequest`] with what to change, [`GrantError::UnsupportedGrantType`],
    /// [`GrantError::InvalidClient`] when no secret was sent.
    pub(super) fn read(request: &Asked<'_>) -> Result<Form, GrantError> {
        let bytes = request.body.map_err(GrantError::Unread)?;
        let mut body = match body_kind(request)? {
            Kind::Form => Parameters::from_form(bytes)?,
            Kind::Json => serde_json::from_slice(bytes).map_err(|_| {
                GrantError::InvalidRequest("the body is not a JSON object of texts with each name once")
            })?,
        };
        let basic = basic(request.authorization)?;
        let scope = body.scope.take().filter(|scope| !scope.trim().is_empty());
        let grant = match body.grant_type.as_deref() {
            Some("client_credentials") => {
                Grant::ClientCredentials(credentials(body.client_id, body.client_secret, basic)?)
            }
            Some(TOKEN_EXCHANGE) => Grant::TokenExchange(Box::new(exchange(body, basic)?)),
            Some(_) => return Err(GrantError::UnsupportedGrantType),
            None => return Err(GrantError::InvalidRequest("grant_type is missing")),
        };
        Ok(Form { grant, scope })
    }
}

fn exchange(body: Parameters, basic: Option<Credentials>) -> Result<Exchange, GrantError> {
    let missing = |name| GrantError::InvalidRequest(name);
    let subject_token = body.subject_token.ok_or(missing("subject_token is missing"))?;
    let typed = |kind: &Option<String>| matches!(kind.as_deref(), Some(ACCESS_TOKEN | JWT));
    if !typed(&body.subject_token_type) {
        return Err(GrantError::InvalidRequest(
            "subject_token_type must be urn:ietf:params:oauth:token-type:access_token",
        ));
    }
    // RFC 8693 section 2.1: required with an actor_token, and not to be sent without one.
    if body.actor_token.is_some() != body.actor_token_type.is_some()
        || body.actor_token_type.is_some() && !typed(&body.actor_token_type)
    {
        return Err(GrantError::InvalidRequest(
            "actor_token and actor_token_type (…:token-type:access_token) go together",
        ));
    }
    if body.requested_token_type.is_some() && !typed(&body.requested_token_type) {
        return Err(GrantError::InvalidRequest("only access tokens are issued: requested_token_type"));
    }
    let targets: Vec<String> =
        body.audience.into_iter().chain(body.resource).filter(|name| !name.is_empty()).collect();
    if targets.is_empty() {
        return Err(GrantError::InvalidRequest("name the MCP server, in audience or resource"));
    }
    let client = match (body.client_id, body.client_secret, basic) {
        (Some(name), None, None) => Some(Claimed::Name(name)),
        (None, None, None) => None,
        (id, secret, basic) => Some(Claimed::Credentials(credentials(id, secret, basic)?)),
    };
    let (subject_token, actor_token) = (Secret::new(subject_token), body.actor_token.map(Secret::new));
    Ok(Exchange { subject_token, actor_token, targets, client })
}

impl Parameters {
    fn from_form(body: &[u8]) -> Result<Parameters, GrantError> {
        let mut read = Parameters::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let place = match name.as_ref() {
                "grant_type" => &mut read.grant_type,
                "client_id" => &mut read.client_id,
                "client_secret" => &mut read.client_secret,
                "scope" => &mut read.scope,
                "subject_token" => &mut read.subject_token,
                "subject_token_type" => &mut read.subject_token_type,
                "actor_token" => &mut read.actor_token,
                "actor_token_type" => &mut read.actor_token_type,
                "requested_token_type" => &mut read.requested_token_type,
                // RFC 8693 section 2.1: these two may come more than once.
                "audience" => {
                    read.audience.push(value.into_owned());
                    continue;
                }
                "resource" => {
                    read.resource.push(value.into_owned());
                    continue;
                }
                _ => continue,
            };
            // RFC 6749 section 3.2: no parameter more than once.
            if place.replace(value.into_owned()).is_some() {
                return Err(GrantError::InvalidRequest("a parameter was sent more than once"));
            }
        }
        Ok(read)
    }
}

/// A text or a list of texts.
fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(OneOrMore::One(one)) => vec![one],
        Some(OneOrMore::More(more)) => more,
    })
}

/// What a body of an OAuth endpoint can be.
pub(super) enum Kind {
    Form,
    Json,
}

/// Which it is.
pub(super) fn body_kind(request: &Asked<'_>) -> Result<Kind, GrantError> {
    match request.media_type().as_deref() {
        Some("application/x-www-form-urlencoded") => Ok(Kind::Form),
        Some("application/json") => Ok(Kind::Json),
        Some(_) => Err(GrantError::InvalidRequest("send a form or a JSON object")),
        None => Err(GrantError::InvalidRequest("send one Content-Type: a form or JSON")),
    }
}

/// Puts body and Basic header together. The body wins over a header that names another
/// client: HTTP libraries attach a Basic of their own, from the URL or a netrc file.
pub(super) fn credentials(
    client_id: Option<String>,
    secret: Option<String>,
    basic: Option<Credentials>,
) -> Result<Credentials, GrantError> {
    match (client_id, secret, basic) {
        (None, None, Some(basic)) => Ok(basic),
        (Some(id), None, Some(basic)) if id == basic.client_id => Ok(basic),
        (Some(id), Some(secret), Some(basic)) if id == basic.client_id && secret != basic.secret.expose() => {
            Err(GrantError::InvalidRequest("the form and the Authorization header have different secrets"))
        }
        (Some(client_id), Some(secret), _) => {
            Ok(Credentials { client_id, secret: Secret::new(secret), basic: false })
        }
        (Some(_), None, Some(_) | None) => Err(GrantError::InvalidClient { basic: false }),
        (None, Some(_), _) => Err(GrantError::InvalidRequest("client_id is missing")),
        (None, None, None) => Err(GrantError::InvalidClient { basic: false }),
    }
}

/// RFC 7617, with both halves form-encoded first (RFC 6749 section 2.3.1).
pub(super) fn basic(authorization: Field<'_>) -> Result<Option<Credentials>, GrantError> {
    let malformed = GrantError::InvalidRequest("the Authorization header is not Basic credentials");
    let header = match authorization {
        Field::Absent => return Ok(None),
        Field::Once(header) => header,
        Field::Repeated => return Err(malformed),
    };
    let Some((scheme, encoded)) =
        std::str::from_utf8(header).ok().and_then(|text| text.trim().split_once(' '))
    else {
        return Err(malformed);
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((id, secret)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
        return Err(malformed);
    };
    let decode = |half: &str| {
        let spaced = half.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).ok()
    };
    match (decode(id), decode(secret)) {
        (Some(client_id), Some(secret)) => {
            Ok(Some(Credentials { client_id, secret: Secret::new(secret), basic: true }))
        }
        (_, None) | (None, _) => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        content_type: &str,
        basic: Option<&str>,
        body: &str,
    ) -> Result<(String, String, bool), GrantError> {
        let header = basic.map(|pair| format!("bAsIc {}", STANDARD.encode(pair)));
        let authorization = header.as_ref().map_or(Field::Absent, |header| Field::Once(header.as_bytes()));
        let content_type = Field::Once(content_type.as_bytes());
        let form = Form::read(&Asked {
            content_type,
            authorization,
            api_key: Field::Absent,
            if_match: Field::Absent,
            request_id: Field::Absent,
            query: None,
            body: Ok(body.as_bytes()),
        })?;
        let Grant::ClientCredentials(credentials) = form.grant else { panic!("client credentials") };
        Ok((credentials.client_id, credentials.secret.expose().to_owned(), credentials.basic))
    }

    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

    #[test]
    fn credentials_from_either_place() {
        let cc = "grant_type=client_credentials";
        for (basic, body, expected) in [
            (None, "&client_id=a&client_secret=s%2B1", Some(("a", "s+1", false))),
            (Some("a:s%3A1"), "", Some(("a", "s:1", true))),
            (Some("a:s"), "&client_id=a", Some(("a", "s", true))),
            (Some("b:other"), "&client_id=a&client_secret=s", Some(("a", "s", false))),
            (Some("a:s"), "&client_id=a&client_secret=s", Some(("a", "s", false))),
            (Some("a:other"), "&client_id=a&client_secret=s", None),
            (Some("b:s"), "&client_id=a", None),
            (None, "&client_id=a", None),
            (None, "&client_secret=s", None),
            (None, "", None),
            (None, "&client_id=a&client_id=a&client_secret=s", None),
        ] {
            let expected = expected.map(|(id, secret, basic)| (id.to_owned(), secret.to_owned(), basic));
            assert_eq!(read(FORM, basic, &format!("{cc}{body}")).ok(), expected, "{basic:?} {body}");
        }
    }

    #[test]
    fn json_is_read_too() {
        let json = r#"{"grant_type":"client_credentials","client_id":"a","client_secret":"s","x":1}"#;
        assert_eq!(read("application/json", None, json), Ok(("a".into(), "s".into(), false)));
        for json in
            [r#"{"grant_type":"client_credentials","client_id":"a","client_id":"b"}"#, "[]", r#"{"scope":1}"#]
        {
            assert!(
                matches!(read("application/json", None, json), Err(GrantError::InvalidRequest(_))),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_not_granted() {
        for (content_type, body, expected) in [
            (FORM, "client_id=a", GrantError::InvalidRequest("grant_type is missing")),
            (FORM, "grant_type=password", GrantError::UnsupportedGrantType),
            ("text/plain", "", GrantError::InvalidRequest("send a form or a JSON object")),
        ] {
            assert_eq!(read(content_type, None, body), Err(expected), "{body}");
        }
    }
}
