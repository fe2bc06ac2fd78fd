//! Keeps the search index equal to the stores of agents and MCP servers.
//!
//! The index is never the truth: it follows the stores one path at a time, a failure is
//! logged and caught up by the next sweep, and it can be deleted at any time. It answers from the first moment on: by
//! words while there is no model, and by words and meaning as far as vectors have been made.

mod asked;
mod building;
mod check;
mod document;
mod key;
mod narrow;
mod others;
mod shared;
mod sight;
mod upkeep;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use catalog::{AgentEntry, EntryPath, ServerEntry};
use search::{Bert, Embedder, Engine, ModelSource, Progress};
use store::EntryStore;
use tokio::sync::Semaphore;

use self::key::Place;
use self::upkeep::hashes;

pub(crate) use self::asked::{Found, Hit, Score, Wanted};
pub use self::check::Checked;
pub(crate) use self::document::Document;
pub(crate) use self::key::{Key, Kind};
pub(crate) use self::narrow::Narrow;
pub use self::shared::SharedVectors;
pub(crate) use self::sight::Sight;
pub(crate) use self::upkeep::documents;

/// How often everything is compared with the store, and changed vectors are saved.
const SWEEP: Duration = Duration::from_secs(30);
/// How long a machine without a model waits before it looks for one again.
const RETRY: Duration = Duration::from_secs(60);
/// Paths in one lane are indexed one after the other, so that the older state of an
/// entry never comes last.
const LANES: usize = 64;

/// How far the search is.
enum Phase {
    /// There is no model yet: words are searched.
    Loading,
    /// Vectors are being made; why all of them, if those of the last run are of no use.
    Building(Option<String>),
    /// Everything has its vector.
    Ready,
    /// There is no model, and why: words are searched.
    Off(String),
}

/// What `/health` says of the search.
pub(crate) struct Report {
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) progress: Progress,
}

/// What the index holds of a place.
struct Indexed {
    /// The entity tag of the entry.
    etag: String,
    keys: HashSet<Key>,
}

/// The index of one registry.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    agents: Arc<dyn EntryStore<AgentEntry>>,
    servers: Arc<dyn EntryStore<ServerEntry>>,
    engine: Engine<Document>,
    phase: ArcSwap<Phase>,
    /// What is there of each place.
    indexed: Mutex<HashMap<Place, Indexed>>,
    lanes: [Mutex<()>; LANES],
    hasher: ahash::RandomState,
    /// Embedding is pure computing: more at a time than there are cores only waits.
    cores: Arc<Semaphore>,
    /// Servers' vectors are made one server after the other.
    servers_turn: Semaphore,
    vectors: Option<PathBuf>,
    saving: Mutex<()>,
    /// Where other replicas' vectors are.
    shared: Option<SharedVectors>,
    unsaved: AtomicBool,
    /// How many places are having vectors made.
    due: Arc<AtomicUsize>,
}

/// Some place's vectors, until they are made.
struct Due(Arc<AtomicUsize>);

impl Drop for Due {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Index {
    /// An index that finds by words what these stores hold, and is still without a model; vectors are kept in the
    /// file `vectors`.
    pub fn new(
        agents: Arc<dyn EntryStore<AgentEntry>>,
        servers: Arc<dyn EntryStore<ServerEntry>>,
        vectors: Option<PathBuf>,
    ) -> Index {
        Index::with(agents, servers, vectors, None)
    }

    /// One that shares its vectors with other replicas' instead.
    pub fn sharing(
        agents: Arc<dyn EntryStore<AgentEntry>>,
        servers: Arc<dyn EntryStore<ServerEntry>>,
        shared: SharedVectors,
    ) -> Index {
        Index::with(agents, servers, None, Some(shared))
    }

    fn with(
        agents: Arc<dyn EntryStore<AgentEntry>>,
        servers: Arc<dyn EntryStore<ServerEntry>>,
        vectors: Option<PathBuf>,
        shared: Option<SharedVectors>,
    ) -> Index {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let inner = Inner {
            agents,
            servers,
            engine: Engine::new(),
            phase: ArcSwap::from_pointee(Phase::Loading),
            indexed: Mutex::default(),
            lanes: std::array::from_fn(|_| Mutex::default()),
            hasher: ahash::RandomState::new(),
            cores: Arc::new(Semaphore::new(cores)),
            servers_turn: Semaphore::new(1),
            vectors,
            saving: Mutex::default(),
            shared,
            unsaved: AtomicBool::new(false),
            due: Arc::default(),
        };
        inner.fill();
        Index(Arc::new(inner))
    }

    /// Finds and loads the model, brings the vectors, and then keeps sweeping. Runs until
    /// its task is dropped; the registry serves meanwhile.
    pub async fn run(self, source: ModelSource) {
        loop {
            let (index, source) = (self.clone(), source.clone());
            let loaded = tokio::task::spawn_blocking(move || {
                let bert = source
                    .locate()
                    .and_then(|files| Bert::load(&files))
                    .map_err(|error| error.to_string())?;
                index.build(Arc::new(bert));
                Ok(())
            });
            match loaded.await.unwrap_or_else(|panic| Err(panic.to_string())) {
                Ok(()) => break,
                Err(reason) => self.turn_off(&reason),
            }
            tokio::time::sleep(RETRY).await;
            self.swept().await;
        }
        loop {
            self.tended();
            tokio::time::sleep(SWEEP).await;
            self.swept().await;
        }
    }

