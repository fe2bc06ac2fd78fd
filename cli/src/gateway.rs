//! Calls to the registry through the gateway, as somebody who is signed in.

use std::fmt;
use std::str::FromStr;

use boot::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::credentials::{self, Needs};
use crate::http::{self, Answer, Http, Method, Silence, StatusCode, Url};
use crate::options::Remote;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;
use crate::progress::Waiting;

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

/// Something to ask the registry.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    target: String,
    if_match: Option<String>,
    body: Option<Value>,
    waiting_for: String,
}

impl Call {
    /// A call without a body; the path begins with a slash and is encoded already.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Call {
        let waiting_for = "the registry".to_owned();
        Call { method, target: path.into(), if_match: None, body: None, waiting_for }
    }

    /// With one more parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Call {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target += &Serializer::new(String::new()).append_pair(name, value).finish();
        self
    }

    /// With this JSON.
    pub(crate) fn json(self, body: Value) -> Call {
        Call { body: Some(body), ..self }
    }

    /// Only while the entry has this tag.
    pub(crate) fn if_match(self, tag: String) -> Call {
        Call { if_match: Some(tag), ..self }
    }

    /// What a person reads while it takes its time.
    pub(crate) fn waiting_for(self, what: impl Into<String>) -> Call {
        Call { waiting_for: what.into(), ..self }
    }
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The JSON, as it came; empty where the status says that there is none.
    pub(crate) body: String,
    /// The entry's tag.
    pub(crate) etag: Option<String>,
    from: Gateway,
}

impl Reply {
    /// The answer as what it should be.
    ///
    /// # Errors
    /// [`Exit::Refused`]: whoever answered so is no registry that is known here.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(|fault| {
            let (from, why) = (&self.from, plain(&fault.to_string()));
            let message =
                format!("{from} gave an answer that this agentctl cannot read ({why}): is it the gateway?");
            Failure::new(Exit::Refused, message)
        })
    }
}

/// Somebody with a token that is worth sending.
pub(crate) struct Session<'r> {
    gateway: &'r Gateway,
    http: Http,
    token: Secret,
}

impl<'r> Session<'r> {
    /// Signs in for what a command needs; without a good token nothing leaves this machine.
    ///
    /// # Errors
    /// [`Exit::Credentials`] with one line that says what to do; [`Exit::WrongUse`] where others could read
    /// the token on its way.
    pub(crate) fn open(remote: &'r Remote, needs: &[Needs]) -> Result<Session<'r>, Failure> {
        // Before a renewal, too: it would be for nothing.
        credentials::may_go(&remote.sign_in, &remote.gateway.to_string())
            .map_err(credentials::Trouble::failure)?;
        let mut needs = needs.iter();
        let mut token = credentials::obtain(remote, needs.next().unwrap_or(&Needs::nothing()))?;
        // Only a policy tells one need from the other.
        for need in needs.filter(|_| remote.checks.policy.is_some()) {
            token = credentials::obtain(remote, need)?;
        }
        Ok(Session { gateway: &remote.gateway, http: Http::new()?, token })
    }

    /// The client, for who asks somebody else besides.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Asks and waits for the answer; a person sees what for.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] when nobody answers, [`Exit::Refused`] for every answer that is not good.
    pub(crate) fn ask(&self, call: Call) -> Result<Reply, Failure> {
        let _waiting = Waiting::on(format!("waiting for {}", call.waiting_for));
        self.ask_unseen(call)
    }

    /// The same for who says himself what is being waited for.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn ask_unseen(&self, call: Call) -> Result<Reply, Failure> {
        let url = format!("{}{}", self.gateway, call.target);
        let mut request = http::Request::new(call.method, url).bearer(&self.token);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some(tag) = call.if_match {
            request = request.header("If-Match", tag);
        }
        let answer = self.http.send(request).map_err(|silence| self.unanswered(&silence))?;
        if answer.status.is_success() {
            let etag = answer.header("ETag").map(str::to_owned);
            return Ok(Reply { body: answer.body, etag, from: self.gateway.clone() });
        }
        Err(refusal(&answer))
    }

    /// Something for the gateway that is no call of the registry's API, from the same somebody.
    pub(crate) fn request(&self, method: Method, target: &str) -> http::Request {
        http::Request::new(method, format!("{}{target}", self.gateway)).bearer(&self.token)
    }

    /// Sends such a request and reads as much of the answer as is wanted ([`Http::send_until`]). `silent` says what
    /// was tried and what to look at when no answer comes.
    ///
    /// # Errors
    /// [`Exit::Unreachable`].
    pub(crate) fn send_until(
        &self,
        request: http::Request,
        silent: (String, &str),
        enough: impl FnMut(&Answer, &[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        let (tried, look) = silent;
        self.http.send_until(request, enough).map_err(|silence| silence.failure(&tried, look))
    }

    fn unanswered(&self, silence: &Silence) -> Failure {
        let gateway = self.gateway;
        silence
            .failure(&format!("cannot reach the gateway at {gateway}"), "is it running, is --gateway right?")
    }
}

/// What an answer says that is not good.
pub(crate) fn refusal(answer: &Answer) -> Failure {
    refused(answer.status, answer.header("WWW-Authenticate"), &answer.body)
}

/// Where MCP is spoken, the same stands in an error of JSON-RPC.
#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Rpc { error: Problem },
    Api(Problem),
}

/// The one error body of the registry and the gateway; the message holds every fault.
#[derive(Deserialize)]
struct Problem {
    message: String,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct FieldProblem {
    field: String,
    message: String,
}

impl Problem {
    /// One line, or every fault on a line of its own.
    fn text(&self) -> String {
        if self.errors.len() < 2 {
            return plain(&self.message);
        }
        let line = |fault: &FieldProblem| match &*fault.field {
            "" => format!("\n  {}", plain(&fault.message)),
            field => format!("\n  {}: {}", plain(field), plain(&fault.message)),
        };
        format!("{} faults{}", self.errors.len(), self.errors.iter().map(line).collect::<String>())
    }
}

fn refused(status: StatusCode, challenge: Option<&str>, body: &str) -> Failure {
    let problem =
        serde_json::from_str(body).ok().map(|(Body::Rpc { error: problem } | Body::Api(problem))| problem);
    let message = match (challenge.and_then(description), &problem) {
        // The gateway's body for a 401 is one for all; what is wrong with this token stands here.
        (Some(description), _) => format!("{}: get a new token", plain(description)),
        (None, Some(problem)) => problem.text(),
        (None, None) => "the answer gives no reason: is it the gateway?".to_owned(),
    };
    let body = problem.is_some().then(|| format!("{}\n", body.trim_end()));
    let failure = Failure::new(Exit::Refused, format!("refused ({status}): {message}"));
    Failure { body, status: Some(status.as_u16()), ..failure }
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
        check(
            StatusCode::FORBIDDEN,
            r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32011,"message":"your scopes do not grant 'tools/call'"}}"#,
            "refused (403 Forbidden): your scopes do not grant 'tools/call'",
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
