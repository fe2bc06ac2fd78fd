//! Embedder and rows joined: the one thing the servers hold.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use half::f16;
use sha2::{Digest, Sha256};

use crate::graph::Graph;
use crate::index::{Limits, Route, Rows, TextHash};
use crate::matrix::to_half;
use crate::{Embedder, SavedVectors, SearchError, VectorsError, vectors};

/// One answer of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The key it was kept under.
    pub key: String,
    /// Cosine of the query with it, -1 to 1.
    pub cosine: f32,
}

/// A question, embedded.
#[derive(Debug, Clone)]
pub struct Question(Vec<f32>);

/// Keeps the vectors of texts under keys, with the facts `F` that decide who may find them.
///
/// Every method may be called from any thread at any time. Embedding happens outside all locks.
pub struct Engine<F: Clone + Send + Sync> {
    embedder: Arc<dyn Embedder>,
    limits: Limits,
    state: RwLock<State<F>>,
    building: AtomicBool,
}

struct State<F> {
    rows: Rows<F>,
    /// Vectors of the last run, by text.
    warm: HashMap<TextHash, Box<[f16]>>,
    /// Keys whose text is being embedded. The newest wish for a key wins, whichever embedding ends first.
    pending: HashMap<String, Pending<F>>,
    wishes: u64,
}

struct Pending<F> {
    wish: u64,
    facts: F,
}

/// What an upsert finds when it arrives.
enum Start {
    Done,
    Embed { wish: u64 },
}

