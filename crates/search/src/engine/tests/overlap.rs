//! What happens to a key while its text is being embedded.

use super::*;

/// Stops inside `embed` for texts that begin with "slow" until it is told to go on.
struct Slow {
    words: HashedWords,
    begun: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<Result<(), ()>>>,
}

impl Embedder for Slow {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        if text.starts_with("slow") {
            self.begun.lock().unwrap().send(()).unwrap();
            let verdict = self.go_on.lock().unwrap().recv().unwrap();
            verdict.map_err(|()| SearchError::Embedding("as told".into()))?;
        }
        self.words.embed(text)
    }
    fn knows(&self, _: &str) -> bool {
        true
    }
    fn dimensions(&self) -> usize {
        self.words.dimensions()
    }
    fn fingerprint(&self) -> &str {
        "slow"
    }
}

/// What happens while "key" is being embedded with a slow text and these facts.
fn during(
    before: &[&str],
    facts: bool,
    verdict: Result<(), ()>,
    between: impl FnOnce(&Engine<bool>),
) -> Engine<bool> {
    let (begun, wait) = channel();
    let (tell, go_on) = channel();
    let slow = Slow { words: HashedWords::default(), begun: Mutex::new(begun), go_on: Mutex::new(go_on) };
    let engine = engine_with(slow);
    for text in before {
        keep(&engine, "key", text, true);
    }
    std::thread::scope(|scope| {
        let kept = scope.spawn(|| {
            engine.put("key", &Text { embedded: "slow text", fields: &[] }, facts);
            engine.embed("key", "slow text")
        });
        wait.recv().unwrap();
        between(&engine);
        tell.send(verdict).unwrap();
        assert_eq!(kept.join().unwrap().is_ok(), verdict.is_ok());
    });
    engine
}

fn open(engine: &Engine<bool>) -> usize {
    nearest(engine, "text", 9, |open| *open).len()
}

#[test]
fn a_removal_is_not_undone() {
    for before in [&[][..], &["old"]] {
        let engine = during(before, true, Ok(()), |engine| assert!(engine.remove("key")));
        assert!(engine.is_empty());
    }
}

#[test]
fn facts_set_meanwhile_hold() {
    for before in [&[][..], &["old"]] {
        let engine = during(before, true, Ok(()), |engine| {
            engine.put("key", &Text { embedded: "slow text", fields: &[] }, false);
        });
        assert_eq!((engine.len(), open(&engine)), (1, 0));
    }
}

#[test]
fn the_newer_text_wins() {
    // Also when the newer text is the one that was kept before.
    for before in [&[][..], &["new"]] {
        let engine = during(before, true, Ok(()), |engine| keep(engine, "key", "new", true));
        assert!(nearest(&engine, "new", 1, |_| true)[0].semantic > 0.999);
        assert_eq!(engine.progress(), Progress { entries: 1, embedded: 1 });
    }
}

#[test]
fn new_facts_hold_before_and_without_the_embedding() {
    for verdict in [Ok(()), Err(())] {
        let engine = during(&["old"], false, verdict, |engine| assert_eq!(open(engine), 0));
        assert_eq!((engine.len(), open(&engine)), (1, 0));
    }
}

#[test]
fn an_entry_that_cannot_be_embedded_has_no_vector_of_its_text() {
    let engine = during(&[], true, Err(()), |_| {});
    assert_eq!(engine.progress(), Progress { entries: 1, embedded: 0 });
    assert!(engine.lacks("key", "slow text").is_some());
    assert_eq!(engine.vector("key"), None, "and gives none to others");
}
