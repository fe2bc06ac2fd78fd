//! What the engine promises, with limits low enough to walk every branch.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use std::sync::atomic::Ordering;

use super::*;
use crate::{HashedWords, SavedVectors, VectorsError};

mod filter;
mod overlap;
mod words;

/// Counts the texts it embeds.
#[derive(Default)]
struct Counting {
    words: HashedWords,
    texts: AtomicUsize,
}

impl Embedder for Counting {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        self.texts.fetch_add(1, Ordering::Relaxed);
        self.words.embed(text)
    }
    fn knows(&self, _: &str) -> bool {
        true
    }
    fn dimensions(&self) -> usize {
        self.words.dimensions()
    }
    fn fingerprint(&self) -> &str {
        self.words.fingerprint()
    }
}

impl Counting {
    fn count(&self) -> usize {
        self.texts.load(Ordering::Relaxed)
    }
}

/// Gives the vector it was made with, whatever the text.
struct Fixed(Vec<f32>);

impl Embedder for Fixed {
    fn embed(&self, _: &str) -> Result<Vec<f32>, SearchError> {
        Ok(self.0.clone())
    }
    fn knows(&self, _: &str) -> bool {
        true
    }
    fn dimensions(&self) -> usize {
        2
    }
    fn fingerprint(&self) -> &str {
        "fixed"
    }
}

fn engine_with<F>(embedder: impl Embedder + 'static) -> Engine<F> {
    engine_within(embedder, Limits::default())
}

fn engine_within<F>(embedder: impl Embedder + 'static, limits: Limits) -> Engine<F> {
    let engine = Engine::with_limits(limits);
    engine.install(Arc::new(embedder), None).unwrap();
    engine
}

/// Keeps a text without words, and embeds it.
fn keep<F>(engine: &Engine<F>, key: &str, text: &str, facts: F) {
    if engine.put(key, &Text { embedded: text, fields: &[] }, facts).is_some() {
        engine.embed(key, text).unwrap();
    }
}

/// What somebody finds who may find what this says, under a class that nobody has had yet.
fn nearest<F>(engine: &Engine<F>, text: &str, k: usize, permitted: impl Fn(&F) -> bool + Sync) -> Vec<Hit> {
    nearest_by(engine, text, k, permitted).0
}

fn nearest_by<F>(
    engine: &Engine<F>,
    text: &str,
    k: usize,
    permitted: impl Fn(&F) -> bool + Sync,
) -> (Vec<Hit>, Route) {
    static CLASSES: AtomicUsize = AtomicUsize::new(0);
    let class = CLASSES.fetch_add(1, Ordering::Relaxed).to_string();
    let scope = Scope { class: &class, permitted: &permitted, open: true, filter: None };
    let (found, route) = engine.search_by(&engine.question(text).unwrap(), &scope, k, 0.0).unwrap();
    (found.found.hits, route)
}

fn keys(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.key.as_str()).collect()
}

#[test]
fn a_text_is_embedded_once() {
    let embedder = Arc::new(Counting::default());
    let engine = Engine::new();
    engine.install(embedder.clone(), None).unwrap();
    keep(&engine, "a", "weather in Paris", 1);
    keep(&engine, "a", "weather in Paris", 2);
    assert_eq!(embedder.count(), 1);
    // The facts were taken over all the same.
    assert_eq!(nearest(&engine, "weather", 1, |facts| *facts == 1), []);
    assert_eq!(keys(&nearest(&engine, "weather", 1, |facts| *facts == 2)), ["a"]);
    keep(&engine, "a", "books flights", 2);
    assert_eq!(engine.len(), 1);
    assert!(nearest(&engine, "books flights", 1, |_| true)[0].semantic > 0.999);
    let before = embedder.count();
    nearest(&engine, " books   flights\n", 1, |_| true);
    assert_eq!(embedder.count(), before, "the same question is embedded once");
}

#[test]
fn a_restart_embeds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    let texts = [("a", "weather"), ("b", "flights"), ("c", "weather"), ("d", "gone")];
    let before = engine_with(HashedWords::default());
    for (key, text) in texts {
        keep(&before, key, text, ());
    }
    before.remove("d");
    before.save(&path).unwrap();

    let embedder = Arc::new(Counting::default());
    let after = Engine::new();
    let saved = SavedVectors::read(&path, embedder.as_ref()).unwrap();
    assert_eq!(saved.len(), 2, "one vector per text, and none of what was removed");
    // What is there before the vectors, and what comes after them.
    keep(&after, "a", "weather", ());
    after.install(embedder.clone(), Some(saved)).unwrap();
    assert_eq!(after.progress(), Progress { entries: 1, embedded: 1 });
    for (key, text) in &texts[1..3] {
        keep(&after, key, text, ());
    }
    assert_eq!(embedder.count(), 0);
    assert_eq!(nearest(&before, "weather", 9, |()| true), nearest(&after, "weather", 9, |()| true));
    assert!(after.remove("b"));
    after.cool();
    after.save(&path).unwrap();
    assert_eq!(SavedVectors::read(&path, embedder.as_ref()).unwrap().len(), 1);

    let other = Engine::<()>::new();
    let saved = SavedVectors::read(&path, embedder.as_ref()).unwrap();
    let foreign = other.install(Arc::new(HashedWords::new(64)), Some(saved));
    assert!(matches!(foreign, Err(VectorsError::Foreign { .. })));
    assert!(other.has_model(), "it works all the same");
}