impl<F: Clone + Send + Sync> Engine<F> {
    /// An empty engine.
    #[must_use]
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self::with_limits(embedder, Limits::default())
    }

    pub(crate) fn with_limits(embedder: Arc<dyn Embedder>, limits: Limits) -> Self {
        let rows = Rows::new(embedder.dimensions());
        let state = State { rows, warm: HashMap::new(), pending: HashMap::new(), wishes: 0 };
        Self { embedder, limits, state: RwLock::new(state), building: AtomicBool::new(false) }
    }

    /// Number of keys that can be found.
    pub fn len(&self) -> usize {
        self.read().rows.len()
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps a text and its facts under a key. A text that did not change is not embedded again.
    ///
    /// New facts of a known key hold at once, before the new text is embedded and also when that fails:
    /// what was made private is not found while its vector is being made. When calls for one key overlap,
    /// the one that began last wins. The call that first makes the catalogue a big one (over 20,000 keys) also
    /// builds the graph, which takes seconds and holds up no one else.
    ///
    /// # Errors
    /// [`SearchError`] when the embedder fails; the key keeps the vector it had, if any.
    pub fn upsert(&self, key: &str, text: &str, facts: F) -> Result<(), SearchError> {
        let hash = hash(text);
        let Start::Embed { wish } = self.begin(key, hash, facts) else {
            self.grow_graph();
            return Ok(());
        };
        let vector = self.embed(text);
        let mut state = self.write();
        // A newer upsert or a removal came in between: this one never happened.
        if state.pending.get(key).is_none_or(|pending| pending.wish != wish) {
            return Ok(());
        }
        let Some(Pending { facts, .. }) = state.pending.remove(key) else { return Ok(()) };
        state.rows.insert(key, hash, &to_half(&vector?), facts);
        drop(state);
        self.grow_graph();
        Ok(())
    }

    /// Changes who may find a key; false when the key is unknown.
    pub fn set_facts(&self, key: &str, facts: F) -> bool {
        let mut state = self.write();
        let pending = state.pending.get_mut(key).map(|pending| pending.facts = facts.clone()).is_some();
        let kept = state.rows.get_mut(key).map(|row| row.facts = facts).is_some();
        pending || kept
    }

    /// Forgets a key, also when its text is being embedded at this moment; false when it was unknown.
    pub fn remove(&self, key: &str) -> bool {
        let mut state = self.write();
        let pending = state.pending.remove(key).is_some();
        let gone = state.rows.remove(key);
        if let Some(row) = &gone {
            state.warm.remove(&row.text);
        }
        pending || gone.is_some()
    }

    /// The `min(k, permitted)` entries most like the text among those whose facts are permitted, falling
    /// cosine, ties by key. Exact up to 20,000 permitted entries; beyond, the graph may miss a few in a
    /// thousand, but what is not permitted is never returned and never counted.
    ///
    /// The predicate runs under the engine's lock: it must be quick and must not call the engine. It is
    /// `Sync` so that it can be asked on several threads.
    ///
    /// # Errors
    /// [`SearchError`] when the embedder fails.
    pub fn nearest(
        &self,
        text: &str,
        k: usize,
        permitted: impl Fn(&F) -> bool + Sync,
    ) -> Result<Vec<Hit>, SearchError> {
        Ok(self.nearest_to(&self.question(text)?, k, permitted))
    }

    /// Embeds a question, to be asked of several sets of entries.
    ///
    /// # Errors
    /// [`SearchError`] when the embedder fails.
    pub fn question(&self, text: &str) -> Result<Question, SearchError> {
        self.embed(text).map(Question)
    }

    /// [`Engine::nearest`] to a question of this engine.
    pub fn nearest_to(
        &self,
        question: &Question,
        k: usize,
        permitted: impl Fn(&F) -> bool + Sync,
    ) -> Vec<Hit> {
        self.nearest_by(question, k, permitted).0
    }

    pub(crate) fn nearest_by(
        &self,
        Question(query): &Question,
        k: usize,
        permitted: impl Fn(&F) -> bool + Sync,
    ) -> (Vec<Hit>, Route) {
        let state = self.read();
        let (found, route) = state.rows.nearest(query, k, &permitted, &self.limits);
        tracing::debug!(?route, rows = state.rows.len(), found = found.len(), "searched");
        let hits = found.into_iter().map(|(row, cosine)| Hit { key: row.key.to_string(), cosine }).collect();
        (hits, route)
    }

    /// Takes over vectors of an earlier run, so that upserts of the same texts embed nothing. Call it before
    /// the catalogue is loaded, and [`Engine::cool`] afterwards.
    ///
    /// # Errors
    /// [`VectorsError::Foreign`] when they were made by another model or recipe.
    pub fn warm(&self, vectors: SavedVectors) -> Result<(), VectorsError> {
        vectors.check(self.embedder.as_ref())?;
        self.write().warm = vectors.entries;
        Ok(())
    }

    /// Drops vectors of an earlier run that no key uses; they would be saved again otherwise.
    pub fn cool(&self) {
        self.write().warm = HashMap::new();
    }

    /// The hash of the text under which a vector would have to be made for it, if it is kept under this key:
    /// none when there is one already.
    pub fn lacks(&self, key: &str, text: &str) -> Option<TextHash> {
        let hash = hash(text);
        let state = self.read();
        let is_kept = state.rows.get(key).is_some_and(|(row, _)| row.text == hash);
        (!is_kept && !state.warm.contains_key(&hash)).then_some(hash)
    }

    /// Takes vectors that another engine of the same fingerprint has made, so that the next upserts of their
    /// texts embed nothing. Those that cannot be such are left out: whatever brought them spoiled them.
    pub fn lend(&self, vectors: impl IntoIterator<Item = (TextHash, Vec<u8>)>) {
        let vectors = vectors.into_iter().filter_map(|(text, bytes)| {
            let vector = vectors::read_row(&bytes, self.embedder.dimensions())?;
            vectors::is_of_length_one(&vector).then_some((text, vector))
        });
        let vectors: Vec<_> = vectors.collect();
        self.write().warm.extend(vectors);
    }

    /// Forgets what was lent and is not kept under any key.
    pub fn give_back<'a>(&self, texts: impl IntoIterator<Item = &'a TextHash>) {
        let mut state = self.write();
        texts.into_iter().for_each(|text| drop(state.warm.remove(text)));
    }

    /// The vector of a key, and the hash of its text, as [`Engine::lend`] takes them.
    pub fn vector(&self, key: &str) -> Option<(TextHash, Vec<u8>)> {
        let state = self.read();
        state.rows.get(key).map(|(row, vector)| (row.text, vectors::print_row(vector)))
    }

    /// The hash of every text that is kept.
    pub fn texts(&self) -> Vec<TextHash> {
        self.read().rows.vectors().map(|(text, _)| text).collect()
    }

    /// Names model and recipe of the vectors.
    pub fn fingerprint(&self) -> &str {
        self.embedder.fingerprint()
    }

    /// Saves all vectors in one file, whole or not at all. A folder that is missing is an error.
    ///
    /// # Errors
    /// [`VectorsError::Unwritable`]; an earlier file is then left as it was.
    pub fn save(&self, path: &Path) -> Result<(), VectorsError> {
        self.vectors().write(path)
    }

    fn vectors(&self) -> SavedVectors {
        let state = self.read();
        let mut entries = state.warm.clone();
        entries.extend(state.rows.vectors().map(|(text, vector)| (text, vector.into())));
        SavedVectors::new(self.embedder.as_ref(), entries)
    }

    /// Settles what needs no embedding, and registers the wish of what does.
    fn begin(&self, key: &str, text: TextHash, facts: F) -> Start {
        let mut state = self.write();
        if let Some(row) = state.rows.get_mut(key) {
            row.facts = facts.clone();
            if row.text == text {
                state.pending.remove(key);
                return Start::Done;
            }
        }
        if let Some(vector) = state.warm.get(&text).cloned() {
            state.pending.remove(key);
            state.rows.insert(key, text, &vector, facts);
            return Start::Done;
        }
        state.wishes += 1;
        let wish = state.wishes;
        state.pending.insert(key.to_owned(), Pending { wish, facts });
        Start::Embed { wish }
    }

    /// The vector of a text, checked: one NaN in the matrix would spoil the order of every answer.
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        let vector = self.embedder.embed(text)?;
        if vector.len() != self.embedder.dimensions() {
            let (is, should) = (vector.len(), self.embedder.dimensions());
            return Err(SearchError::BadVector(format!("{is} dimensions instead of {should}")));
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        // A NaN or an infinity anywhere makes the length one too, which is in no range.
        if !(0.99..=1.01).contains(&length) {
            return Err(SearchError::BadVector(format!("its length is {length} instead of 1")));
        }
        Ok(vector)
    }

    /// Builds the graph once the catalogue is big, outside the lock; one thread at a time.
    fn grow_graph(&self) {
        if !self.wants_graph() || self.building.swap(true, Ordering::Acquire) {
            return;
        }
        // Asked again: another thread may have finished one between the two questions.
        if self.wants_graph() {
            let (matrix, stamps) = self.read().rows.for_graph();
            match Graph::build(&matrix, &stamps) {
                Ok(graph) => self.write().rows.adopt(graph, &stamps),
                Err(cause) => {
                    // `building` stays set: a graph that cannot be built is not tried at every upsert.
                    tracing::warn!(%cause, "the search graph could not be built; exact scans answer");
                    return;
                }
            }
        }
        self.building.store(false, Ordering::Release);
    }

    fn wants_graph(&self) -> bool {
        let state = self.read();
        state.rows.len() > self.limits.exact_rows && !state.rows.has_graph()
    }

    /// The state is changed in steps that cannot panic halfway with it out of order, so a lock poisoned
    /// by a panic elsewhere (a predicate, a clone of facts) is no reason to stop answering.
    fn read(&self) -> RwLockReadGuard<'_, State<F>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<F>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(text: &str) -> TextHash {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests;
