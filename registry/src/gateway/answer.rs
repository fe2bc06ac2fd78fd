//! A server's answer → what the caller is sent: as it comes, and lists of tools cut down to his.

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

use super::cut::{Event, Events, Gunzip, LONGEST, Uncuttable, Verdict, cut};
use super::decide::Sight;
use super::error::GatewayError;
use super::headers::answered;
use crate::upstream::AnswerBody;

/// What a caller is sent.
pub(super) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// How much is inflated before it is sent on, in bytes; see [`Gunzip`].
const PIECE: usize = 2048;

/// What an address in an `endpoint` event becomes; nothing when it may not be.
pub(super) type Readdress = Box<dyn FnMut(&str) -> Option<String> + Send + Sync>;

/// How an answer is looked at.
pub(super) enum Treatment {
    /// Not at all.
    Pass,
    /// Its lists of tools are cut, and where messages go (in the older transport) is changed.
    Cut(Sight, Option<Readdress>),
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
    patience: Duration,
) -> Result<Answer, GatewayError> {
    let (head, body) = answer.into_parts();
    let kind = kind(head.status, &head.headers, &body);
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
    if kind == Kind::Nothing {
        headers.remove(header::CONTENT_TYPE);
        headers.remove(header::CONTENT_ENCODING);
        return Ok(whole(head.status, headers, Bytes::new()));
    }
    if kind == Kind::Events {
        // nginx holds streams back unless it is told not to.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    }
    let (mut sight, readdress) = match treatment {
        Treatment::Pass => {
            let mut passed = Response::new(body.map_err(io::Error::other).boxed());
            *passed.status_mut() = head.status;
            *passed.headers_mut() = headers;
            return Ok(passed);
        }
        Treatment::Cut(sight, readdress) => (sight, readdress),
    };
    let gunzip = gunzip(&mut headers)?;
    if kind == Kind::Events {
        let stream = Stream {
            body,
            gunzip,
            events: Events::default(),
            sight,
            readdress,
            waiting: Bytes::new(),
            ready: Vec::new(),
            ended: None,
        };
        let mut streamed = Response::new(stream.boxed());
        *streamed.status_mut() = head.status;
        *streamed.headers_mut() = headers;
        return Ok(streamed);
    }
    let text =
        tokio::time::timeout(patience, read(body, gunzip)).await.map_err(|_| GatewayError::Silent)??;
    let text = String::from_utf8(text).map_err(|_| broken(&"it is not UTF-8"))?;
    sight.renew();
    let cut = cut(&text, &mut |tool| sight.may_call(tool)).map_err(|fault| broken(&fault))?;
    Ok(whole(head.status, headers, cut.unwrap_or(text).into()))
}

fn kind(status: StatusCode, headers: &HeaderMap, body: &AnswerBody) -> Kind {
    let declared = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?"));
    let declared =
        declared.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let empty = body.is_end_stream() || matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
    match declared.as_deref() {
        _ if empty => Kind::Nothing,
        Some("application/json") => Kind::Json,
        Some("text/event-stream") => Kind::Events,
        Some(_) | None => Kind::Other,
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

/// A stream of events on its way to the caller: at most one event of it is held.
struct Stream {
    body: AnswerBody,
    gunzip: Option<Gunzip>,
    events: Events,
    sight: Sight,
    readdress: Option<Readdress>,
    /// What has come in and was not looked at.
    waiting: Bytes,
    /// What can be sent.
    ready: Vec<u8>,
    /// How it ended, if it has.
    ended: Option<Result<(), io::Error>>,
}

impl Stream {
    /// Looks at a piece, or at the end.
    fn look(&mut self, piece: Option<&[u8]>) -> Result<(), Uncuttable> {
        let Stream { gunzip, events, sight, readdress, ready, .. } = self;
        let mut judge = |event: Event<'_>| judge(event, sight, readdress);
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
}

fn judge(event: Event<'_>, sight: &mut Sight, readdress: &mut Option<Readdress>) -> Verdict {
    if !sight.renew() {
        return Err(Uncuttable::Over);
    }
    match (event.name, readdress) {
        ("endpoint", Some(readdress)) => readdress(event.data).map(Some).ok_or(Uncuttable::Elsewhere),
        _ => cut(event.data, &mut |tool| sight.may_call(tool)),
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
            match &mut this.ended {
                Some(Err(_)) => {
                    let ended = this.ended.replace(Ok(()));
                    return Poll::Ready(ended.and_then(Result::err).map(Err));
                }
                Some(Ok(())) => return Poll::Ready(None),
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
