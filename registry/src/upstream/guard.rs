//! Connecting to servers: names are resolved here, and each address is judged before it is connected to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use catalog::address::{is_never_called, is_private};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// Until a TCP connection must be there.
const CONNECT: Duration = Duration::from_secs(1);
/// Until all of it must be: the name, the connection, and TLS over it.
const ESTABLISH: Duration = Duration::from_secs(5);
/// After so long the other family of addresses is tried too.
const OTHER_FAMILY: Duration = Duration::from_millis(200);
/// How often a silent peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Which servers may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamRules {
    /// Also those on loopback and in private networks.
    pub allow_private: bool,
}

impl Default for UpstreamRules {
    /// MCP servers usually stand beside their gateway.
    fn default() -> UpstreamRules {
        UpstreamRules { allow_private: true }
    }
}

impl UpstreamRules {
    fn allow(self, ip: IpAddr) -> bool {
        !is_never_called(ip) && (self.allow_private || !is_private(ip))
    }
}

/// From a name to its addresses.
pub type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;
type Found = Boxed<io::Result<Vec<SocketAddr>>>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// As the system resolves names.
pub(super) fn system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

/// An address is one that is not called.
#[derive(Debug, thiserror::Error)]
#[error("the address is one that is not called from here")]
pub(super) struct Forbidden;

/// A connection was not there in time.
#[derive(Debug, thiserror::Error)]
#[error("the connection was not there in time")]
struct TooSlow;

/// The names' side: what a name leads to, if every address of it may be called.
#[derive(Clone)]
struct Resolver {
    rules: UpstreamRules,
    lookup: Lookup,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Boxed<Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (rules, found) = (self.rules, (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = found.await?;
            // One bad address among good ones is no accident.
            if found.iter().any(|address| !rules.allow(address.ip())) {
                return Err(Forbidden.into());
            }
            Ok(found.into_iter())
        })
    }
}

/// The addresses' side: one that is written out in the URL is never resolved, so it is judged here.
#[derive(Clone)]
struct Guarded {
    rules: UpstreamRules,
    tcp: HttpConnector<Resolver>,
}

impl Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Boxed<Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(context).map_err(Failure::from)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        if host.parse::<IpAddr>().is_ok_and(|ip| !self.rules.allow(ip)) {
            return Box::pin(async { Err(Forbidden.into()) });
        }
        let connecting = self.tcp.call(uri);
        Box::pin(async move { connecting.await.map_err(Failure::from) })
    }
}

/// Makes every connection to a server.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<Guarded>);

impl Connector {
    pub(super) fn new(rules: UpstreamRules, lookup: Lookup) -> Result<Connector, String> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { rules, lookup });
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_happy_eyeballs_timeout(Some(OTHER_FAMILY));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        let builder = HttpsConnectorBuilder::new().try_with_platform_verifier();
        let builder = builder.map_err(|fault| format!("no certificates to check servers with: {fault}"))?;
        Ok(Connector(builder.https_or_http().enable_http1().wrap_connector(Guarded { rules, tcp })))
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Failure;
    type Future = Boxed<Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let establishing = self.0.call(uri);
        Box::pin(async move {
            tokio::time::timeout(ESTABLISH, establishing).await.map_err(|_| Failure::from(TooSlow))?
        })
    }
}
