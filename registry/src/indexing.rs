//! Keeps the search index equal to the stores of agents and MCP servers.
//!
//! The index is never the truth: it follows the stores one path at a time, a failure is
//! logged and caught up by the next sweep, and it can be deleted at any time.

mod document;
mod key;
mod others;
mod shared;
mod sight;
mod upkeep;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use catalog::{AgentEntry, EntryPath, ServerEntry};
use search::{Bert, Embedder, Engine, ModelSource, SavedVectors, VectorsError};
use store::EntryStore;
use tokio::sync::Semaphore;

use self::document::Facts;
use self::key::Place;
use crate::identity::Caller;

pub(crate) use self::key::{Key, Kind};
pub use self::shared::SharedVectors;
pub(crate) use self::sight::Sight;

/// How often everything is compared with the store, and changed vectors are saved.
const SWEEP: Duration = Duration::from_secs(30);
/// How long a machine without a model waits before it looks for one again.
const RETRY: Duration = Duration::from_secs(60);
/// Paths in one lane are indexed one after the other, so that the older state of an
/// entry never comes last.
const LANES: usize = 64;

/// Whether meaning can be searched.
enum State {
    Loading,
    Ready(Arc<Engine<Facts>>),
    Off(String),
}

/// What `/health` says of the search.
pub(crate) struct Report {
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
}

/// What a question is asked of, and how much is wanted.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) kinds: Vec<Kind>,
    /// How many hits over all these kinds.
    pub(crate) most: usize,
    /// The paths of the only agents that count, if not all do.
    pub(crate) agents: Option<HashSet<String>>,
}

/// Something that fits a question.
pub(crate) struct Hit {
    pub(crate) key: Key,
    /// -1 to 1.
    pub(crate) cosine: f32,
}

/// What the index holds of a place.
struct Indexed {
    /// The entity tag of the entry; none when something of it is missing.
    etag: Option<String>,
    keys: HashSet<Key>,
}

/// The index of one registry.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    agents: Arc<dyn EntryStore<AgentEntry>>,
    servers: Arc<dyn EntryStore<ServerEntry>>,
    state: ArcSwap<State>,
    /// What is there of each place.
    indexed: Mutex<HashMap<Place, Indexed>>,
    lanes: [Mutex<()>; LANES],
    hasher: ahash::RandomState,
    /// Embedding is pure computing: more at a time than there are cores only waits.
    cores: Arc<Semaphore>,
    /// Servers are indexed one after the other.
    servers_turn: Semaphore,
    vectors: Option<PathBuf>,
    /// Where other replicas' vectors are.
    shared: Option<SharedVectors>,
    unsaved: AtomicBool,
}

