//! Embedder and rows joined: the one thing the servers hold.

mod carried;
mod found;
mod scope;
mod tended;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use half::f16;
use sha2::{Digest, Sha256};

use crate::answers::{Answers, Request};
use crate::lexical::{Analysis, Field, Weighed};
use crate::question::{Question, Questions, normalised};
use crate::ranking::{Limits, Ranking, Route, Scored};
use crate::rows::{Graph, Rows, TextHash, to_half};
use crate::views::{Members, Views};
use crate::{Embedder, SearchError, vectors};

pub use self::found::{Footprint, Found, Hit, Progress};
pub use self::scope::{Filter, Scope};

/// What an entry says: the text that is embedded, and the fields that its words are from.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// What the model reads.
    pub embedded: &'a str,
    /// What is looked for by words.
    pub fields: &'a [Field<'a>],
}

/// Keeps texts under keys, with the facts `F` that decide who may find them.
///
/// Every method may be called from any thread at any time. Embedding and reading of texts happen outside all locks.
/// Calls for one key are the caller's to put in order: the last one that ends has its way.
pub struct Engine<F> {
    embedder: OnceLock<Arc<dyn Embedder>>,
    limits: Limits,
    state: RwLock<State<F>>,
    views: Views,
    questions: Questions,
    answers: Answers,
    fields: ahash::RandomState,
    building: AtomicBool,
    /// How many entries there were when a graph was built in vain.
    in_vain: AtomicUsize,
}

/// An answer, and which rows it is of.
pub(crate) struct Answer {
    pub(crate) found: Found,
    members: Arc<Members>,
    wanted: Arc<Members>,
}

struct State<F> {
    rows: Rows<F>,
    /// Vectors that no entry has asked for yet, by text.
    lent: HashMap<TextHash, Box<[f16]>>,
}

