//! The walk of one request: read → compared → decided → asked of the server → answered.

use std::sync::Arc;
use std::time::Duration;

use access::identity::SEALED;
use bytes::Bytes;
use catalog::{Door, EntryPath, OWN_SERVER, ServerEntry, ServerPlace, Transport};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use serde_json::value::RawValue;
use url::Url;

use super::answer::{Answer, Mark, Readdress, Treatment, handed_on, whole};
use super::decide::{Sight, decide, denial_of, granted};
use super::error::GatewayError;
use super::headers::{self, LAST_EVENT_ID, SESSION};
use super::request::Asked;
use super::session::{Kind, Owner};
use crate::identity::Caller;
use crate::upstream::{self, Errand};
use crate::{App, own};

/// The query's name for where messages of the older transport go; some clients look for it.
const SESSION_ID: &str = "session_id";

/// A request for an MCP server.
pub(super) struct Incoming<'r> {
    pub(super) place: ServerPlace<'r>,
    pub(super) method: &'r Method,
    pub(super) query: &'r str,
    pub(super) headers: &'r HeaderMap,
    /// All of it; only a POST has one.
    pub(super) body: Bytes,
}

impl Incoming<'_> {
    fn server(&self) -> &str {
        self.place.server.as_str()
    }
}

/// Answers one request.
pub(super) async fn walk(app: &Arc<App>, caller: &Caller, request: &Incoming<'_>) -> Answer {
    let asked = match request.method == Method::POST {
        false => None,
        true => match Asked::read(&request.body) {
            Ok(asked) => Some(asked),
            Err(fault) => {
                let id = fault.id.and_then(|id| serde_json::from_str::<&RawValue>(id).ok());
                let message = fault.message.into_owned();
                let error = match fault.not_json {
                    true => GatewayError::NotJson(message),
                    false => GatewayError::Invalid(message),
                };
                return refusal(app, &error, id);
            }
        },
    };
    match pass(app, caller, request, asked.as_ref()).await {
        Ok(answer) => {
            app.metrics.gateway("answered");
            answer
        }
        Err(error) => match &asked {
            Some(asked) if asked.batch => batch_refusal(app, caller, request.server(), &error, asked),
            Some(_) | None => {
                let call = asked.as_ref().and_then(Asked::only_call);
                refusal(app, &error, call.and_then(|call| call.id))
            }
        },
    }
}

async fn pass(
    app: &Arc<App>,
    caller: &Caller,
    request: &Incoming<'_>,
    asked: Option<&Asked<'_>>,
) -> Result<Answer, GatewayError> {
    let server = request.server();
    headers::once(request.headers).map_err(GatewayError::Mismatch)?;
    headers::agree(request.headers, asked).map_err(GatewayError::Mismatch)?;
    decide(app, caller, server, asked)?;
    let absent = || GatewayError::NoServer(server.to_owned());
    if server == OWN_SERVER {
        return match (request.place.door, request.method == Method::POST) {
            // It gives none.
            (Door::Mcp, _) if request.headers.contains_key(SESSION) => Err(GatewayError::NoSession),
            (Door::Mcp, true) => Ok(own::call(app, caller, request.headers, request.body.clone()).await),
            // There is no stream to listen to, and no session to end.
            (Door::Mcp, false) => Err(GatewayError::Method("POST")),
            (door @ (Door::Sse | Door::Messages), _) => Err(GatewayError::NoDoor(door)),
        };
    }
    let servers = app.shown(&*app.servers).map_err(|error| GatewayError::of(&error, String::new))?;
    let path = EntryPath::parse(&format!("/{server}")).map_err(|_| absent())?;
    let entry = servers.get(&path).filter(|entry| entry.enabled).ok_or_else(absent)?;
    headers::params_agree(request.headers, asked, &entry.tools).map_err(GatewayError::Mismatch)?;

    let owner = owner(caller, server);
    let target = target(app, request, entry, &owner)?;
    let (shown, session) = shown(app, request, &owner)?;
    let listening = request.method == Method::GET;
    let mut outgoing = Request::new(request.body.clone().into());
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = upstream::uri(&target)?;
    *outgoing.headers_mut() = shown;
    let expects = listening || asked.is_some_and(|asked| asked.calls().any(|call| call.id.is_some()));
    if !expects || request.place.door == Door::Messages {
        upstream::alone(&mut outgoing);
    }
    let credentials = credentials(app, caller, request, entry).await?;
    let key = owner.key();
    let errand = if listening { Errand::Stream(&key) } else { Errand::Call(&key) };
    let mut answer = app.upstreams.send(entry, errand, &credentials, outgoing).await.map_err(|fault| {
        tracing::warn!(server, %fault, "an MCP server gave no answer");
        GatewayError::from(fault)
    })?;
    let begun = answer.headers_mut().remove(SESSION).filter(|_| !answer.status().is_client_error());
    let own = begun.as_ref().map(|own| own.to_str()).transpose();
    let own = own.map_err(|_| GatewayError::Away("the MCP server's session has an impossible id"))?;
    let session = own.map(str::to_owned).or(session).unwrap_or_default();
    let treatment = Treatment {
        sight: Sight::new(app, caller, entry, listening),
        readdress: (request.place.door == Door::Sse).then(|| readdress(app, caller, request, target)),
        mark: mark(app, caller, server, session),
        expects,
        patience: Duration::from_secs(entry.limits.answer_timeout.into()),
    };
    let mut answer = handed_on(answer, treatment).await?;
    if let Some(own) = own {
        let given = owner.give(&app.keyring, Kind::Session, own);
        let given = given.and_then(|given| HeaderValue::try_from(given).ok());
        let given = given.ok_or(GatewayError::Away("the MCP server's session has an impossible id"))?;
        answer.headers_mut().insert(SESSION, given);
    }
    Ok(answer)
}

