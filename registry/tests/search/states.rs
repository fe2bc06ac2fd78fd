//! Search before there is a model, while vectors are being made, and after their file was spoiled.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use search::{Embedder, HashedWords, SearchError};
use serde_json::{Value, json};

use super::common::{Role, World, card, words};
use super::{ENTITIES, SEARCH, all, ask};

/// Embeds entries when it is told to, and questions at once.
struct Patient {
    words: HashedWords,
    is_open: Mutex<bool>,
    opened: Condvar,
    count: AtomicUsize,
}

impl Patient {
    fn new(is_open: bool) -> Arc<Patient> {
        let (is_open, opened) = (Mutex::new(is_open), Condvar::new());
        Arc::new(Patient { words: HashedWords::new(256), is_open, opened, count: AtomicUsize::new(0) })
    }

    fn open(&self) {
        *self.is_open.lock().expect("whole") = true;
        self.opened.notify_all();
    }

    /// How many texts of entries it has embedded.
    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Embedder for Patient {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        if text.starts_with("Name: ") {
            let is_open = self.is_open.lock().expect("whole");
            // A test that fails ends, too.
            let long = Duration::from_secs(20);
            drop(self.opened.wait_timeout_while(is_open, long, |is_open| !*is_open).expect("whole"));
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        self.words.embed(text)
    }
    fn knows(&self, word: &str) -> bool {
        self.words.knows(word)
    }
    fn dimensions(&self) -> usize {
        self.words.dimensions()
    }
    fn fingerprint(&self) -> &str {
        self.words.fingerprint()
    }
}

async fn health(world: &World) -> Value {
    world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json()["search"].clone()
}

async fn comes_to(world: &World, state: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let health = health(world).await;
        if health["state"] == state {
            return health;
        }
        assert!(Instant::now() < deadline, "it never is {state}: {health}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn publish_some(world: &World) {
    for (path, description) in
        [("/code-reviewer", "Reviews Python code"), ("/baker", "Bakes bread"), ("/painter", "Paints walls")]
    {
        world.publish(Role::Admin, card(path, path.trim_start_matches('/'), description)).await;
    }
}

/// The best agent for a question, and how it was found.
async fn best(world: &World, query: &str) -> (String, String) {
    let found = ask(world, Role::Admin, ENTITIES, json!({"query": query, "max_results": 1})).await;
    (all(&found["agents"], "path").concat(), found["search_mode"].as_str().expect("a mode").to_owned())
}

fn pair(path: &str, mode: &str) -> (String, String) {
    (path.to_owned(), mode.to_owned())
}

#[tokio::test]
async fn words_answer_while_there_is_no_model() {
    let world = World::without_model();
    publish_some(&world).await;
    let expected = json!({"state": "loading"});
    assert_eq!(health(&world).await, expected);
    assert_eq!(best(&world, "bread").await, pair("/baker", "lexical"));
    let found = ask(&world, Role::Admin, SEARCH, json!({"query": "bakes braed python"})).await;
    assert_eq!(
        (&found["did_you_mean"], &found["search_mode"]),
        (&json!("bakes bread python"), &json!("lexical"))
    );
    assert_eq!(found["agents"][0]["match"]["semantic"], 0.0);
    assert_eq!(found["agents"].as_array().map(Vec::len), Some(3), "as many as there are");
    world.app.index.turn_off("no model here");
    assert_eq!(best(&world, "bread").await, pair("/baker", "lexical"));
    // What is changed, hidden and removed is so by words, too.
    world.ask(Role::Admin, "POST", "/api/agents/baker/toggle?enabled=false", None).await.is(200);
    world.ask(Role::Admin, "DELETE", "/api/agents/painter", None).await.is(204);
    let found = ask(&world, Role::Admin, SEARCH, json!({"query": "bakes bread, paints walls"})).await;
    assert_eq!(all(&found["agents"], "path"), ["/code-reviewer"]);
    assert!(world.app.index.check().faults.is_empty());
    // A start without a model knows all that at once.
    let world = world.restarted_with(None);
    assert_eq!(best(&world, "python").await, pair("/code-reviewer", "lexical"));
    assert!(!world.folder().join("vectors.bin").exists(), "there was nothing to save");
}

#[tokio::test]
async fn everything_answers_while_vectors_are_made() {
    let world = World::without_model();
    publish_some(&world).await;
    let patient = Patient::new(false);
    let (index, embedder) = (world.app.index.clone(), patient.clone());
    let building = tokio::task::spawn_blocking(move || index.build(embedder));
    let building_now = comes_to(&world, "building").await;
    assert_eq!(building_now, json!({"state": "building", "percent": 0}));
    assert_eq!(best(&world, "bread").await, pair("/baker", "partial"));
    world.ask(Role::Admin, "GET", "/api/agents", None).await.is(200);
    world.ask(Role::Admin, "GET", "/api/agents/baker", None).await.is(200);
    // What is hidden meanwhile is hidden at once, though its vector is not made yet.
    let hiding = world.ask(Role::Admin, "POST", "/api/agents/baker/toggle?enabled=false", None);
    let looking = async {
        let deadline = Instant::now() + Duration::from_secs(10);
        while best(&world, "bread").await.0 == "/baker" {
            assert!(Instant::now() < deadline, "it is still found");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(world.app.index.check().faults.is_empty(), "what is still being made is no fault");
        patient.open();
    };
    tokio::join!(hiding, looking).0.is(200);
    building.await.expect("built");
    assert_eq!(health(&world).await, json!({"state": "ready"}));
    assert_eq!(best(&world, "python").await, pair("/code-reviewer", "semantic"));
    // And a restart embeds nothing.
    let patient = Patient::new(true);
    let world = world.restarted_with(Some(patient.clone()));
    assert_eq!((world.app.index.check().embedded, patient.count()), (3, 0));
}

/// Spoils the vectors of a stopped registry, starts it, and looks at it while they are made anew.
async fn mends(
    world: World,
    note: &str,
    reason: Option<&str>,
    spoil: impl FnOnce(&std::path::Path),
) -> World {
    spoil(&world.folder().join("vectors.bin"));
    let world = world.restarted_with(None);
    let patient = Patient::new(false);
    let (index, embedder) = (world.app.index.clone(), patient.clone());
    let building = tokio::task::spawn_blocking(move || index.build(embedder));
    let state = comes_to(&world, "building").await;
    assert_eq!(state["percent"], 0, "{note}: {state}");
    let told = state["reason"].as_str();
    assert_eq!(told.is_some(), reason.is_some(), "{note}: {state}");
    assert!(told.unwrap_or_default().contains(reason.unwrap_or_default()), "{note}: {state}");
    let folder = world.folder().display().to_string();
    assert!(!state.to_string().contains(&folder), "everybody may read it: {state}");
    assert_eq!(best(&world, "bread").await, pair("/baker", "partial"), "{note}");
    let listed = world.ask(Role::Admin, "GET", "/api/agents", None).await.is(200).json();
    assert_eq!(listed["total_count"], 3);
    world.ask(Role::Admin, "GET", "/api/agents/painter", None).await.is(200);
    patient.open();
    building.await.expect("built");
    assert_eq!(health(&world).await, json!({"state": "ready"}), "{note}");
    assert_eq!(patient.count(), 3, "{note}: each is made once");
    assert_eq!(best(&world, "bread").await, pair("/baker", "semantic"), "{note}");
    let checked = world.app.index.check();
    assert!(checked.faults.is_empty(), "{note}: {checked:?}");
    world
}

#[tokio::test]
async fn a_spoiled_file_is_noticed_said_and_made_anew() {
    let mut world = World::new();
    publish_some(&world).await;
    world.app.index.save();
    let whole = fs::read(world.folder().join("vectors.bin")).expect("read");
    let places = [0, 9, 14, 40, whole.len() / 3, whole.len() / 2, whole.len() - 40, whole.len() - 1];
    for place in places {
        let reason = if place == 0 { "not a file of vectors" } else { "its checksum disagrees" };
        world = mends(world, &format!("a bit of byte {place}"), Some(reason), |file| {
            let mut bytes = fs::read(file).expect("read");
            bytes[place] ^= 1;
            fs::write(file, bytes).expect("written");
        })
        .await;
    }
    for length in [0, 4, 20, whole.len() / 2, whole.len() - 1] {
        world = mends(world, &format!("cut to {length}"), Some("damaged"), |file| {
            let bytes = fs::read(file).expect("read");
            fs::write(file, &bytes[..length]).expect("written");
        })
        .await;
    }
    world = mends(world, "another file", Some("not a file of vectors"), |file| {
        fs::write(file, "{\"agents\": {}}").expect("written");
    })
    .await;
    world = mends(world, "gone", None, |file| fs::remove_file(file).expect("removed")).await;
    world = mends(world, "a folder in its place", Some("cannot be read"), |file| {
        fs::remove_file(file).expect("removed");
        fs::create_dir(file).expect("made");
    })
    .await;
    fs::remove_dir(world.folder().join("vectors.bin")).expect("removed");
    // Those of another model are whole, and of no use.
    let other = World::without_model().restarted_with(Some(Arc::new(HashedWords::new(128))));
    publish_some(&other).await;
    other.app.index.save();
    let theirs = fs::read(other.folder().join("vectors.bin")).expect("read");
    mends(world, "another model", Some("is of another model"), |file| {
        fs::write(file, theirs).expect("written");
    })
    .await;
}

#[tokio::test]
async fn what_was_made_when_it_was_killed_is_not_made_again() {
    let world = World::new();
    publish_some(&world).await;
    world.app.index.save();
    // The file knows the vectors of two; a third was registered before the kill, and one is gone.
    world.ask(Role::Admin, "DELETE", "/api/agents/painter", None).await.is(204);
    world.publish(Role::Admin, card("/new", "New", "Plays the bassoon")).await;
    let patient = Patient::new(true);
    let world = world.restarted_with(Some(patient.clone()));
    assert_eq!(patient.count(), 1);
    assert_eq!(best(&world, "bassoon").await, pair("/new", "semantic"));
    assert_eq!(health(&world).await, json!({"state": "ready"}));
    assert!(world.app.index.check().faults.is_empty());
    let again = Patient::new(true);
    let world = world.restarted_with(Some(again.clone()));
    assert_eq!(again.count(), 0);
    drop(world.restarted_with(words()));
}

/// Fails on some texts while it is not well.
struct Moody {
    words: HashedWords,
    is_well: AtomicBool,
}

impl Embedder for Moody {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        if text.contains("cursed") && !self.is_well.load(Ordering::SeqCst) {
            return Err(SearchError::BadVector("it is not well".to_owned()));
        }
        self.words.embed(text)
    }
    fn knows(&self, word: &str) -> bool {
        self.words.knows(word)
    }
    fn dimensions(&self) -> usize {
        self.words.dimensions()
    }
    fn fingerprint(&self) -> &str {
        self.words.fingerprint()
    }
}

#[tokio::test]
async fn what_the_model_cannot_read_is_found_by_words_said_and_tried_again() {
    let moody = Arc::new(Moody { words: HashedWords::new(256), is_well: AtomicBool::new(false) });
    let world = World::without_model().restarted_with(Some(moody.clone()));
    publish_some(&world).await;
    world.publish(Role::Admin, card("/c", "Treasure", "Digs up cursed gold")).await;
    assert_eq!(best(&world, "gold treasure").await, pair("/c", "semantic"));
    let expected = ["agent /c has no vector", "3 of 4 entries have a vector"];
    assert_eq!(world.app.index.check().faults, expected);
    assert_eq!(world.app.index.check().embedded, 3);
    // A question that it cannot read is no mistake of the caller's.
    let refused = world.ask(Role::Admin, "POST", ENTITIES, Some(json!({"query": "cursed"}))).await.is(503);
    assert_eq!((&refused.json()["code"], refused.header("retry-after")), (&json!("search_unavailable"), "5"));
    moody.is_well.store(true, Ordering::SeqCst);
    super::rebuild(&world);
    assert!(world.app.index.check().faults.is_empty());
    assert_eq!(best(&world, "cursed gold").await, pair("/c", "semantic"));
}
