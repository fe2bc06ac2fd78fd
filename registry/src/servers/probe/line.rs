//! One conversation with a server: what is sent to it, and how much is read of what it says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use catalog::ServerEntry;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use url::Url;

use super::events::{Event, Events};
use super::fault::Fault;
use super::message;
use crate::upstream::{AnswerBody, Errand, UpstreamError, Upstreams, uri};

/// The most bytes of all answers together.
const MOST: usize = 4 * 1024 * 1024;

/// The way to one server.
pub(super) struct Line<'a> {
    upstreams: &'a Upstreams,
    server: &'a ServerEntry,
    credentials: Vec<(HeaderName, HeaderValue)>,
    left: AtomicUsize,
}

/// Headers that go with a message.
pub(super) type Headers<'h> = [(&'static str, &'h str)];

impl<'a> Line<'a> {
    pub(super) fn new(
        upstreams: &'a Upstreams,
        server: &'a ServerEntry,
        credentials: Vec<(HeaderName, HeaderValue)>,
    ) -> Line<'a> {
        Line { upstreams, server, credentials, left: AtomicUsize::new(MOST) }
    }

    /// Sends a request and waits for its answer, which comes as JSON or in a stream of events. The answer's
    /// `Mcp-Session-Id` comes along.
    pub(super) async fn ask(
        &self,
        url: &Url,
        headers: &Headers<'_>,
        id: u64,
        message: &Value,
    ) -> Result<(Value, Option<String>), Fault> {
        let answer = self.say(url, headers, message).await?;
        let status = answer.status();
        let session =
            answer.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let kind = kind(&answer);
        if !status.is_success() && (kind != "application/json" || keeps_out(status)) {
            return Err(Fault::Status(status.as_u16()));
        }
        let mut reading = self.read(answer)?;
        if !status.is_success() {
            // In the newer era a refusal has a status of its own, and says why.
            let told = message::result(&reading.all().await?, id);
            let refused = told.and_then(Result::err).filter(|fault| matches!(fault, Fault::Refused(..)));
            return Err(refused.unwrap_or(Fault::Status(status.as_u16())));
        }
        let result = if kind == "text/event-stream" {
            reading
                .event(|event| {
                    (event.kind == "message").then(|| message::result(event.data.as_bytes(), id))?
                })
                .await?
        } else {
            let text = reading.all().await?;
            message::result(&text, id).unwrap_or_else(|| Err(Fault::broken("it answered something else")))
        };
        Ok((result?, session))
    }

    /// Sends a message; every status of success is one.
    pub(super) async fn post(&self, url: &Url, headers: &Headers<'_>, message: &Value) -> Result<(), Fault> {
        succeeded(self.say(url, headers, message).await?).map(drop)
    }

    async fn say(
        &self,
        url: &Url,
        headers: &Headers<'_>,
        message: &Value,
    ) -> Result<Response<AnswerBody>, Fault> {
        let body = Bytes::from(message.to_string());
        self.send(Method::POST, url, headers, "application/json, text/event-stream", body).await
    }

    /// Sends a request that has a body unless it is empty.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &Headers<'_>,
        accept: &'static str,
        body: Bytes,
    ) -> Result<Response<AnswerBody>, Fault> {
        let mut request = Request::builder().method(method).uri(uri(url).map_err(|fault| told(&fault))?);
        request = request.header(ACCEPT, accept);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::new(body)).map_err(|_| Fault::broken("its words make no request"))?;
        let answer = self.upstreams.send(self.server, Errand::Check, &self.credentials, request).await;
        answer.map_err(|fault| {
            // The log may name addresses; what callers are told does not.
            tracing::debug!(path = %self.server.path, %fault, "a server could not be asked");
            told(&fault)
        })
    }

    /// Begins to read an answer.
    pub(super) fn read(&self, answer: Response<AnswerBody>) -> Result<Reading<'_>, Fault> {
        let coding = answer.headers().get(CONTENT_ENCODING).map_or(&b"identity"[..], HeaderValue::as_bytes);
        if coding != b"identity" {
            return Err(Fault::broken("it compresses what it sends, though it was not asked to"));
        }
        let (events, waiting) = (Events::default(), VecDeque::new());
        Ok(Reading { body: answer.into_body(), events, waiting, left: &self.left })
    }
}

/// The answer, if its status is one of success.
pub(super) fn succeeded(answer: Response<AnswerBody>) -> Result<Response<AnswerBody>, Fault> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(Fault::Status(status.as_u16())),
    }
}

/// Whether a status is about who is asking, and not about what was asked.
fn keeps_out(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 407 | 429)
}

/// What callers are told of a call that came to nothing.
fn told(fault: &UpstreamError) -> Fault {
    match fault {
        UpstreamError::Busy => Fault::Busy,
        UpstreamError::Unreachable(_) => Fault::broken("it cannot be reached"),
        UpstreamError::TimedOut => Fault::broken("it did not answer in time"),
        UpstreamError::Redirected => Fault::broken("it answered with a redirect, and none is followed"),
        UpstreamError::Forbidden => Fault::broken("its address is one that is not called from here"),
        UpstreamError::Broken(_) => Fault::broken("its answer broke off or is no HTTP"),
    }
}

fn kind(answer: &Response<AnswerBody>) -> String {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// An answer as it is read: no more of it than may be.
pub(super) struct Reading<'l> {
    body: AnswerBody,
    events: Events,
    waiting: VecDeque<Event>,
    left: &'l AtomicUsize,
}

impl Reading<'_> {
    /// The next part; `None` at the end.
    async fn part(&mut self) -> Result<Option<Bytes>, Fault> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_| Fault::broken("its answer broke off"))?;
            if let Ok(part) = frame.into_data() {
                let left = self.left.load(Ordering::Relaxed).checked_sub(part.len());
                let left = left.ok_or_else(|| Fault::Broken(format!("it sends more than {MOST} bytes")))?;
                self.left.store(left, Ordering::Relaxed);
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Everything.
    async fn all(&mut self) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        while let Some(part) = self.part().await? {
            text.extend_from_slice(&part);
        }
        Ok(text)
    }

    /// The first event of a stream that `wanted` makes something of; those before are dropped.
    pub(super) async fn event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> Result<T, Fault> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if let Some(found) = wanted(&event) {
                    return Ok(found);
                }
            }
            match self.part().await? {
                Some(part) => self.waiting.extend(self.events.push(&part)),
                None => return Err(Fault::broken("its stream ended before the answer came")),
            }
        }
    }
}
