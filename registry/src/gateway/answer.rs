//! A server's answer → what the caller is sent: as soon as it comes, and lists of tools cut down to his.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::value::RawValue;
use tokio::time::{Instant, Sleep};

use super::cut::{Change, Event, Events, Gunzip, LONGEST, Uncuttable, Verdict, cut};
use super::decide::Sight;
use super::error::GatewayError;
use super::headers::{answered, is_utf8};
use crate::upstream::AnswerBody;

/// What a caller is sent.
pub(super) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// How much is inflated before it is sent on, in bytes; see [`Gunzip`].
const PIECE: usize = 2048;
/// How often a stream is asked whether its caller may go on having it.
const WATCH: Duration = Duration::from_secs(10);
/// How long one may listen at a time: whoever comes back shows his token again, and goes on from the last event.
const LISTENING: Duration = Duration::from_secs(15 * 60);
/// How long an answer may take that comes as a stream.
const ANSWERING: Duration = Duration::from_secs(60 * 60);

/// What an address in an `endpoint` event becomes; nothing when it may not be.
pub(super) type Readdress = Box<dyn FnMut(&str) -> Option<String> + Send + Sync>;

/// How the id of an event becomes one that only this caller can come back with.
pub(super) type Mark = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How an answer is looked at. Every answer is: servers tell answers apart by the ids of requests, so what was
/// asked with one request may come in the answer to another one.
pub(super) struct Treatment {
    /// Whose tools are left in lists.
    pub(super) sight: Sight,
    /// For events of the older transport that name an address.
    pub(super) readdress: Option<Readdress>,
    /// For events that can be gone on from; after the answer's own session, if it begins one.
    pub(super) mark: Mark,
    /// Whether anything is waited for: no request, no answer.
    pub(super) expects: bool,
    /// How long the whole of an answer may take that is no stream.
    pub(super) patience: Duration,
}

/// A whole body.
pub(super) fn whole(status: StatusCode, headers: HeaderMap, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// What kind of body an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
    Nothing,
    Other,
}

/// Makes the caller's answer of the server's.
///
/// # Errors
/// The server's answer cannot be handed on.
pub(super) async fn handed_on(
    answer: Response<AnswerBody>,
    treatment: Treatment,
) -> Result<Answer, GatewayError> {
    let (head, body) = answer.into_parts();
    let kind = kind(head.status, &head.headers, &body, treatment.expects);
    match (head.status.as_u16(), kind) {
        // A server's 401 is about our credentials, and his 403 too: what callers may do is decided here.
        (401 | 403 | 407, _) => {
            return Err(GatewayError::Away("the MCP server does not take the registry's credentials"));
        }
        (status @ 400.., Kind::Events | Kind::Nothing | Kind::Other) => {
            return Err(GatewayError::Upstream(status));
        }
        (_, Kind::Other) => return Err(GatewayError::Away("the MCP server's answer is no MCP")),
        (_, Kind::Json | Kind::Events | Kind::Nothing) => {}
    }
    let mut headers = answered(&head.headers);
    headers.remove(header::CONTENT_TYPE);
    if kind == Kind::Nothing {
        headers.remove(header::CONTENT_ENCODING);
        return Ok(whole(head.status, headers, Bytes::new()));
    }
    let gunzip = gunzip(&mut headers)?;
    // It is this caller's, whatever the server said of it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store, no-transform"));
    let Treatment { mut sight, readdress, mark, patience, .. } = treatment;
    if kind == Kind::Events {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        // nginx holds streams back unless it is told not to.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        let mut streamed = Response::new(Stream::new(body, gunzip, Judge { sight, readdress, mark }).boxed());
        *streamed.status_mut() = head.status;
        *streamed.headers_mut() = headers;
        return Ok(streamed);
    }
    let text =
        tokio::time::timeout(patience, read(body, gunzip)).await.map_err(|_| GatewayError::Silent)??;
    if text.is_empty() {
        return Ok(whole(head.status, headers, Bytes::new()));
    }
    let text = String::from_utf8(text).map_err(|_| broken(&Uncuttable::NotJson))?;
    serde_json::from_str::<&RawValue>(&text).map_err(|_| broken(&Uncuttable::NotJson))?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    sight.renew();
    let cut = cut(&text, &mut |tool| sight.may_call(tool)).map_err(|fault| broken(&fault))?;
    Ok(whole(head.status, headers, cut.unwrap_or(text).into()))
}

fn kind(status: StatusCode, headers: &HeaderMap, body: &AnswerBody, expects: bool) -> Kind {
    let silent = matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
    if body.is_end_stream() || silent || (!expects && status.is_success()) {
        return Kind::Nothing;
    }
    let mut declared = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(declared), None) = (declared.next(), declared.next()) else { return Kind::Other };
    // Two readers could take different ones, and unpack it differently.
    if headers.get_all(header::CONTENT_ENCODING).iter().count() > 1 || !is_utf8(declared) {
        return Kind::Other;
    }
    let declared = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if declared.eq_ignore_ascii_case("application/json") {
        Kind::Json
    } else if declared.eq_ignore_ascii_case("text/event-stream") {
        Kind::Events
    } else {
        Kind::Other
    }
}

