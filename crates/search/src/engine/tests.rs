//! What the engine promises, with limits low enough to walk every branch.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::HashedWords;

mod filter;
mod overlap;

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
    fn dimensions(&self) -> usize {
        2
    }
    fn fingerprint(&self) -> &str {
        "fixed"
    }
}

fn keys(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.key.as_str()).collect()
}

#[test]
fn a_text_is_embedded_once() {
    let embedder = Arc::new(Counting::default());
    let engine = Engine::new(embedder.clone());
    engine.upsert("a", "weather in Paris", 1).unwrap();
    engine.upsert("a", "weather in Paris", 2).unwrap();
    assert_eq!(embedder.count(), 1);
    // The facts were taken over all the same.
    assert_eq!(engine.nearest("weather", 1, |facts| *facts == 1).unwrap(), []);
    assert_eq!(keys(&engine.nearest("weather", 1, |facts| *facts == 2).unwrap()), ["a"]);
    engine.upsert("a", "books flights", 2).unwrap();
    assert_eq!(engine.len(), 1);
    assert!(engine.nearest("books flights", 1, |_| true).unwrap()[0].cosine > 0.999);
}

#[test]
fn a_restart_embeds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    let texts = [("a", "weather"), ("b", "flights"), ("c", "weather"), ("d", "gone")];
    let before = Engine::new(Arc::new(HashedWords::default()));
    for (key, text) in texts {
        before.upsert(key, text, ()).unwrap();
    }
    before.remove("d");
    before.save(&path).unwrap();

    let embedder = Arc::new(Counting::default());
    let after = Engine::new(embedder.clone());
    let saved = SavedVectors::read(&path, embedder.as_ref()).unwrap();
    assert_eq!(saved.len(), 2, "one vector per text, and none of what was removed");
    after.warm(saved).unwrap();
    for (key, text) in &texts[..3] {
        after.upsert(key, text, ()).unwrap();
    }
    assert_eq!(embedder.count(), 0);
    assert_eq!(
        before.nearest("weather", 9, |()| true).unwrap(),
        after.nearest("weather", 9, |()| true).unwrap()
    );
    // What was removed is not kept warm for the next run either.
    assert!(after.remove("b"));
    after.save(&path).unwrap();
    assert_eq!(SavedVectors::read(&path, embedder.as_ref()).unwrap().len(), 1);
    after.upsert("b", "flights", ()).unwrap();
    after.cool();
    after.save(&path).unwrap();
    assert_eq!(SavedVectors::read(&path, embedder.as_ref()).unwrap().len(), 2);
    after.upsert("e", "gone", ()).unwrap();
    assert_eq!(embedder.count(), 3, "the query, the text that was removed and the one nobody kept");

    let other = Engine::<()>::new(Arc::new(HashedWords::new(64)));
    let saved = SavedVectors::read(&path, embedder.as_ref()).unwrap();
    assert!(matches!(other.warm(saved), Err(VectorsError::Foreign { .. })));
}

#[test]
fn order_and_ties() {
    let engine = Engine::new(Arc::new(HashedWords::default()));
    for key in ["z", "m", "a", "q"] {
        engine.upsert(key, "the same text", ()).unwrap();
    }
    engine.upsert("b", "the same text, nearly", ()).unwrap();
    let hits = engine.nearest("the same text", 9, |()| true).unwrap();
    assert_eq!(keys(&hits), ["a", "m", "q", "z", "b"]);
    assert!(hits.is_sorted_by(|a, b| a.cosine >= b.cosine));
    assert_eq!(keys(&engine.nearest("the same text", 2, |()| true).unwrap()), ["a", "m"]);
    assert_eq!(engine.nearest("the same text", 0, |()| true).unwrap(), []);
}

#[test]
fn what_is_removed_is_gone() {
    let engine = Engine::new(Arc::new(HashedWords::default()));
    for key in ["a", "b", "c"] {
        engine.upsert(key, key, ()).unwrap();
    }
    assert!(engine.remove("a"));
    assert!(!engine.remove("a"));
    assert!(!engine.set_facts("a", ()));
    assert!(engine.set_facts("c", ()));
    assert_eq!(keys(&engine.nearest("c", 9, |()| true).unwrap()), ["c", "b"]);
    assert!(engine.remove("c") && engine.remove("b"));
    assert!(engine.is_empty());
    assert_eq!(engine.nearest("c", 9, |()| true).unwrap(), []);
}

#[test]
fn spoilt_vectors_are_refused() {
    for vector in [vec![f32::NAN, 1.0], vec![f32::INFINITY, 0.0], vec![0.0, 0.0], vec![2.0, 0.0], vec![1.0]] {
        let engine = Engine::new(Arc::new(Fixed(vector)));
        assert!(matches!(engine.upsert("a", "", ()), Err(SearchError::BadVector(_))));
        assert!(matches!(engine.nearest("", 1, |()| true), Err(SearchError::BadVector(_))));
        assert!(engine.is_empty() && engine.write().pending.is_empty());
    }
}
