//! HTTP for every room: one request out, one answer in. The only file that names the HTTP client.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use boot::Secret;
use reqwest::{Client, header, redirect};
pub(crate) use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// A comparison of policies over a large catalogue takes its time; for ever is too long.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(5);

/// No answer of a gateway or a provider is longer.
const MOST_BYTES: usize = 64 << 20;

/// A client and the runtime that it runs on.
pub(crate) struct Http {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

/// What to send; build it with [`Request::new`] and what follows.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    auth: Auth,
    body: Option<(&'static str, Secret)>,
    patience: Duration,
    at_most: Option<usize>,
}

#[derive(Clone, Debug)]
enum Auth {
    Nobody,
    Bearer(Secret),
    Basic(String, Secret),
    Key(Secret),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status, whatever it is.
    pub(crate) status: StatusCode,
    headers: header::HeaderMap,
    /// The body; bytes that are no UTF-8 are replaced.
    pub(crate) body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Silence {
    /// Nobody gave one: "connection refused", "no answer in time".
    Nobody(String),
    /// Nobody was asked: this can be no request (a header with a line break, an address that is none).
    Unsent(String),
}

impl Silence {
    /// One line: what was tried, why it came to nothing, and what to look at.
    pub(crate) fn failure(&self, tried: &str, look: &str) -> Failure {
        match self {
            Silence::Nobody(why) => Failure::new(Exit::Unreachable, format!("{tried} ({why}): {look}")),
            Silence::Unsent(why) => {
                Failure::new(Exit::WrongUse, format!("{tried}: nothing was sent, this is no request ({why})"))
            }
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Silence::Nobody(why) | Silence::Unsent(why)) = self;
        out.write_str(why)
    }
}

impl Request {
    /// A request without credentials and body.
    pub(crate) fn new(method: Method, url: impl Into<String>) -> Request {
        let (headers, auth, body) = (Vec::new(), Auth::Nobody, None);
        Request { method, url: url.into(), headers, auth, body, patience: PATIENCE, at_most: None }
    }

    /// As the holder of this token.
    pub(crate) fn bearer(self, token: &Secret) -> Request {
        Request { auth: Auth::Bearer(token.clone()), ..self }
    }

    /// As whoever keeps an organisation's directory, by its key.
    pub(crate) fn api_key(self, key: &Secret) -> Request {
        Request { auth: Auth::Key(key.clone()), ..self }
    }

    /// As this user; name and password go as they are.
    pub(crate) fn basic(self, user: impl Into<String>, password: Secret) -> Request {
        Request { auth: Auth::Basic(user.into(), password), ..self }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    /// With JSON as the body.
    pub(crate) fn json(self, body: &Value) -> Request {
        Request { body: Some(("application/json", Secret::new(body.to_string()))), ..self }
    }

    /// With a form as the body.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Request {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Request { body: Some(("application/x-www-form-urlencoded", Secret::new(text))), ..self }
    }

    /// Waits so long for the whole answer, instead of a minute.
    pub(crate) fn patience(self, patience: Duration) -> Request {
        Request { patience, ..self }
    }

