//! One cluster for each test, and what the tests say to a store.

use std::io::Write as _;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use catalog::{AgentEntry, WriteKind};
use store::conformance::{self, Specimen};
use store::postgres::{PostgresOptions, PostgresStore};
use store::{EntryStore, Kept, StoreError};
use tempfile::TempDir;
use tokio::sync::Mutex;
use xtask::postgres::{self, Cluster, Life};

pub(crate) use store::conformance::path;

/// A running cluster in a folder of its own.
pub(crate) struct Server {
    pub(crate) cluster: Mutex<Cluster>,
    _folder: TempDir,
}

/// The one that tests share which leave it running. It ends with the last of them.
static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());

/// A cluster that others use at the same time; none, said loudly, where there is no Postgres.
pub(crate) async fn cluster() -> Option<Arc<Server>> {
    let mut shared = SHARED.lock().await;
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let server = Arc::new(cluster_to_stop().await?);
    *shared = Arc::downgrade(&server);
    Some(server)
}

/// A cluster of one's own.
pub(crate) async fn cluster_to_stop() -> Option<Server> {
    let programs = match postgres::present() {
        Ok(programs) => programs,
        Err(reason) => {
            // The test runner keeps what `println!` says.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: postgres: {reason}");
            return None;
        }
    };
    let folder = xtask::files::temporary("agent-registry-postgres-").expect("a folder");
    let cluster = Cluster::start(programs, folder.path().join("postgres"), Life::WithParent).await;
    let cluster = Mutex::new(cluster.expect("postgres starts"));
    Some(Server { cluster, _folder: folder })
}

/// A new database; its URL.
pub(crate) async fn database(server: &Server, name: &str) -> String {
    let cluster = server.cluster.lock().await;
    cluster.create(name).expect("a database");
    cluster.url(name)
}

/// How the tests open a store.
pub(crate) fn options(url: &str, adjust: impl FnOnce(&mut PostgresOptions)) -> PostgresOptions {
    let url = url.parse().expect("a URL");
    let mut options = PostgresOptions::new(url, Arc::new(|| 1_800_000_000));
    (options.migrate, options.interval) = (true, Duration::from_millis(200));
    adjust(&mut options);
    options
}

/// The agents.
pub(crate) async fn open(url: &str, adjust: impl FnOnce(&mut PostgresOptions)) -> PostgresStore {
    open_kind::<AgentEntry>(url, adjust).await
}

/// A kind: every test that speaks of kinds is run with both.
pub(crate) async fn open_kind<E: Kept>(
    url: &str,
    adjust: impl FnOnce(&mut PostgresOptions),
) -> PostgresStore<E> {
    PostgresStore::open(options(url, adjust)).await.expect("opened")
}

pub(crate) async fn insert<E: Kept + Specimen>(
    store: &PostgresStore<E>,
    at: &str,
    description: &str,
) -> Result<Arc<E>, StoreError> {
    let permit = conformance::permit::<E>(WriteKind::Insert, at);
    store.insert(&permit, conformance::entry(at, description)).await
}

pub(crate) async fn replace<E: Kept + Specimen>(
    store: &PostgresStore<E>,
    at: &str,
    tag: &str,
    description: &str,
) -> Result<Arc<E>, StoreError> {
    let permit = conformance::permit::<E>(WriteKind::Replace, at);
    store.replace(&permit, tag, conformance::entry(at, description)).await
}

/// Every path with its tag.
pub(crate) fn picture<E: Kept>(store: &PostgresStore<E>) -> Vec<(String, String)> {
    store.catalogue().iter().map(|entry| (entry.path().to_string(), entry.etag().to_owned())).collect()
}

/// Asks until it is so; fails when it never is.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "this never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
