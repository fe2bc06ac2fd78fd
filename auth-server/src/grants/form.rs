//! The bodies of requests to OAuth endpoints and their Basic header → [`Form`], [`Parameters`]: the only place that
//! sees them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::Secret;
use catalog::json;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::form_urlencoded;

use super::error::GrantError;
use crate::asked::Asked;
use crate::validate::Field;

/// The grant of RFC 8693 section 2.1.
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The kind of token that is taken and given (RFC 8693 section 3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The other name of the same: our access tokens are JWTs.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Names of one server that a request may have.
const MOST_TARGETS: usize = 8;
/// Parameters that must be texts, where a JSON object has them.
const KNOWN: [&str; 12] = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "audience",
    "resource",
    "token",
];

/// A token request, read.
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    pub(super) grant: Grant,
    /// Whom the token is to be for, by the names that were sent, each once.
    pub(super) targets: Vec<String>,
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
    pub(super) subject_kind: SubjectKind,
    pub(super) actor_token: Option<Secret>,
    /// What the client says of itself beside the token.
    pub(super) client: Option<Claimed>,
}

/// What a subject token is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubjectKind {
    /// An access token.
    AccessToken,
    /// A JWT: an access token of ours is one, and so is the seal of a request.
    Jwt,
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

/// The parameters of a request to an OAuth endpoint, in their order. Those that nobody asks for are passed over
/// (RFC 6749 section 3.2).
pub(super) struct Parameters<'r>(Vec<(Cow<'r, str>, String)>);

impl<'r> Parameters<'r> {
    /// Reads a form or a JSON object.
    ///
    /// # Errors
    /// [`GrantError::Unread`], [`GrantError::InvalidRequest`] with what to change.
    pub(super) fn read(request: &Asked<'r>) -> Result<Parameters<'r>, GrantError> {
        let bytes = request.body.map_err(GrantError::Unread)?;
        match request.media_type().as_deref() {
            Some("application/x-www-form-urlencoded") => Ok(Parameters::from_form(bytes)),
            Some("application/json") => Parameters::from_json(bytes).ok_or(GrantError::InvalidRequest(
                "the body is not a JSON object of texts with each name once",
            )),
            Some(_) => Err(GrantError::InvalidRequest("send a form or a JSON object")),
            None => Err(GrantError::InvalidRequest("send one Content-Type: a form or JSON")),
        }
    }

    /// A token is long and has nothing to decode: only a pair that has is put through the decoder, which goes byte
    /// by byte.
    fn from_form(bytes: &'r [u8]) -> Parameters<'r> {
        let mut read = Vec::with_capacity(8);
        for pair in bytes.split(|byte| *byte == b'&') {
            let plain = !pair.iter().any(|byte| matches!(byte, b'%' | b'+'));
            match std::str::from_utf8(pair).ok().filter(|_| plain) {
                Some("") => {}
                Some(pair) => {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    read.push((Cow::Borrowed(name), value.to_owned()));
                }
                None => {
                    let decoded = form_urlencoded::parse(pair);
                    read.extend(decoded.map(|(name, value)| (name, value.into_owned())));
                }
            }
        }
        Parameters(read)
    }

    fn from_json(bytes: &[u8]) -> Option<Parameters<'r>> {
        let Ok(Value::Object(members)) = json::read(bytes) else { return None };
        let mut read = Vec::new();
        for (name, value) in members {
            match value {
                Value::Null => {}
                Value::String(value) => read.push((Cow::Owned(name), value)),
                Value::Array(values) => {
                    for value in values {
                        let Value::String(value) = value else { return None };
                        read.push((Cow::Owned(name.clone()), value));
                    }
                }
                // What is not ours may be anything.
                _ if !KNOWN.contains(&&*name) => {}
                _ => return None,
            }
        }
        Some(Parameters(read))
    }

    /// A parameter that may come once (RFC 6749 section 3.2).
    ///
    /// # Errors
    /// [`GrantError::InvalidRequest`] when it came twice.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, GrantError> {
        let mut found = self.all(name).into_iter();
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            (_, Some(_)) => Err(GrantError::InvalidRequest("a parameter was sent more than once")),
        }
    }

    /// A parameter that may come more than once.
    fn all(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(held, _)| held == name).map(|(_, value)| value).collect()
    }

    /// The credentials that came along, in the body or in a Basic header: none, a name alone, or both halves.
    ///
    /// # Errors
    /// Those of [`credentials`] and [`basic`].
    pub(super) fn claimed(&mut self, authorization: Field<'_>) -> Result<Option<Claimed>, GrantError> {
        let basic = basic(authorization)?;
        match (self.take("client_id")?, self.take("client_secret")?, basic) {
            (None, None, None) => Ok(None),
            (Some(name), None, None) => Ok(Some(Claimed::Name(name))),
            (id, secret, basic) => Ok(Some(Claimed::Credentials(credentials(id, secret, basic)?))),
        }
    }
}

