//! Connecting to servers: names are resolved here, and each address is judged before it is connected to.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use catalog::address::{is_never_called, is_private};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::prompt::Prompt;

/// Until a name must be resolved, the wait for a turn included.
const RESOLVE: Duration = Duration::from_secs(1);
/// How many names are resolved at a time, and how often the same one is: the system takes a thread for each, and keeps
/// it for long where nobody answers. One server's name takes so few that the other servers' have theirs.
const LOOKUPS: usize = 32;
const LOOKUPS_OF_ONE: usize = 4;
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

/// The turns of those who want a name resolved.
struct Turns {
    all: Arc<Semaphore>,
    /// The names that somebody wants at the moment.
    of_one: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    fn new() -> Turns {
        Turns { all: Arc::new(Semaphore::new(LOOKUPS)), of_one: Mutex::default() }
    }

    fn of(&self, name: &str) -> Arc<Semaphore> {
        // A poisoned lock guards a map whose every state is whole.
        let mut names = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        // Each wait and each lookup under way holds one more.
        names.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(names.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(LOOKUPS_OF_ONE))))
    }
}

/// The names' side: what a name leads to, if every address of it may be called.
#[derive(Clone)]
struct Resolver {
    rules: UpstreamRules,
    lookup: Lookup,
    turns: Arc<Turns>,
}

impl Resolver {
    fn new(rules: UpstreamRules, lookup: Lookup) -> Resolver {
        Resolver { rules, lookup, turns: Arc::new(Turns::new()) }
    }

    /// Resolves a name when its turn comes.
    async fn find(self, name: String) -> Result<Vec<SocketAddr>, Failure> {
        let of_one = self.turns.of(&name).acquire_owned().await?;
        let of_all = Arc::clone(&self.turns.all).acquire_owned().await?;
        // In a task of its own: the system's lookup does not end because nobody waits for it any more, and its turn
        // must not end before it.
        let found = tokio::spawn(async move {
            let found = (self.lookup)(name).await;
            drop((of_one, of_all));
            found
        });
        Ok(found.await??)
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Boxed<Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rules = self.rules;
        let finding = self.clone().find(name.as_str().to_owned());
        Box::pin(async move {
            let found = tokio::time::timeout(RESOLVE, finding).await.map_err(|_| TooSlow)??;
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
    type Response = TokioIo<Prompt>;
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
        Box::pin(async move {
            let connected = connecting.await.map_err(Failure::from)?;
            Ok(TokioIo::new(Prompt(connected.into_inner())))
        })
    }
}

/// Makes every connection to a server.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<Guarded>);

impl Connector {
    pub(super) fn new(rules: UpstreamRules, lookup: Lookup) -> Result<Connector, String> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(rules, lookup));
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
    type Response = MaybeHttpsStream<TokioIo<Prompt>>;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Asks for all of these names, and gives the questions up.
    async fn give_up(resolver: &Resolver, names: impl Iterator<Item = String>) {
        let mut asked: Vec<_> = names.map(|name| Box::pin(resolver.clone().find(name))).collect();
        for question in &mut asked {
            let waits = poll_fn(|context| Poll::Ready(question.as_mut().poll(context).is_pending()));
            assert!(waits.await);
        }
        // What was begun in tasks of its own begins.
        for _ in 0..asked.len() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn names_that_nobody_answers_take_few_turns_and_keep_them() {
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let (answer, answered) = tokio::sync::watch::channel(false);
        let lookup: Lookup = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let mut answered = answered.clone();
            Box::pin(async move {
                let _ = answered.wait_for(|is| *is).await;
                Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
            })
        });
        let resolver = Resolver::new(UpstreamRules::default(), lookup);
        let dead = || std::iter::repeat_n("dead.example".to_owned(), 100);
        give_up(&resolver, dead()).await;
        assert_eq!(begun.load(Ordering::SeqCst), LOOKUPS_OF_ONE);
        give_up(&resolver, dead()).await;
        assert_eq!(begun.load(Ordering::SeqCst), LOOKUPS_OF_ONE, "nobody waits, and they are under way");
        give_up(&resolver, (0..100).map(|number| format!("dead-{number}.example"))).await;
        assert_eq!(begun.load(Ordering::SeqCst), LOOKUPS);
        answer.send_replace(true);
        for _ in 0..LOOKUPS {
            tokio::task::yield_now().await;
        }
        let found = resolver.clone().find("dead.example".to_owned()).await.expect("a turn");
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 0))]);
        assert_eq!(resolver.turns.of_one.lock().expect("whole").len(), 1, "the others are forgotten");
    }
}
