//! Calls to the registry through the gateway.

use std::fmt;
use std::str::FromStr;

use boot::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::http::{Http, Method, Request, Silence, StatusCode, Url};
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// The gateway's address, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway(String);

impl FromStr for Gateway {
    type Err = String;

    fn from_str(text: &str) -> Result<Gateway, String> {
        let url = Url::parse(text).map_err(|fault| format!("{fault}; write it like https://host:port"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        // A password here would be repeated in every message.
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user: the token says who calls".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must be an address alone, without ? and #".to_owned());
        }
        Ok(Gateway(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Gateway {
    /// Posts a question and returns the JSON of a good answer.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] when nobody answers, [`Exit::Refused`] for every other answer.
    pub(crate) fn post(&self, path: &str, token: &Secret, question: &Value) -> Result<String, Failure> {
        let request = Request::new(Method::POST, format!("{self}{path}")).bearer(token).json(question);
        let answer = Http::new()?.send(request).map_err(|silence| self.unreachable(&silence))?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        Err(refused(answer.status, answer.header("www-authenticate"), &answer.body))
    }

    /// What to say about an answer of status 200 that does not mean anything here.
    pub(crate) fn misunderstood(&self, fault: &serde_json::Error) -> Failure {
        let why = plain(&fault.to_string());
        let message =
            format!("{self} gave an answer that this agentctl cannot read ({why}): is it the gateway?");
        Failure::new(Exit::Refused, message)
    }

    fn unreachable(&self, silence: &Silence) -> Failure {
        let message =
            format!("cannot reach the gateway at {self} ({silence}): is it running, is --gateway right?");
        Failure::new(Exit::Unreachable, message)
    }
}

/// The one error body of the registry and the gateway; the message holds every fault.
#[derive(Deserialize)]
struct Problem {
    message: String,
}

fn refused(status: StatusCode, challenge: Option<&str>, body: &str) -> Failure {
    let problem: Option<Problem> = serde_json::from_str(body).ok();
    let message = match (challenge.and_then(description), &problem) {
        // The gateway's body for a 401 is one for all; what is wrong with this token stands here.
        (Some(description), _) => format!("{}: get a new token", plain(description)),
        (None, Some(problem)) => plain(&problem.message),
        (None, None) => "the answer gives no reason: is it the gateway?".to_owned(),
    };
    Failure {
        exit: Exit::Refused,
        message: format!("refused ({status}): {message}"),
        body: problem.is_some().then(|| format!("{}\n", body.trim_end())),
    }
}

/// The `error_description` of a `WWW-Authenticate` (RFC 6750 section 3), which holds no quotes.
fn description(challenge: &str) -> Option<&str> {
    let (_, rest) = challenge.split_once("error_description=\"")?;
    rest.split_once('"').map(|(description, _)| description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_address_alone() {
        for (text, expected) in [
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("https://agents.example.com/", Some("https://agents.example.com")),
            ("https://example.com/agents/", Some("https://example.com/agents")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("", None),
            ("localhost", None),
            ("localhost:8080", None),
            ("ftp://localhost", None),
            ("http://user:word@localhost", None),
            ("http://localhost/?a=b", None),
            ("http://localhost/#a", None),
        ] {
            let read = text.parse::<Gateway>().ok().map(|gateway| gateway.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let check = |status: StatusCode, body: &str, message: &str, has_body: bool| {
            let failure = refused(status, None, body);
            assert_eq!((failure.exit, &*failure.message), (Exit::Refused, message));
            assert_eq!(failure.body.is_some(), has_body, "{body}");
        };
        check(
            StatusCode::FORBIDDEN,
            r#"{"code":"forbidden","message":"only an admin may","detail":"only an admin may"}"#,
            "refused (403 Forbidden): only an admin may",
            true,
        );
        check(
            StatusCode::UNAUTHORIZED,
            r#"{"message":"\u001b[1mgo\u001b[0m"}"#,
            "refused (401 Unauthorized): \\u{1b}[1mgo\\u{1b}[0m",
            true,
        );
        let silent = "the answer gives no reason: is it the gateway?";
        check(StatusCode::BAD_GATEWAY, "<html>", &format!("refused (502 Bad Gateway): {silent}"), false);
        check(StatusCode::FOUND, "", &format!("refused (302 Found): {silent}"), false);
    }

    #[test]
    fn what_is_wrong_with_a_token_is_told() {
        let message = |challenge: &str| {
            let body = r#"{"message":"a token is needed"}"#;
            refused(StatusCode::UNAUTHORIZED, Some(challenge), body).message
        };
        assert_eq!(
            message(r#"Bearer realm="r", error="invalid_token", error_description="not ours", x="y""#),
            "refused (401 Unauthorized): not ours: get a new token"
        );
        for silent in ["Bearer", r#"Bearer realm="r""#, r#"Bearer error_description="open"#] {
            assert_eq!(message(silent), "refused (401 Unauthorized): a token is needed");
        }
    }
}