impl<F> Default for Engine<F> {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

impl<F> Engine<F> {
    /// An empty engine, which finds by words until it has a model.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self {
            embedder: OnceLock::new(),
            limits,
            state: RwLock::new(State { rows: Rows::new(), lent: HashMap::new() }),
            views: Views::new(),
            questions: Questions::new(),
            answers: Answers::new(),
            fields: ahash::RandomState::new(),
            building: AtomicBool::new(false),
            in_vain: AtomicUsize::new(0),
        }
    }

    /// Whether there is a model.
    pub fn has_model(&self) -> bool {
        self.embedder.get().is_some()
    }

    /// Number of keys that can be found.
    pub fn len(&self) -> usize {
        self.read().rows.len()
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries there are, and how many have their vector.
    pub fn progress(&self) -> Progress {
        let state = self.read();
        Progress { entries: state.rows.len(), embedded: state.rows.embedded() }
    }

    /// Keeps what an entry says, and its facts, under a key: facts and words hold at once. A vector that is known is
    /// taken; where one must be made, the hash of its text comes back, and [`Engine::embed`] makes it. Until then it
    /// is found by its words.
    pub fn put(&self, key: &str, text: &Text<'_>, facts: F) -> Option<TextHash> {
        let hash = hash(text.embedded);
        let fields = self.fields.hash_one(text.fields);
        let is_known = self.read().rows.has_fields(key, fields);
        let words = (!is_known).then(|| Analysis::of(text.fields));
        let mut state = self.write();
        let State { rows, lent } = &mut *state;
        // It may have gone, or changed, in between.
        let late = (is_known && !rows.has_fields(key, fields)).then(|| Analysis::of(text.fields));
        rows.put(key, hash, fields, words.as_ref().or(late.as_ref()), facts);
        let lacks = rows.lacks(key)?;
        if let Some(vector) = lent.get(&lacks).filter(|_| self.has_model()) {
            rows.set_vector(key, lacks, vector);
            return None;
        }
        Some(lacks)
    }

    /// Makes the vector of a key's text and keeps it, if it still is its text. Without a model this does nothing.
    ///
    /// # Errors
    /// [`SearchError`] when the embedder fails; the entry is then found by its words.
    pub fn embed(&self, key: &str, text: &str) -> Result<(), SearchError> {
        let hash = hash(text);
        if self.read().rows.lacks(key) != Some(hash) {
            return Ok(());
        }
        let Some(vector) = self.vector_of(text)? else { return Ok(()) };
        self.write().rows.set_vector(key, hash, &to_half(&vector));
        Ok(())
    }

    /// Forgets a key; false when it was unknown.
    pub fn remove(&self, key: &str) -> bool {
        self.write().rows.remove(key)
    }

    /// Reads and embeds a question, or finds it among those that were asked before.
    ///
    /// # Errors
    /// [`SearchError`] when the embedder fails.
    pub fn question(&self, text: &str) -> Result<Arc<Question>, SearchError> {
        let text = normalised(text);
        if let Some(question) = self.questions.get(&text) {
            return Ok(question);
        }
        let vector = self.vector_of(&text)?;
        let question = Question::new(text, vector);
        // One without a vector would be without one for as long as it is kept.
        if question.vector.is_some() {
            self.questions.keep(&question);
        }
        Ok(question)
    }

    /// The `min(k, permitted and admitted)` entries that fit the question best, of those with at least this
    /// relevance. Exact, but for callers from whom nothing can be hidden in a catalogue of over 20,000 entries, where
    /// the graph may miss a few in a thousand. What is not permitted is never returned, and changes nothing in the
    /// answer.
    ///
    /// # Errors
    /// [`SearchError`] when the question had to be spelled anew and the embedder fails.
    pub fn search(
        &self,
        question: &Question,
        scope: &Scope<'_, F>,
        k: usize,
        least: f64,
    ) -> Result<Arc<Found>, SearchError> {
        let request = scope.name().map(|name| Request {
            name: name.into(),
            question: question.text.as_str().into(),
            most: k,
            least: least.to_bits(),
        });
        // One that was asked without a model has no vector, and its answer is not that of later.
        let request = request.filter(|_| question.vector.is_some());
        if let Some(request) = &request {
            let state = self.read();
            let members = self.members(&state.rows, scope);
            let wanted = self.wanted(&state.rows, scope, &members);
            if let Some(found) = self.answers.get(request, &members, &wanted) {
                return Ok(found);
            }
        }
        let (answer, _) = self.search_by(question, scope, k, least)?;
        let found = Arc::new(answer.found);
        if let Some(request) = request {
            self.answers.keep(request, &answer.members, &answer.wanted, &found);
        }
        Ok(found)
    }

    pub(crate) fn search_by(
        &self,
        question: &Question,
        scope: &Scope<'_, F>,
        k: usize,
        least: f64,
    ) -> Result<(Answer, Route), SearchError> {
        let repaired = self.repaired(question, scope);
        // Embedded outside the lock; remembered, like every question.
        let repaired = repaired.map(|text| self.question(&text)).transpose()?;
        let state = self.read();
        let rows = &state.rows;
        let members = self.members(rows, scope);
        let wanted = self.wanted(rows, scope, &members);
        let ranking = Ranking { rows, wanted: &wanted.set, open: scope.open, limits: self.limits };
        let vocabulary = members.vocabulary(rows);
        let readings = std::iter::once(question).chain(repaired.as_deref());
        let words: Vec<Weighed<'_>> = readings
            .map(|reading| rows.lexicon().weighed(&reading.words, &members.set, vocabulary))
            .collect();
        let (mut best, route) = ranking.best(&words[0], question.vector.as_deref(), 0, k);
        if let Some(repaired) = &repaired {
            let (other, _) = ranking.best(&words[1], repaired.vector.as_deref(), 1, k);
            best = ranking.merged([best, other], k);
        }
        let hit = |scored: &Scored| {
            let row = rows.get(scored.row)?;
            // Asked once more, of each: whatever is wrong with what was kept, nothing leaves here unasked.
            if !(scope.permitted)(&row.facts) {
                self.views.forget(scope.class);
                scope.name().iter().for_each(|name| self.views.forget(name));
                return None;
            }
            Some(Hit {
                key: row.key.to_string(),
                relevance: f64::from(scored.score) / 10_000.0,
                semantic: scored.cosine.clamp(0.0, 1.0),
                lexical: scored.lexical,
                terms: words[scored.reading].terms(scored.row),
            })
        };
        let hits: Vec<Hit> = best.iter().filter_map(hit).filter(|hit| hit.relevance >= least).collect();
        tracing::debug!(?route, rows = rows.len(), found = hits.len(), "searched");
        let found = Found { hits, did_you_mean: repaired.map(|question| question.text.clone()) };
        Ok((Answer { found, members, wanted }, route))
    }

    /// The question as the caller's entries would spell it, if that is another one.
    fn repaired(&self, question: &Question, scope: &Scope<'_, F>) -> Option<String> {
        let embedder = self.embedder.get();
        let known = |word: &str| embedder.is_some_and(|embedder| embedder.knows(word));
        let state = self.read();
        let members = self.members(&state.rows, scope);
        let vocabulary = members.vocabulary(&state.rows);
        state.rows.lexicon().repaired(&question.words, &members.set, vocabulary, &known)
    }

    fn members(&self, rows: &Rows<F>, scope: &Scope<'_, F>) -> Arc<Members> {
        self.views.members(scope.class, rows, |facts| (scope.permitted)(facts))
    }

    fn wanted(&self, rows: &Rows<F>, scope: &Scope<'_, F>, members: &Arc<Members>) -> Arc<Members> {
        let Some(Filter { admits, .. }) = &scope.filter else { return members.clone() };
        let wanted = |facts: &F| (scope.permitted)(facts) && admits(facts);
        match scope.name() {
            Some(name) if *name != *scope.class => self.views.members(&name, rows, wanted),
            _ => Views::once(rows, wanted),
        }
    }

    /// Every key.
    pub fn keys(&self) -> Vec<String> {
        self.read().rows.all().map(|(_, row)| row.key.to_string()).collect()
    }

    /// Why what is kept under a key is not what this text should have given; none when it is.
    pub fn fault(&self, key: &str, text: &Text<'_>) -> Option<&'static str> {
        let (hash, fields) = (hash(text.embedded), self.fields.hash_one(text.fields));
        let state = self.read();
        let rows = &state.rows;
        let words = Analysis::of(text.fields);
        match rows.find(key) {
            None => Some("is not in the index"),
            Some(_) if !rows.has_fields(key, fields) => Some("has the words of other fields"),
            Some(row) if !rows.lexicon().has(row, &words) => Some("has other words than its fields"),
            Some(_) if !self.has_model() => None,
            Some(_) => match rows.vector(key) {
                None => Some("has no vector"),
                Some((kept, _)) if kept != hash => Some("has the vector of another text"),
                Some((_, vector)) if !vectors::is_of_length_one(vector) => Some("has a vector that is none"),
                Some(_) => None,
            },
        }
    }

    /// Names model and recipe of the vectors; empty where there is no model.
    pub fn fingerprint(&self) -> &str {
        self.embedder.get().map_or("", |embedder| embedder.fingerprint())
    }

    /// About how many bytes this takes up; the facts' own are left out.
    pub fn footprint(&self) -> Footprint {
        let state = self.read();
        let graph = state.rows.graph().map_or(0, Graph::bytes);
        Footprint { rows: state.rows.bytes(), words: state.rows.lexicon().bytes(), graph }
    }

    /// The vector of a text, checked: one NaN in the matrix would spoil the order of every answer.
    fn vector_of(&self, text: &str) -> Result<Option<Vec<f32>>, SearchError> {
        let Some(embedder) = self.embedder.get() else { return Ok(None) };
        let vector = embedder.embed(text)?;
        if vector.len() != embedder.dimensions() {
            let (is, should) = (vector.len(), embedder.dimensions());
            return Err(SearchError::BadVector(format!("{is} dimensions instead of {should}")));
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        // A NaN or an infinity anywhere makes the length one too, which is in no range.
        if !(0.99..=1.01).contains(&length) {
            return Err(SearchError::BadVector(format!("its length is {length} instead of 1")));
        }
        Ok(Some(vector))
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
