//! The sockets, and who answers what came through them (the paths stand in `places`).
//!
//! Statuses are picked where a walk ends: `validate/answer.rs`, `grants/error.rs` and `agents/error.rs`. What
//! never comes to a walk is answered here: 404 for a path at which there is nothing, 405 for
//! a method that a document does not have. The operator's 503 for "not ready" is the answer
//! itself, and stands in `admin.rs`.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::agents::{self, AgentCall, IdentityError};
use crate::app::App;
use crate::asked::{Asked, Unread};
use crate::directory;
use crate::grants;
use crate::places::{Door, Place, directory_call};
use crate::reply::Reply;
use crate::validate::{self, Field, Raw};
use crate::{admin, discovery};

/// The largest body that is read at all, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes: nginx passes on 32 kB lines at most.
const MAX_HEAD: usize = 64 * 1024;
/// How long a head may take to arrive, idle time between requests included: longer than
/// nginx keeps an idle connection (60 s), so that it is nginx that closes.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long requests under way may take after the signal to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// The open ports.
#[derive(Debug)]
pub struct Doors {
    main: TcpListener,
    admin: TcpListener,
}

impl Doors {
    /// Opens both ports.
    ///
    /// # Errors
    /// A line for the operator: which address, and why not.
    pub async fn open(main: SocketAddr, admin: SocketAddr) -> Result<Doors, String> {
        Ok(Doors { main: listen(main).await?, admin: listen(admin).await? })
    }

    /// The addresses bound: of nginx' port, and of the operator's.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.main.local_addr()?, self.admin.local_addr()?))
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|fault| format!("cannot listen on {address}: {fault}"))
}

/// Serves until `stop` resolves, then lets the requests under way finish.
pub async fn serve(doors: Doors, app: Arc<App>, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    // Answers here are small: they are copied into one write, which is cheaper than a list of two.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(MAX_HEAD).writev(false);
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (accepted, door) = tokio::select! {
            accepted = doors.main.accept() => (accepted, Door::Main),
            accepted = doors.admin.accept() => (accepted, Door::Admin),
            () = &mut stop => break,
        };
        let Some(stream) = prepare(accepted).await else { continue };
        let app = Arc::clone(&app);
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(answer(&app, door, request).await.into_response()) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that hangs up or sends no HTTP is its own affair.
            if let Err(fault) = connection.await {
                tracing::debug!(%fault, "connection");
            }
        });
    }
    drop(doors);
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections were cut off");
    }
}