/// How to unpack what must be cut; the caller gets it unpacked.
fn gunzip(headers: &mut HeaderMap) -> Result<Option<Gunzip>, GatewayError> {
    let coding = headers.remove(header::CONTENT_ENCODING);
    match coding.as_ref().map(|coding| coding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"identity" | b"") => Ok(None),
        Some(b"gzip" | b"x-gzip") => Ok(Some(Gunzip::new())),
        Some(_) => Err(GatewayError::Away("the MCP server compresses in a way that was not asked for")),
    }
}

fn broken(cause: &dyn std::fmt::Display) -> GatewayError {
    tracing::warn!(%cause, "an MCP server's answer is not handed on");
    GatewayError::Away("the MCP server's answer is broken")
}

/// All of an answer that must be understood.
async fn read(mut body: AnswerBody, mut gunzip: Option<Gunzip>) -> Result<Vec<u8>, GatewayError> {
    let mut text = Vec::new();
    let mut take = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        if text.len() > LONGEST { Err(Uncuttable::TooLong) } else { Ok(()) }
    };
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|fault| broken(&fault))?.into_data() else { continue };
        let taken = match &mut gunzip {
            Some(gunzip) => gunzip.push(&data, &mut take),
            None => take(&data),
        };
        taken.map_err(|fault| broken(&fault))?;
    }
    if let Some(gunzip) = &mut gunzip {
        gunzip.finish(&mut take).map_err(|fault| broken(&fault))?;
    }
    Ok(text)
}

/// What is made of each event.
struct Judge {
    sight: Sight,
    readdress: Option<Readdress>,
    mark: Mark,
}

impl Judge {
    fn judge(&mut self, event: Event<'_>) -> Verdict {
        if !self.sight.renew() {
            return Err(Uncuttable::Over);
        }
        let id = event.id.map(|id| (self.mark)(id).ok_or(Uncuttable::TooLong)).transpose()?;
        let data = match (event.name, event.data, &mut self.readdress) {
            (_, None, _) => None,
            ("endpoint", Some(named), Some(readdress)) => {
                Some(readdress(named).ok_or(Uncuttable::Elsewhere)?)
            }
            (_, Some(data), _) => cut(data, &mut |tool| self.sight.may_call(tool))?,
        };
        Ok(Change { data, id })
    }
}

/// A stream of events on its way to the caller: at most one event of it is held.
struct Stream {
    body: AnswerBody,
    gunzip: Option<Gunzip>,
    events: Events,
    judge: Judge,
    /// When it is next asked whether the caller may go on having it.
    watch: Pin<Box<Sleep>>,
    /// When it ends, whatever he may.
    end: Instant,
    /// What has come in and was not looked at.
    waiting: Bytes,
    /// What can be sent.
    ready: Vec<u8>,
    /// How it ended, if it has.
    ended: Option<Result<(), io::Error>>,
}

impl Stream {
    fn new(body: AnswerBody, gunzip: Option<Gunzip>, judge: Judge) -> Stream {
        let end = Instant::now() + if judge.sight.is_listening() { LISTENING } else { ANSWERING };
        let watch = Box::pin(tokio::time::sleep(WATCH));
        let (events, waiting, ready, ended) = (Events::default(), Bytes::new(), Vec::new(), None);
        Stream { body, gunzip, events, judge, watch, end, waiting, ready, ended }
    }

    /// Looks at a piece, or at the end.
    fn look(&mut self, piece: Option<&[u8]>) -> Result<(), Uncuttable> {
        let Stream { gunzip, events, judge, ready, .. } = self;
        let mut judge = |event: Event<'_>| judge.judge(event);
        match (gunzip, piece) {
            (None, Some(piece)) => events.push(piece, ready, &mut judge),
            (None, None) => events.finish(ready, &mut judge),
            (Some(gunzip), Some(piece)) => {
                gunzip.push(piece, &mut |bytes| events.push(bytes, ready, &mut judge))
            }
            (Some(gunzip), None) => {
                gunzip.finish(&mut |bytes| events.push(bytes, ready, &mut judge))?;
                events.finish(ready, &mut judge)
            }
        }
    }

    /// Whether it is over, now and then: also while the server says nothing.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while self.watch.as_mut().poll(context).is_ready() {
            if Instant::now() >= self.end || !self.judge.sight.still_holds() {
                return true;
            }
            self.watch.as_mut().reset(Instant::now() + WATCH);
        }
        false
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        loop {
            if !this.ready.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.ready).into()))));
            }
            let over = this.ended.is_none() && this.is_over(context);
            match &mut this.ended {
                Some(Err(_)) => {
                    let ended = this.ended.replace(Ok(()));
                    return Poll::Ready(ended.and_then(Result::err).map(Err));
                }
                Some(Ok(())) => return Poll::Ready(None),
                None if over => {
                    this.ended = Some(Err(io::Error::other(Uncuttable::Over)));
                    continue;
                }
                None => {}
            }
            let looked = if this.waiting.is_empty() {
                match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        this.waiting = frame.into_data().unwrap_or_default();
                        continue;
                    }
                    Some(Err(fault)) => {
                        this.ended = Some(Err(io::Error::other(fault)));
                        continue;
                    }
                    None => {
                        this.ended = Some(Ok(()));
                        this.look(None)
                    }
                }
            } else {
                let most = if this.gunzip.is_some() { PIECE } else { this.waiting.len() };
                let piece = this.waiting.split_to(most.min(this.waiting.len()));
                this.look(Some(&piece))
            };
            if let Err(fault) = looked {
                tracing::warn!(%fault, "a stream of an MCP server ends here");
                this.ended = Some(Err(io::Error::other(fault)));
            }
        }
    }
}
