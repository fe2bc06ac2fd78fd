//! The token request's body and its Basic header → [`Form`]: the only place that sees them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::Secret;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::error::{GrantError, Unread};
use crate::validate::Field;

/// A token request as it came.
pub(crate) struct TokenRequest<'r> {
    pub(crate) content_type: Field<'r>,
    pub(crate) authorization: Field<'r>,
    /// For the audit trail alone.
    pub(crate) request_id: Field<'r>,
    /// Its body, or why there is none.
    pub(crate) body: Result<&'r [u8], Unread>,
}

/// A token request, read.
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    pub(super) grant: Grant,
    pub(super) credentials: Credentials,
    /// The scopes asked for, separated by spaces; `None` asks for all.
    pub(super) scope: Option<String>,
}

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

/// Who says to be asking.
#[derive(Debug, PartialEq)]
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) secret: Secret,
    /// Whether they came in the Basic header: the answer to wrong ones depends on it.
    pub(super) basic: bool,
}

/// The parameters that are read. Others are passed over (RFC 6749 section 3.2).
#[derive(Default, Deserialize)]
struct Parameters {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

impl Form {
    /// Reads a form or a JSON object.
    ///
    /// # Errors
    /// [`GrantError::Unread`], [`GrantError::InvalidRequest`] with what to change, [`GrantError::UnsupportedGrantType`],
    /// [`GrantError::InvalidClient`] when no secret was sent.
    pub(super) fn read(request: &TokenRequest<'_>) -> Result<Form, GrantError> {
        let body = request.body.map_err(GrantError::Unread)?;
        let body = match media_type(request.content_type)?.as_str() {
            "application/x-www-form-urlencoded" => Parameters::from_form(body)?,
            "application/json" => serde_json::from_slice(body).map_err(|_| {
                GrantError::InvalidRequest("the body is not a JSON object of texts with each name once")
            })?,
            _ => return Err(GrantError::InvalidRequest("send a form or a JSON object")),
        };
        let grant = match body.grant_type.as_deref() {
            Some("client_credentials") => Grant::ClientCredentials,
            Some(_) => return Err(GrantError::UnsupportedGrantType),
            None => return Err(GrantError::InvalidRequest("grant_type is missing")),
        };
        let credentials = credentials(body.client_id, body.client_secret, basic(request.authorization)?)?;
        Ok(Form { grant, credentials, scope: body.scope.filter(|scope| !scope.trim().is_empty()) })
    }
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

/// The body's kind, without parameters and in lower case.
fn media_type(content_type: Field<'_>) -> Result<String, GrantError> {
    let fault = GrantError::InvalidRequest("send one Content-Type: a form or JSON");
    let Field::Once(value) = content_type else { return Err(fault) };
    let value = std::str::from_utf8(value).map_err(|_| fault)?;
    Ok(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
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
        let form = Form::read(&TokenRequest {
            content_type,
            authorization,
            request_id: Field::Absent,
            body: Ok(body.as_bytes()),
        })?;
        let credentials = form.credentials;
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