    /// Builds the graph of a big catalogue, if it wants one. That takes a minute or more, and nothing waits for it.
    fn tended(&self) {
        let index = self.clone();
        tokio::spawn(async move {
            let tended = tokio::task::spawn_blocking(move || index.0.engine.tend());
            if let Err(panic) = tended.await {
                tracing::error!(%panic, "building the search graph failed");
            }
        });
    }

    async fn swept(&self) {
        let index = self.clone();
        let swept = tokio::task::spawn_blocking(move || {
            single_threaded();
            index.0.sweep();
            index.save();
        });
        if let Err(panic) = swept.await {
            tracing::error!(%panic, "a sweep of the index failed");
        }
    }

    /// Takes this embedder and brings every vector there should be; blocks while it embeds, and everything is
    /// found by words meanwhile. A second embedder is none.
    pub fn build(&self, embedder: Arc<dyn Embedder>) {
        self.0.build(embedder);
    }

    /// Says that there is no model, and why.
    pub fn turn_off(&self, reason: &str) {
        tracing::warn!(reason, "search goes by words alone; everything else works");
        self.0.phase.store(Arc::new(Phase::Off(reason.to_owned())));
    }

    /// Brings the index to the store's state of one agent, before the write is answered: who has registered
    /// an agent finds it.
    pub(crate) async fn follow(&self, path: &EntryPath) {
        self.follow_place(Place::Agent(path.clone())).await;
    }

    /// The same of an MCP server and its tools.
    pub(crate) async fn follow_server(&self, path: &EntryPath) {
        self.follow_place(Place::Server(path.clone())).await;
    }

    async fn follow_place(&self, place: Place) {
        let index = self.clone();
        // In a task of its own: a caller who hangs up leaves no vector behind that is not made.
        let followed = tokio::spawn(async move { index.bring(place).await }).await;
        if let Err(cause) = followed.map_err(|panic| panic.to_string()).flatten() {
            tracing::error!(cause, "an entry could not be indexed; the next sweep tries again");
        }
    }

    async fn bring(&self, place: Place) -> Result<(), String> {
        let _due = self.0.begin();
        let (inner, at) = (self.0.clone(), place.clone());
        let lacking = self.0.compute(move || inner.put(&at)).await?;
        if lacking.is_empty() || !self.0.engine.has_model() {
            return Ok(());
        }
        // A server may have very many tools: one is done after the other, and searches have a core between any two.
        let _turn = match &place {
            Place::Server(_) => self.0.servers_turn.acquire().await.ok(),
            Place::Agent(_) => None,
        };
        let (inner, texts) = (self.0.clone(), hashes(&lacking));
        let lacking = self.0.compute(move || inner.borrowed(&place, lacking)).await?;
        for (document, _) in lacking {
            let inner = self.0.clone();
            self.0.compute(move || inner.make(&document)).await?;
        }
        self.0.give_back(&texts);
        Ok(())
    }

    /// Brings words, and who may find what, to the stores' state of where these are. Who has written there brings
    /// the vectors.
    pub(crate) async fn catch_up(&self, keys: &[Key]) {
        let (inner, mut places) = (self.0.clone(), keys.iter().map(Place::from).collect::<HashSet<_>>());
        let caught_up = self.0.compute(move || {
            // Where some are behind, others are: else one round would only bring the next ones to light.
            places.extend(inner.stale());
            places.iter().for_each(|place| drop(inner.put(place)));
        });
        if let Err(cause) = caught_up.await {
            tracing::error!(cause, "an entry could not be indexed; the next sweep tries again");
        }
    }

    pub(crate) fn report(&self) -> Report {
        let (state, reason) = match &**self.0.phase.load() {
            Phase::Ready => ("ready", None),
            Phase::Building(reason) => ("building", reason.clone()),
            Phase::Loading => ("loading", None),
            Phase::Off(reason) => ("unavailable", Some(reason.clone())),
        };
        Report { state, reason, progress: self.0.engine.progress() }
    }

    /// Saves vectors that are not on the disk yet, so that a restart embeds nothing.
    pub fn save(&self) {
        self.0.save();
    }
}

fn single_threaded() {
    if let Err(error) = search::single_threaded_maths() {
        tracing::warn!(%error, "embedding uses more threads than is good for it");
    }
}

impl Inner {
    /// Computes on one core, on a thread that does its arithmetic alone: several texts at a
    /// time, one thread each, is what candle is fastest at. The core is held by the work, not
    /// by the request: callers who hang up free it only when the work is done.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let core = self.cores.clone().acquire_owned().await.map_err(|closed| closed.to_string())?;
        let done = tokio::task::spawn_blocking(move || {
            single_threaded();
            let done = work();
            drop(core);
            done
        });
        done.await.map_err(|panic| panic.to_string())
    }

    fn indexed(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Indexed>> {
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some vectors are going to be made.
    fn begin(&self) -> Due {
        self.due.fetch_add(1, Ordering::AcqRel);
        Due(self.due.clone())
    }

    /// How many places are having vectors made.
    fn due(&self) -> usize {
        self.due.load(Ordering::Acquire)
    }
}