impl Form {
    /// Reads a form or a JSON object.
    ///
    /// # Errors
    /// [`GrantError::Unread`], [`GrantError::InvalidRequest`] with what to change, [`GrantError::UnsupportedGrantType`],
    /// [`GrantError::InvalidClient`] when no secret was sent.
    pub(super) fn read(request: &Asked<'_>) -> Result<Form, GrantError> {
        let mut parameters = Parameters::read(request)?;
        let scope = parameters.take("scope")?.filter(|scope| !scope.trim().is_empty());
        let targets = targets(&mut parameters)?;
        let grant_type = parameters.take("grant_type")?;
        let claimed = parameters.claimed(request.authorization)?;
        let grant = match (grant_type.as_deref(), claimed) {
            (Some("client_credentials"), Some(Claimed::Credentials(credentials))) => {
                Grant::ClientCredentials(credentials)
            }
            (Some("client_credentials"), Some(Claimed::Name(_)) | None) => {
                return Err(GrantError::InvalidClient { basic: false });
            }
            (Some(TOKEN_EXCHANGE), claimed) => {
                Grant::TokenExchange(Box::new(exchange(&mut parameters, claimed)?))
            }
            (Some(_), _) => return Err(GrantError::UnsupportedGrantType),
            (None, _) => return Err(GrantError::InvalidRequest("grant_type is missing")),
        };
        if targets.is_empty() && matches!(grant, Grant::TokenExchange(_)) {
            return Err(GrantError::InvalidRequest("name the MCP server, in audience or resource"));
        }
        Ok(Form { grant, targets, scope })
    }
}

/// RFC 8693 section 2.1 and RFC 8707 section 2: these two may come more than once.
fn targets(parameters: &mut Parameters<'_>) -> Result<Vec<String>, GrantError> {
    let (audience, resource) = (parameters.all("audience"), parameters.all("resource"));
    let mut targets: Vec<String> = Vec::new();
    for name in audience.into_iter().chain(resource) {
        if !name.is_empty() && !targets.contains(&name) {
            targets.push(name);
        }
        if targets.len() > MOST_TARGETS {
            return Err(GrantError::InvalidRequest("a token is bound to one server: too many were named"));
        }
    }
    Ok(targets)
}

fn exchange(parameters: &mut Parameters<'_>, client: Option<Claimed>) -> Result<Exchange, GrantError> {
    let subject_token =
        parameters.take("subject_token")?.ok_or(GrantError::InvalidRequest("subject_token is missing"))?;
    let typed = |kind: &Option<String>| matches!(kind.as_deref(), Some(ACCESS_TOKEN | JWT));
    let subject_kind = match parameters.take("subject_token_type")?.as_deref() {
        Some(ACCESS_TOKEN) => SubjectKind::AccessToken,
        Some(JWT) => SubjectKind::Jwt,
        Some(_) | None => {
            return Err(GrantError::InvalidRequest(
                "subject_token_type must be urn:ietf:params:oauth:token-type:access_token",
            ));
        }
    };
    let (actor_token, actor_type) = (parameters.take("actor_token")?, parameters.take("actor_token_type")?);
    // RFC 8693 section 2.1: required with an actor_token, and not to be sent without one.
    if actor_token.is_some() != actor_type.is_some() || actor_type.is_some() && !typed(&actor_type) {
        return Err(GrantError::InvalidRequest(
            "actor_token and actor_token_type (…:token-type:access_token) go together",
        ));
    }
    let requested = parameters.take("requested_token_type")?;
    if requested.is_some() && !typed(&requested) {
        return Err(GrantError::InvalidRequest("only access tokens are issued: requested_token_type"));
    }
    let (subject_token, actor_token) = (Secret::new(subject_token), actor_token.map(Secret::new));
    Ok(Exchange { subject_token, subject_kind, actor_token, client })
}

/// Puts body and Basic header together. The body wins over a header that names another
/// client: HTTP libraries attach a Basic of their own, from the URL or a netrc file.
fn credentials(
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
fn basic(authorization: Field<'_>) -> Result<Option<Credentials>, GrantError> {
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
            body: Ok(body.as_bytes()),
            ..Asked::default()
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