impl Index {
    /// An index that is still without a model; vectors are kept in the file `vectors`.
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
        Index(Arc::new(Inner {
            agents,
            servers,
            state: ArcSwap::from_pointee(State::Loading),
            indexed: Mutex::default(),
            lanes: std::array::from_fn(|_| Mutex::default()),
            hasher: ahash::RandomState::new(),
            cores: Arc::new(Semaphore::new(cores)),
            servers_turn: Semaphore::new(1),
            vectors,
            shared,
            unsaved: AtomicBool::new(false),
        }))
    }

    /// Finds and loads the model, builds the index, and then keeps sweeping. Runs until
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
        }
        loop {
            tokio::time::sleep(SWEEP).await;
            let index = self.clone();
            let swept = tokio::task::spawn_blocking(move || {
                index.0.sweep();
                index.save();
            });
            if let Err(panic) = swept.await {
                tracing::error!(%panic, "a sweep of the index failed");
            }
        }
    }

    /// Builds the index with this embedder and makes it ready; blocks while it embeds.
    pub fn build(&self, embedder: Arc<dyn Embedder>) {
        let engine = Engine::new(embedder.clone());
        if let Some(file) = &self.0.vectors {
            match SavedVectors::read(file, embedder.as_ref()).and_then(|saved| engine.warm(saved)) {
                Ok(()) | Err(VectorsError::Absent(_)) => {}
                Err(error) => {
                    tracing::warn!(%error, "saved vectors are not used; every text is embedded again");
                }
            }
        }
        let engine = Arc::new(engine);
        self.0.borrow(&engine);
        self.0.fill(&engine);
        self.0.state.store(Arc::new(State::Ready(engine.clone())));
        // What was written while the index was being filled was followed by nobody.
        self.0.sweep();
        engine.cool();
        if let Some(shared) = &self.0.shared {
            shared.keep_only(engine.fingerprint(), engine.texts());
        }
        tracing::info!(entries = engine.len(), "semantic search is ready");
        self.save();
    }

    /// Says that there is no search, and why.
    pub fn turn_off(&self, reason: &str) {
        tracing::warn!(reason, "semantic search is off; everything else works");
        self.0.state.store(Arc::new(State::Off(reason.to_owned())));
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
        if !matches!(**self.0.state.load(), State::Ready(_)) {
            return;
        }
        // A server may have very many tools: one is done after the other, so that searches have a core.
        let _turn = match &place {
            Place::Server(_) => self.0.servers_turn.acquire().await.ok(),
            Place::Agent(_) => None,
        };
        let inner = self.0.clone();
        if let Err(cause) = self.0.compute(move || inner.follow(&place)).await {
            tracing::error!(cause, "an entry could not be indexed; the next sweep tries again");
        }
    }

    /// What is most like the text among what the caller may see and what is enabled, for each of these wants,
    /// best first. The text is embedded once.
    pub(crate) async fn nearest(
        &self,
        caller: &Caller,
        text: &str,
        wants: Vec<Wanted>,
    ) -> Result<Vec<Vec<Hit>>, &'static str> {
        let engine = match &**self.0.state.load() {
            State::Ready(engine) => engine.clone(),
            State::Loading => return Err("the model is being loaded"),
            State::Off(_) => return Err("there is no model; /health says why"),
        };
        let (inner, caller, text) = (self.0.clone(), caller.clone(), text.to_owned());
        let searched = self.0.compute(move || {
            let question = engine.question(&text)?;
            let servers = inner.servers.catalogue();
            let sight = Sight::new(&caller, &servers);
            let hits = |wanted: &Wanted| {
                let found = engine
                    .nearest_to(&question, wanted.most, |facts| wanted.admits(facts) && sight.sees(facts));
                let hit =
                    |found: search::Hit| Some(Hit { key: Key::read(&found.key)?, cosine: found.cosine });
                found.into_iter().filter_map(hit).collect()
            };
            Ok(wants.iter().map(hits).collect())
        });
        let failed = |cause: String| {
            tracing::error!(cause, "a search failed");
            "the question could not be read; the log has the cause"
        };
        searched.await.map_err(failed)?.map_err(|error: search::SearchError| failed(error.to_string()))
    }

    pub(crate) fn report(&self) -> Report {
        match &**self.0.state.load() {
            State::Ready(_) => Report { state: "ready", reason: None },
            State::Loading => Report { state: "loading", reason: None },
            State::Off(reason) => Report { state: "unavailable", reason: Some(reason.clone()) },
        }
    }

    /// Saves vectors that are not on the disk yet, so that a restart embeds nothing.
    pub fn save(&self) {
        let (Some(file), State::Ready(engine)) = (&self.0.vectors, &**self.0.state.load()) else { return };
        if self.0.unsaved.swap(false, Ordering::AcqRel)
            && let Err(error) = engine.save(file)
        {
            self.0.unsaved.store(true, Ordering::Release);
            tracing::warn!(%error, "vectors are not saved; a restart will embed again");
        }
    }
}

impl Wanted {
    /// Whether something counts at all, whoever asks.
    fn admits(&self, facts: &Facts) -> bool {
        let named = |paths: &HashSet<String>| match facts {
            Facts::Agent { resource, .. } => paths.contains(resource.path()),
            Facts::Server { .. } | Facts::Tool { .. } => true,
        };
        self.kinds.contains(&facts.kind()) && self.agents.as_ref().is_none_or(named)
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
}