    /// Reads no more than that of the answer's body: a longer one comes cut, one byte longer than this.
    pub(crate) fn at_most(self, bytes: usize) -> Request {
        Request { at_most: Some(bytes), ..self }
    }
}

impl Answer {
    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Http {
    /// A client that sends nothing to anybody but whom it is told to.
    ///
    /// # Errors
    /// When the machine gives neither a runtime nor trust anchors; nothing has been asked then.
    pub(crate) fn new() -> Result<Http, Failure> {
        let ours = |fault: &dyn Error| Failure::new(Exit::Unreachable, format!("no HTTP client: {fault}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|fault| ours(&fault))?;
        let client = Client::builder()
            // A proxy of the environment, or wherever a redirect points, must not see the token.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(PATIENCE_TO_CONNECT)
            .build()
            .map_err(|fault| ours(&fault))?;
        Ok(Http { client, runtime })
    }

    /// Sends and waits for the answer, of whatever status.
    ///
    /// # Errors
    /// [`Silence`] when there is none.
    pub(crate) fn send(&self, request: Request) -> Result<Answer, Silence> {
        self.run(self.call(request))
    }

    /// The same for who waits for something else besides, inside [`Http::run`].
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, Silence> {
        self.call_until(request, |_, _| false).await
    }

    /// Sends and reads only as much of the answer as is wanted: a stream of events may have no end. `enough` is
    /// told the head of the answer and each part of its body, and says whether that was the last one wanted.
    ///
    /// # Errors
    /// [`Silence`] when there is no answer, or its end does not come.
    pub(crate) fn send_until(
        &self,
        request: Request,
        enough: impl FnMut(&Answer, &[u8]) -> bool,
    ) -> Result<Answer, Silence> {
        self.run(self.call_until(request, enough))
    }

    async fn call_until(
        &self,
        request: Request,
        mut enough: impl FnMut(&Answer, &[u8]) -> bool,
    ) -> Result<Answer, Silence> {
        let (patience, at_most) = (request.patience, request.at_most);
        let mut building = self.client.request(request.method, request.url).timeout(patience);
        for (name, value) in request.headers {
            building = building.header(name, value);
        }
        building = match request.auth {
            Auth::Nobody => building,
            Auth::Bearer(token) => building.bearer_auth(token.expose()),
            Auth::Basic(user, password) => building.basic_auth(user, Some(password.expose())),
            Auth::Key(key) => building.header("X-API-Key", key.expose()),
        };
        if let Some((kind, body)) = request.body {
            building = building.header(header::CONTENT_TYPE, kind).body(body.expose().to_owned());
        }
        let mut sent = building.send().await.map_err(|fault| silence(&fault))?;
        let (status, headers) = (sent.status(), sent.headers().clone());
        let (mut answer, mut body) = (Answer { status, headers, body: String::new() }, Vec::new());
        while let Some(part) = sent.chunk().await.map_err(|fault| silence(&fault))? {
            body.extend_from_slice(&part);
            if enough(&answer, &part) {
                break;
            }
            if at_most.is_some_and(|most| body.len() > most) {
                body.truncate(at_most.unwrap_or_default() + 1);
                break;
            }
            if body.len() > MOST_BYTES {
                return Err(Silence::Nobody(format!("the answer is longer than {} MiB", MOST_BYTES >> 20)));
            }
        }
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Ok(answer)
    }

    /// Runs something that calls and waits.
    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }
}

/// A text as one part of a URL's path, or of its query.
pub(crate) fn segment(text: &str) -> String {
    // A form writes a blank as '+', which a path would take for a plus.
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The last of the causes: "connection refused" tells more than "error sending request".
fn silence(fault: &reqwest::Error) -> Silence {
    if fault.is_timeout() {
        return Silence::Nobody("no answer in time".to_owned());
    }
    let mut last: &dyn Error = fault;
    while let Some(next) = last.source() {
        last = next;
    }
    let why = plain(&last.to_string());
    if fault.is_builder() { Silence::Unsent(why) } else { Silence::Nobody(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_request_is_wrong_use_and_nobodys_silence() {
        let http = Http::new().expect("a client");
        let exit = |request| http.send(request).err().map(|silence| silence.failure("t", "l").exit);
        let get = |url: &str| Request::new(Method::GET, url);
        for unsent in ["nonsense", "ftp://127.0.0.1/", "http://", ""] {
            assert_eq!(exit(get(unsent)), Some(Exit::WrongUse), "{unsent}");
        }
        assert_eq!(exit(get("http://127.0.0.1:9").header("If-Match", "a\u{1}b")), Some(Exit::WrongUse));
        assert_eq!(exit(get("http://127.0.0.1:9")), Some(Exit::Unreachable));
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("a b/c?d+é"), "a%20b%2Fc%3Fd%2B%C3%A9");
    }
}
