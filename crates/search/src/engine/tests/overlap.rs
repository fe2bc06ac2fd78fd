//! Calls for one key that overlap: the one that began last wins, and closed beats open.

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
    fn dimensions(&self) -> usize {
        self.words.dimensions()
    }
    fn fingerprint(&self) -> &str {
        "slow"
    }
}

/// What happens while an upsert of "key" to a slow text, with these facts, is being embedded.
fn during(
    before: &[&str],
    facts: bool,
    verdict: Result<(), ()>,
    between: impl FnOnce(&Engine<bool>),
) -> Engine<bool> {
    let (begun, wait) = channel();
    let (tell, go_on) = channel();
    let slow = Slow { words: HashedWords::default(), begun: Mutex::new(begun), go_on: Mutex::new(go_on) };
    let engine = Engine::new(Arc::new(slow));
    for text in before {
        engine.upsert("key", text, true).unwrap();
    }
    std::thread::scope(|scope| {
        let upsert = scope.spawn(|| engine.upsert("key", "slow text", facts));
        wait.recv().unwrap();
        between(&engine);
        tell.send(verdict).unwrap();
        assert_eq!(upsert.join().unwrap().is_ok(), verdict.is_ok());
    });
    assert!(engine.read().pending.is_empty());
    engine
}

fn open(engine: &Engine<bool>) -> usize {
    engine.nearest("text", 9, |open| *open).unwrap().len()
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
        let engine = during(before, true, Ok(()), |engine| assert!(engine.set_facts("key", false)));
        assert_eq!((engine.len(), open(&engine)), (1, 0));
    }
}

#[test]
fn the_newer_text_wins() {
    // Also when the newer text is the one that is kept already.
    for before in [&[][..], &["new"]] {
        let engine = during(before, true, Ok(()), |engine| engine.upsert("key", "new", true).unwrap());
        assert!(engine.nearest("new", 1, |_| true).unwrap()[0].cosine > 0.999);
    }
}

#[test]
fn the_newer_text_wins_when_the_older_ends_first() {
    // The first to wait is the first to go on.
    let (begun, wait) = channel();
    let (tell, go_on) = channel();
    let slow = Slow { words: HashedWords::default(), begun: Mutex::new(begun), go_on: Mutex::new(go_on) };
    let engine = Engine::new(Arc::new(slow));
    std::thread::scope(|scope| {
        let upsert = |text| {
            let engine = &engine;
            scope.spawn(move || engine.upsert("key", text, true).unwrap());
            wait.recv().unwrap();
        };
        upsert("slow older");
        upsert("slow newer");
        tell.send(Ok(())).unwrap();
        tell.send(Ok(())).unwrap();
    });
    tell.send(Ok(())).unwrap();
    assert!(engine.nearest("slow newer", 1, |_| true).unwrap()[0].cosine > 0.999);
}

#[test]
fn new_facts_hold_before_and_without_the_embedding() {
    for verdict in [Ok(()), Err(())] {
        let engine = during(&["old"], false, verdict, |engine| assert_eq!(open(engine), 0));
        assert_eq!((engine.len(), open(&engine)), (1, 0));
    }
}

#[test]
fn a_failed_first_embedding_leaves_nothing() {
    assert!(during(&[], true, Err(()), |_| {}).is_empty());
}