#[test]
fn without_a_model_there_are_words() {
    let engine = Engine::new();
    let field = |text| [Field { text, weight: 1 }];
    let put = |key, text| {
        let fields = field(text);
        engine.put(key, &Text { embedded: text, fields: &fields }, ())
    };
    assert!(put("a", "the weather in Paris").is_some());
    assert!(put("b", "books flights").is_some());
    let (hits, route) = nearest_by(&engine, "weather", 9, |()| true);
    assert_eq!((keys(&hits), route), (vec!["a", "b"], Route::Words));
    assert_eq!(hits[0].terms, ["weather"]);
    assert!(hits[0].relevance > 0.0 && hits[1].relevance == 0.0);
    let folder = tempfile::tempdir().unwrap();
    engine.save(&folder.path().join("vectors")).unwrap();
    assert!(!folder.path().join("vectors").exists());

    engine.install(Arc::new(HashedWords::default()), None).unwrap();
    assert_eq!(engine.progress(), Progress { entries: 2, embedded: 0 });
    assert_eq!(keys(&nearest(&engine, "weather", 9, |()| true)), ["a", "b"]);
    engine.embed("b", "books flights").unwrap();
    let hits = nearest(&engine, "books", 9, |()| true);
    assert!(hits[0].key == "b" && hits[0].semantic > 0.1, "{hits:?}");
}

#[test]
fn order_and_ties() {
    let engine = engine_with(HashedWords::default());
    for key in ["z", "m", "a", "q"] {
        keep(&engine, key, "the same text", ());
    }
    keep(&engine, "b", "the same text, nearly", ());
    let hits = nearest(&engine, "the same text", 9, |()| true);
    assert_eq!(keys(&hits), ["a", "m", "q", "z", "b"]);
    assert!(hits.is_sorted_by(|a, b| a.relevance >= b.relevance));
    assert_eq!(keys(&nearest(&engine, "the same text", 2, |()| true)), ["a", "m"]);
    assert_eq!(nearest(&engine, "the same text", 0, |()| true), []);
}

#[test]
fn what_is_removed_is_gone() {
    let engine = engine_with(HashedWords::default());
    for key in ["a", "b", "c"] {
        keep(&engine, key, key, ());
    }
    assert!(engine.remove("a"));
    assert!(!engine.remove("a"));
    assert_eq!(keys(&nearest(&engine, "c", 9, |()| true)), ["c", "b"]);
    assert!(engine.remove("c") && engine.remove("b"));
    assert!(engine.is_empty());
    assert_eq!(nearest(&engine, "c", 9, |()| true), []);
    // A number that is given again brings nothing along.
    engine.put("d", &Text { embedded: "a", fields: &[] }, ());
    assert_eq!(nearest(&engine, "a", 9, |()| true)[0].semantic, 0.0);
}

#[test]
fn only_what_is_relevant_enough() {
    let engine = engine_with(HashedWords::default());
    keep(&engine, "a", "weather in Paris", ());
    keep(&engine, "b", "a ledger", ());
    let question = engine.question("weather in Paris").unwrap();
    let scope = Scope { class: "", permitted: &|()| true, open: false, filter: None };
    for (least, expected) in [(0.0, 2), (0.9, 1), (1.0, 1), (1.1, 0)] {
        assert_eq!(engine.search(&question, &scope, 9, least).unwrap().hits.len(), expected, "{least}");
    }
}

#[test]
fn spoilt_vectors_are_refused() {
    for vector in [vec![f32::NAN, 1.0], vec![f32::INFINITY, 0.0], vec![0.0, 0.0], vec![2.0, 0.0], vec![1.0]] {
        let engine = engine_with(Fixed(vector));
        engine.put("a", &Text { embedded: "", fields: &[] }, ());
        assert!(matches!(engine.embed("a", ""), Err(SearchError::BadVector(_))));
        assert!(matches!(engine.question(""), Err(SearchError::BadVector(_))));
        assert_eq!(engine.progress(), Progress { entries: 1, embedded: 0 });
    }
}

#[test]
fn faults_are_seen() {
    let engine = engine_with(HashedWords::default());
    let fields = [Field { text: "weather", weight: 3 }];
    let others = [Field { text: "weather", weight: 1 }];
    let text = Text { embedded: "weather", fields: &fields };
    assert_eq!(engine.fault("a", &text), Some("is not in the index"));
    engine.put("a", &text, ());
    assert_eq!(engine.fault("a", &text), Some("has no vector"));
    engine.embed("a", "weather").unwrap();
    assert_eq!(engine.fault("a", &text), None);
    assert_eq!(engine.fault("a", &Text { fields: &others, ..text }), Some("has the words of other fields"));
    engine.put("a", &Text { embedded: "flights", ..text }, ());
    engine.embed("a", "flights").unwrap();
    assert_eq!(engine.fault("a", &text), Some("has the vector of another text"));
    assert_eq!(engine.keys(), ["a"]);
}
