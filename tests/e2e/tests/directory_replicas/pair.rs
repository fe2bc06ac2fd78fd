//! Two servers that are one issuer, a database of their own, and the cable between it and the second.

use std::io::Write as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use e2e::{Answer, shared};
use serde_json::json;
use tokio::sync::Mutex;
use xtask::files;
use xtask::postgres::{self, Cable, Cluster, Life};
use xtask::stack::build;

use super::server::{AuthServer, Place};

/// A client of the configuration, which needs no directory.
pub(crate) const WORKER: &str = "worker";
pub(crate) const WORKERS_SECRET: &str = "the-workers-own-secret";

/// What makes two servers one issuer, and one source of identities.
const KEYS: [&str; 2] = ["issuer.es256.pk8", "identity.eddsa.pk8"];
/// How long what is done at one server may take to hold at the other: twenty times what it usually takes.
const SOON: Duration = Duration::from_secs(10);

/// The database of all tests. It ends with the last of them.
static CLUSTER: Mutex<Weak<Cluster>> = Mutex::const_new(Weak::new());

/// The servers of one test. They end with it, and before the database.
pub(crate) struct Pair {
    /// Next to the database.
    pub(crate) near: AuthServer,
    /// Behind the cable.
    pub(crate) far: AuthServer,
    pub(crate) cable: Cable,
    /// Where the database is, its password included.
    pub(crate) url: String,
    _cluster: Arc<Cluster>,
}

impl Pair {
    /// Two servers on a new database; none, said loudly, where there is no Postgres.
    pub(crate) async fn start(name: &str) -> Option<Pair> {
        let cluster = cluster().await?;
        cluster.create(name).expect("a database");
        let cable = Cable::to(cluster.address()).await.expect("a cable");
        let binaries = build::servers(build::Profile::Dev).unwrap_or_else(|fault| panic!("{fault}"));
        let program = binaries.join("auth-server");
        let clients = clients(&program, &shared::folder(name));
        let place = |server: &str, url: &str| {
            let folder = shared::folder(&format!("{name}-{server}"));
            let database = folder.join("database-url");
            files::replace(&database, url.as_bytes(), 0o600).expect("the folder is ours");
            Place { program: program.clone(), folder, database, clients: clients.clone() }
        };
        let url = cluster.url(name);
        let (near, far) = (place("near", &url), place("far", &cluster.url_through(&cable, name)));
        let near = AuthServer::start(near).await;
        files::make_dir(&far.state(), 0o700).expect("the folder is ours");
        for key in KEYS {
            let bytes = std::fs::read(near.place.state().join(key)).expect("it was made");
            files::replace(&far.state().join(key), &bytes, 0o600).expect("the folder is ours");
        }
        let far = AuthServer::start(far).await;
        Some(Pair { near, far, cable, url, _cluster: cluster })
    }
}

async fn cluster() -> Option<Arc<Cluster>> {
    let mut known = CLUSTER.lock().await;
    if let Some(cluster) = known.upgrade() {
        return Some(cluster);
    }
    let programs = match postgres::present() {
        Ok(programs) => programs,
        Err(reason) => {
            shared::skipped(&format!("postgres: {reason}"));
            return None;
        }
    };
    let cluster = Cluster::start(programs, shared::folder("postgres"), Life::WithParent).await;
    let cluster = Arc::new(cluster.expect("postgres starts"));
    *known = Arc::downgrade(&cluster);
    Some(cluster)
}

/// The configuration's clients: the worker alone.
fn clients(program: &Path, folder: &Path) -> PathBuf {
    let mut hashing = Command::new(program)
        .arg("hash-secret")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let written = hashing.stdin.take().expect("it is piped").write_all(WORKERS_SECRET.as_bytes());
    let hash = hashing.wait_with_output().expect("it ends").stdout;
    written.expect("it reads");
    let hash = String::from_utf8(hash).expect("a text");
    let worker = json!({"client_id": WORKER, "secret_hash": hash.trim(), "groups": ["registry-users-lob2"]});
    let file = folder.join("clients.yml");
    std::fs::write(&file, json!({"clients": [worker]}).to_string()).expect("the folder is ours");
    file
}

/// Asks until the answer has this status.
#[track_caller]
pub(crate) fn soon(status: u16, mut ask: impl AsyncFnMut() -> Answer) -> impl Future<Output = Answer> {
    let asker = Location::caller();
    let deadline = Instant::now() + SOON;
    async move {
        loop {
            let answer = ask().await;
            if answer.status == status {
                return answer;
            }
            assert!(Instant::now() < deadline, "{asker}: it never becomes {status}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}