async fn prepare(accepted: io::Result<(TcpStream, SocketAddr)>) -> Option<TcpStream> {
    match accepted {
        Ok((stream, _)) => stream.set_nodelay(true).ok().map(|()| stream),
        Err(fault) => {
            // Mostly too many open files: pause, or this loop takes a whole core.
            tracing::error!(%fault, "cannot accept");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn answer(app: &App, door: Door, request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let reading = matches!(head.method, Method::GET | Method::HEAD);
    let read = |reply: &dyn Fn() -> Reply| if reading { reply() } else { method_not_allowed() };
    match Place::at(door, head.uri.path()) {
        // Any method, any body: nginx asks with those of the request it asks about.
        Place::Validate => validate::validate(app, raw(&head.headers)).await,
        Place::Health => read(&|| admin::health(app)),
        Place::IdentityKeys => read(&|| document(&app.identity_keys)),
        place @ (Place::Grant { .. } | Place::Agent { .. } | Place::Directory { .. }) => {
            with_body(app, place, &head, body).await
        }
        Place::Resource { org, slug } => {
            read(&|| found(app.issuer(org).and_then(|issuer| discovery::resource(issuer, slug)).as_deref()))
        }
        Place::Authorize { org } => read(&|| {
            app.issuer(org).map_or_else(not_found, |_| grants::GrantError::NoBrowser.reply(Field::Absent))
        }),
        Place::Metadata { org } => read(&|| found(app.issuer(org).map(|issuer| &*issuer.metadata))),
        Place::MetadataAtRoot { path } => read(&|| found(discovery::metadata_at(app, path))),
        Place::ProtectedResource { path } => {
            read(&|| found(discovery::protected_resource(app, path).as_deref()))
        }
        Place::IssuerKeys { org } => read(&|| found(app.issuer(org).map(|issuer| &*issuer.key_set))),
        Place::Live => read(&admin::live),
        Place::Ready => read(&|| admin::ready(app)),
        Place::Metrics => read(&|| admin::metrics(app)),
        Place::Nothing => not_found(),
    }
}

/// The headers of /validate, in one pass: to look each one up costs four hashes.
fn raw(headers: &HeaderMap) -> Raw<'_> {
    let mut raw = Raw::default();
    for (name, value) in headers {
        let field = match name.as_str() {
            "authorization" => &mut raw.authorization,
            "x-authorization" => &mut raw.x_authorization,
            "x-original-uri" => &mut raw.original_uri,
            "x-request-id" => &mut raw.request_id,
            _ => continue,
        };
        field.note(value.as_bytes());
    }
    raw
}

/// The headers of what may have a body, the same way; the body is to come.
fn asked(head: &Parts) -> Asked<'_> {
    let mut asked = Asked { query: head.uri.query(), ..Asked::default() };
    for (name, value) in &head.headers {
        let field = match name.as_str() {
            "content-type" => &mut asked.content_type,
            "authorization" => &mut asked.authorization,
            "x-api-key" => &mut asked.api_key,
            "if-match" => &mut asked.if_match,
            "x-request-id" => &mut asked.request_id,
            _ => continue,
        };
        field.note(value.as_bytes());
    }
    asked
}

/// What may have a body: it is read first, and the rooms behind are told what came of that.
async fn with_body(app: &App, place: Place<'_>, head: &Parts, body: Incoming) -> Reply {
    let body = read_body(body).await;
    let mut asked = Asked { body: body.as_deref().map_err(|why| *why), ..asked(head) };
    // RFC 9110 section 9.3.2: where there is GET there is HEAD; the body is not sent.
    let method = if head.method == Method::HEAD { "GET" } else { head.method.as_str() };
    if let Place::Grant { org, call } = place {
        // RFC 6749 section 3.2: the client must use POST.
        if head.method != Method::POST {
            asked.body = Err(Unread::Method("POST"));
        }
        return grants::answer(app, org, call, &asked).await;
    }
    let refused = |why: &IdentityError| why.reply(asked.request_id);
    let nobody = || IdentityError::Absent("organisation, or it has no directory of agents");
    let directory = |org: &str| {
        let issuer = app.issuer(org)?;
        Some((issuer, issuer.agents.as_ref()?))
    };
    match place {
        Place::Agent { org, call } => {
            let Some((issuer, agents)) = directory(org) else { return refused(&nobody()) };
            let (fits, allow) = match call {
                AgentCall::Userinfo => (matches!(method, "GET" | "POST"), "GET, HEAD, POST"),
                AgentCall::Me => (method == "GET", "GET, HEAD"),
                AgentCall::Ask | AgentCall::Register | AgentCall::Usage => (method == "POST", "POST"),
            };
            if !fits {
                return refused(&IdentityError::Unread(Unread::Method(allow)));
            }
            agents::answer(app, issuer, agents, call, &asked).await
        }
        Place::Directory { org, rest } => {
            let Some((issuer, agents)) = directory(org) else { return refused(&nobody()) };
            match directory_call(&rest, method) {
                Ok(call) => directory::answer(app, issuer, agents, call, &asked).await,
                Err(Some(allow)) => refused(&IdentityError::Unread(Unread::Method(allow))),
                Err(None) => not_found(),
            }
        }
        _ => not_found(),
    }
}

async fn read_body(body: Incoming) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(Unread::TooLarge);
    }
    let mut whole = pin!(Limited::new(body, MAX_BODY).collect());
    // Mostly it came with the head, and no clock need be asked.
    let at_once = poll_fn(|context| Poll::Ready(whole.as_mut().poll(context))).await;
    let read = match at_once {
        Poll::Ready(read) => Ok(read),
        Poll::Pending => tokio::time::timeout(BODY_TIME, whole).await,
    };
    match read {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::Broken),
        Err(_) => Err(Unread::TooSlow),
    }
}

/// A public document that may be kept for five minutes: keys change rarely, and a reader
/// who meets an unknown key asks again anyway.
fn document(json: &str) -> Reply {
    Reply::new(200, "application/json", Bytes::from(json.to_owned()))
        .header("cache-control", "public, max-age=300")
}

fn found(json: Option<&str>) -> Reply {
    json.map_or_else(not_found, document)
}

fn not_found() -> Reply {
    Reply::error(404, "not_found", "there is nothing at this path")
}

/// With the methods that are there (RFC 9110 section 15.5.6).
fn method_not_allowed() -> Reply {
    Reply::error(405, "method_not_allowed", "this path has other methods").header("allow", "GET, HEAD")
}
