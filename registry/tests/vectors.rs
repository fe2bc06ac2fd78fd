//! Registries on one database: what one has embedded, no other embeds, and each finds what any registers.

mod common;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog::{AgentEntry, ServerEntry};
use common::{NOW, Role, World, card};
use registry::indexing::{Index, SharedVectors};
use search::{Embedder, HashedWords, SearchError};
use serde_json::json;
use store::EntryStore;
use store::postgres::{PostgresOptions, PostgresStore};
use tokio::task::JoinHandle;
use xtask::postgres::{self, Cluster, Life};

/// Counts the texts of entries that it embeds.
struct Counting {
    words: HashedWords,
    count: Arc<AtomicUsize>,
}

impl Embedder for Counting {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        if text.starts_with("Name: ") {
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

/// A registry on the database, as `main` starts one.
struct Replica {
    world: World,
    store: Arc<PostgresStore>,
    embedded: Arc<AtomicUsize>,
    following: JoinHandle<()>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn replica(url: &str) -> Replica {
    let mut options = PostgresOptions::new(url.parse().expect("a URL"), Arc::new(|| NOW));
    options.migrate = true;
    let store = Arc::new(PostgresStore::<AgentEntry>::open(options.clone()).await.expect("opened"));
    let servers = Arc::new(PostgresStore::<ServerEntry>::open(options).await.expect("opened"));
    let index = Index::sharing(store.clone(), servers.clone(), SharedVectors::new(store.shelf()));
    let embedded = Arc::new(AtomicUsize::new(0));
    let counting = Counting { words: HashedWords::new(256), count: embedded.clone() };
    let building = index.clone();
    tokio::task::spawn_blocking(move || building.build(Arc::new(counting))).await.expect("built");
    let following = tokio::spawn(index.clone().follow_others());
    let kept: Arc<dyn EntryStore<AgentEntry>> = store.clone();
    let world = World::with(|app| (app.store, app.servers, app.index) = (kept, servers, index));
    Replica { world, store, embedded, following }
}

impl Replica {
    fn embedded(&self) -> usize {
        self.embedded.load(Ordering::SeqCst)
    }

    /// The first hit for a question.
    async fn finds(&self, question: &str) -> Option<String> {
        let body = json!({"query": question, "max_results": 1});
        let answer = self
            .world
            .ask(Role::Admin, "POST", "/api/agents/discover/semantic", Some(body))
            .await
            .is(200)
            .json();
        answer["agents"][0]["path"].as_str().map(str::to_owned)
    }

    /// Whether its index is what the database says, at last: what others write is on its way for a moment.
    async fn comes_to_be_clean(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let index = self.world.app.index.clone();
            let checked = tokio::task::spawn_blocking(move || index.check()).await.expect("checked");
            if checked.faults.is_empty() && checked.entries == checked.embedded {
                assert_eq!(checked.entries, self.store.catalogue().len());
                return;
            }
            assert!(Instant::now() < deadline, "{checked:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn comes_to_find(&self, question: &str, path: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.finds(question).await.as_deref() != Some(path) {
            assert!(Instant::now() < deadline, "it never finds {path:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_has_embedded_no_other_embeds() {
    let programs = match postgres::present() {
        Ok(programs) => programs,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: postgres: {reason}");
            return;
        }
    };
    let folder = xtask::files::temporary("agent-registry-vectors-").expect("a folder");
    let cluster = Cluster::start(programs, folder.path().join("postgres"), Life::WithParent).await;
    let cluster = cluster.expect("postgres starts");
    let url = cluster.url(postgres::NAME);

    let first = replica(&url).await;
    for number in 0..20 {
        let agent = card(&format!("/a{number}"), &format!("Agent {number}"), &format!("speciality{number}"));
        first.world.publish(Role::Admin, agent).await;
    }
    assert_eq!(first.embedded(), 20, "each once; being enabled changes no text");

    // Who starts later takes them all.
    let second = replica(&url).await;
    assert_eq!(second.finds("speciality7").await.as_deref(), Some("/a7"));
    assert_eq!(second.embedded(), 0);

    // And what is registered while both run.
    first.world.publish(Role::Admin, card("/new", "New", "accordion")).await;
    second.comes_to_find("accordion", "/new").await;
    assert_eq!((first.embedded(), second.embedded()), (21, 0));
    second.world.publish(Role::Admin, card("/back", "Back", "bassoon")).await;
    first.comes_to_find("bassoon", "/back").await;
    assert_eq!((first.embedded(), second.embedded()), (21, 1));

    // What is disabled elsewhere is no longer found, long before the next sweep.
    second.world.ask(Role::Admin, "POST", "/api/agents/new/toggle?enabled=false", None).await.is(200);
    let deadline = Instant::now() + Duration::from_secs(10);
    while first.finds("accordion").await.as_deref() == Some("/new") {
        assert!(Instant::now() < deadline, "it is still found");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((first.embedded(), second.embedded()), (21, 1));

    // Whoever wrote it, each has the same.
    second.world.ask(Role::Admin, "DELETE", "/api/agents/a3", None).await.is(204);
    let retold = Some(json!({"description": "plays the bassoon in the dark"}));
    first.world.ask(Role::Admin, "PATCH", "/api/agents/back", retold).await.is(200);
    for replica in [&first, &second] {
        replica.comes_to_be_clean().await;
    }
    assert_eq!((first.embedded(), second.embedded()), (22, 1));

    // A restart embeds nothing.
    drop(second);
    let third = replica(&url).await;
    assert_eq!((third.finds("bassoon").await.as_deref(), third.embedded()), (Some("/back"), 0));
    assert_eq!(third.store.catalogue().len(), 21);
    third.comes_to_be_clean().await;
}