/// Marks events as a session's: some servers keep the events of all sessions in one place, and tell them to
/// whoever names one.
fn mark(app: &Arc<App>, caller: &Caller, server: &str, session: String) -> Mark {
    let (app, caller, server) = (app.clone(), caller.clone(), server.to_owned());
    Box::new(move |id| owner(&caller, &server).give(&app.keyring, Kind::Event, &of_session(&session, id)))
}

/// An event's id together with its session's.
fn of_session(session: &str, id: &str) -> String {
    format!("{session}\n{id}")
}

/// Whose sessions these are.
fn owner<'a>(caller: &'a Caller, server: &'a str) -> Owner<'a> {
    Owner { server, username: &caller.who.username, client_id: caller.who.client_id.as_deref() }
}

/// Where at the server a request goes.
fn target(
    app: &App,
    request: &Incoming<'_>,
    entry: &ServerEntry,
    owner: &Owner<'_>,
) -> Result<Url, GatewayError> {
    let transport = match request.place.door {
        Door::Mcp => Transport::StreamableHttp,
        Door::Sse | Door::Messages => Transport::Sse,
    };
    let mut target = entry.endpoint(transport).ok_or(GatewayError::NoDoor(request.place.door))?;
    if request.place.door != Door::Messages {
        return Ok(target);
    }
    let mut given =
        url::form_urlencoded::parse(request.query.as_bytes()).filter(|(name, _)| name == SESSION_ID);
    let (Some((_, given)), None) = (given.next(), given.next()) else { return Err(GatewayError::NoSession) };
    let own = owner.take(&app.keyring, Kind::Messages, &given).ok_or(GatewayError::NoSession)?;
    let (path, query) = own.split_once('?').map_or((own.as_str(), None), |(path, query)| (path, Some(query)));
    target.set_path(path);
    target.set_query(query);
    Ok(target)
}

/// Makes our own address of the one that a server of the older transport names for messages.
fn readdress(app: &Arc<App>, caller: &Caller, request: &Incoming<'_>, stream: Url) -> Readdress {
    let (app, caller) = (app.clone(), caller.clone());
    let (server, base) = (request.server().to_owned(), request.place.base.to_owned());
    Box::new(move |named| {
        let named = stream.join(named).ok().filter(|named| named.origin() == stream.origin())?;
        let own = match named.query() {
            Some(query) => format!("{}?{query}", named.path()),
            None => named.path().to_owned(),
        };
        let given = owner(&caller, &server).give(&app.keyring, Kind::Messages, &own)?;
        Some(format!("{base}/messages?{SESSION_ID}={given}"))
    })
}

