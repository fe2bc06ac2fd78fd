//! Keeps the search index equal to the store.
//!
//! The index is never the truth: it follows the store one path at a time, a failure is
//! logged and caught up by the next sweep, and it can be deleted at any time.

mod others;
mod shared;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Action, Resource};
use arc_swap::ArcSwap;
use catalog::{AgentEntry, EntryPath};
use search::{Bert, Embedder, Engine, Hit, ModelSource, SavedVectors, TextHash, VectorsError};
use store::EntryStore;
use tokio::sync::Semaphore;

use crate::identity::Caller;

pub use self::shared::SharedVectors;

/// How often everything is compared with the store, and changed vectors are saved.
const SWEEP: Duration = Duration::from_secs(30);
/// How long a machine without a model waits before it looks for one again.
const RETRY: Duration = Duration::from_secs(60);
/// Paths in one lane are indexed one after the other, so that the older state of an
/// entry never comes last.
const LANES: usize = 64;

/// What the filter inside the search needs of an entry.
#[derive(Clone)]
struct Facts {
    resource: Arc<Resource>,
    enabled: bool,
}

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

/// The index of one registry.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    store: Arc<dyn EntryStore<AgentEntry>>,
    state: ArcSwap<State>,
    /// The entity tag under which each path was last indexed.
    indexed: Mutex<HashMap<EntryPath, String>>,
    lanes: [Mutex<()>; LANES],
    hasher: ahash::RandomState,
    /// Embedding is pure computing: more at a time than there are cores only waits.
    cores: Arc<Semaphore>,
    vectors: Option<PathBuf>,
    /// Where other replicas' vectors are.
    shared: Option<SharedVectors>,
    unsaved: AtomicBool,
}

impl Index {
    /// An index that is still without a model; vectors are kept in the file `vectors`.
    pub fn new(store: Arc<dyn EntryStore<AgentEntry>>, vectors: Option<PathBuf>) -> Index {
        Index::with(store, vectors, None)
    }

    /// One that shares its vectors with other replicas' instead.
    pub fn sharing(store: Arc<dyn EntryStore<AgentEntry>>, shared: SharedVectors) -> Index {
        Index::with(store, None, Some(shared))
    }

    fn with(
        store: Arc<dyn EntryStore<AgentEntry>>,
        vectors: Option<PathBuf>,
        shared: Option<SharedVectors>,
    ) -> Index {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Index(Arc::new(Inner {
            store,
            state: ArcSwap::from_pointee(State::Loading),
            indexed: Mutex::default(),
            lanes: std::array::from_fn(|_| Mutex::default()),
            hasher: ahash::RandomState::new(),
            cores: Arc::new(Semaphore::new(cores)),
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

    /// Brings the index to the store's state of one path, before the write is answered:
    /// who has registered an agent finds it.
    pub(crate) async fn follow(&self, path: &EntryPath) {
        if !matches!(**self.0.state.load(), State::Ready(_)) {
            return;
        }
        let (inner, path) = (self.0.clone(), path.clone());
        if let Err(cause) = self.0.compute(move || inner.follow(&path)).await {
            tracing::error!(cause, "an entry could not be indexed; the next sweep tries again");
        }
    }

    /// The entries most like the text among those the caller may see and that are enabled.
    pub(crate) async fn nearest(
        &self,
        caller: &Caller,
        text: &str,
        k: usize,
    ) -> Result<Vec<Hit>, &'static str> {
        let engine = match &**self.0.state.load() {
            State::Ready(engine) => engine.clone(),
            State::Loading => return Err("the model is being loaded"),
            State::Off(_) => return Err("there is no model; /health says why"),
        };
        let (caller, text) = (caller.clone(), text.to_owned());
        let searched = self.0.compute(move || {
            let view = caller.view(Action::ListAgents);
            engine.nearest(&text, k, |facts| facts.enabled && view.sees(&facts.resource))
        });
        let failed = |cause: String| {
            tracing::error!(cause, "a search failed");
            "the question could not be read; the log has the cause"
        };
        searched.await.map_err(failed)?.map_err(|error| failed(error.to_string()))
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

    /// Takes all vectors that other replicas have computed, at once.
    fn borrow(&self, engine: &Engine<Facts>) {
        let Some(shared) = &self.shared else { return };
        let catalogue = self.store.catalogue();
        let lacking =
            |entry: &Arc<AgentEntry>| engine.lacks(entry.path.as_str(), &catalog::text::of_agent(entry));
        let hashes: Vec<TextHash> = catalogue.iter().filter_map(lacking).collect();
        engine.lend(shared.find_now(engine.fingerprint(), &hashes));
    }

    /// Indexes the whole catalogue on all cores.
    fn fill(&self, engine: &Engine<Facts>) {
        let paths: Vec<EntryPath> = self.store.catalogue().iter().map(|entry| entry.path.clone()).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for part in paths.chunks(paths.len().div_ceil(cores).max(1)) {
                scope.spawn(|| {
                    single_threaded();
                    part.iter().for_each(|path| self.index(engine, path));
                });
            }
        });
    }

    /// Indexes whatever differs from the store.
    fn sweep(&self) {
        self.stale().iter().for_each(|path| self.follow(path));
    }

    /// The paths where the index differs from the store.
    fn stale(&self) -> Vec<EntryPath> {
        let catalogue = self.store.catalogue();
        let indexed = self.indexed();
        let changed = catalogue.iter().filter(|entry| indexed.get(&entry.path) != Some(&entry.etag));
        let gone = indexed.keys().filter(|path| catalogue.get(path).is_none());
        changed.map(|entry| &entry.path).chain(gone).cloned().collect()
    }

    fn follow(&self, path: &EntryPath) {
        if let State::Ready(engine) = &**self.state.load() {
            self.index(engine, path);
        }
    }

    fn index(&self, engine: &Engine<Facts>, path: &EntryPath) {
        let lane = &self.lanes[self.hasher.hash_one(path) as usize % LANES];
        let _turn = lane.lock().unwrap_or_else(PoisonError::into_inner);
        match self.store.catalogue().get(path) {
            None => {
                engine.remove(path.as_str());
                self.indexed().remove(path);
            }
            Some(entry) => {
                let text = catalog::text::of_agent(entry);
                let lacking = engine.lacks(path.as_str(), &text);
                let borrowed = lacking.is_some_and(|hash| self.borrow_one(engine, hash));
                match engine.upsert(path.as_str(), &text, Facts::of(entry)) {
                    Ok(()) => {
                        if let (Some(hash), Some(shared)) = (lacking, &self.shared) {
                            engine.give_back(&[hash]);
                            let computed = engine.vector(path.as_str()).filter(|_| !borrowed);
                            computed.into_iter().for_each(|vector| shared.keep(engine.fingerprint(), vector));
                        }
                        self.indexed().insert(path.clone(), entry.etag.clone());
                    }
                    Err(error) => tracing::error!(%path, %error, "not indexed; the next sweep tries again"),
                }
            }
        }
        self.unsaved.store(true, Ordering::Release);
    }

    /// Takes one vector that another replica has computed, if any has.
    fn borrow_one(&self, engine: &Engine<Facts>, text: TextHash) -> bool {
        let Some(shared) = &self.shared else { return false };
        let found = shared.find_now(engine.fingerprint(), &[text]);
        let is_there = !found.is_empty();
        engine.lend(found);
        is_there
    }

    fn indexed(&self) -> std::sync::MutexGuard<'_, HashMap<EntryPath, String>> {
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