/// What the server is shown of the headers, and the session that they name.
fn shown(
    app: &App,
    request: &Incoming<'_>,
    owner: &Owner<'_>,
) -> Result<(HeaderMap, Option<String>), GatewayError> {
    let mut shown = headers::shown(request.headers);
    let mut session = None;
    if let Some(given) = shown.remove(SESSION) {
        let given = given.to_str().map_err(|_| GatewayError::NoSession)?;
        let own = owner.take(&app.keyring, Kind::Session, given).ok_or(GatewayError::NoSession)?;
        shown.insert(SESSION, HeaderValue::try_from(&*own).map_err(|_| GatewayError::NoSession)?);
        session = Some(own);
    }
    // A stream goes on with a GET alone; what another method would bring back with it is not foreseen.
    let last = shown.remove(LAST_EVENT_ID).filter(|_| request.method == Method::GET);
    if let Some(last) = last.filter(|last| !last.is_empty()) {
        let given = last.to_str().map_err(|_| GatewayError::NoSession)?;
        let own = owner.take(&app.keyring, Kind::Event, given).ok_or(GatewayError::NoSession)?;
        let (of, id) = own.split_once('\n').ok_or(GatewayError::NoSession)?;
        if of != session.as_deref().unwrap_or_default() {
            return Err(GatewayError::NoSession);
        }
        shown.insert(LAST_EVENT_ID, HeaderValue::try_from(id).map_err(|_| GatewayError::NoSession)?);
    }
    if request.method != Method::POST {
        shown.remove(header::CONTENT_TYPE);
    }
    // All of it is looked at.
    shown.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok((shown, session))
}

/// What the server wants to see from us; a token for this caller comes before one that was configured.
async fn credentials(
    app: &App,
    caller: &Caller,
    request: &Incoming<'_>,
    entry: &ServerEntry,
) -> Result<Vec<(HeaderName, HeaderValue)>, GatewayError> {
    let mut credentials = app.keyring.headers(entry).map_err(|fault| {
        tracing::error!(server = entry.policy_name(), %fault, "a server's headers cannot be sent");
        GatewayError::Ours
    })?;
    if entry.exchange.is_some() {
        let document = || metadata(app, &request.place);
        let seal = request.headers.get(SEALED).and_then(|seal| seal.to_str().ok()).unwrap_or_default();
        let token = app.exchange.token(seal, caller, entry).await;
        let token = token.map_err(|error| GatewayError::of_exchange(error, document))?;
        credentials.retain(|(name, _)| *name != header::AUTHORIZATION);
        credentials.push((header::AUTHORIZATION, token));
    }
    Ok(credentials)
}

/// Where a client finds out who issues tokens for a server (RFC 9728).
pub(super) fn metadata(app: &App, place: &ServerPlace<'_>) -> String {
    let url = &app.public_url;
    let host = url.find("://").map_or(0, |at| at + 3);
    let (origin, path) = url.split_at(url[host..].find('/').map_or(url.len(), |at| host + at));
    format!("{origin}/.well-known/oauth-protected-resource{path}{}", place.base)
}

/// One error, for the request with this id.
pub(super) fn refusal(app: &App, error: &GatewayError, id: Option<&RawValue>) -> Answer {
    refused(app, error, serde_json::to_vec(&error.reply(id)))
}

/// An error for each request of a batch.
fn batch_refusal(
    app: &App,
    caller: &Caller,
    server: &str,
    error: &GatewayError,
    asked: &Asked<'_>,
) -> Answer {
    let mut own = Vec::new();
    for message in &asked.messages {
        let Some(id) = message.call().and_then(|call| call.id) else { continue };
        let reply = match error {
            GatewayError::Forbidden(_) if granted(caller, server, message) => None,
            GatewayError::Forbidden(_) => Some(GatewayError::Forbidden(denial_of(server, message))),
            other => Some(other.clone()),
        };
        own.push((id, reply));
    }
    if own.is_empty() {
        return refusal(app, error, None);
    }
    let replies: Vec<_> = own
        .iter()
        .map(|(id, error)| match error {
            Some(error) => error.reply(Some(id)),
            None => GatewayError::reply_beside(id),
        })
        .collect();
    refused(app, error, serde_json::to_vec(&replies))
}

fn refused(app: &App, error: &GatewayError, body: Result<Vec<u8>, serde_json::Error>) -> Answer {
    app.metrics.gateway(error.outcome());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some((name, value)) = error.header()
        && let Ok(value) = HeaderValue::try_from(value)
    {
        headers.insert(name, value);
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    whole(status, headers, body.unwrap_or_default().into())
}
