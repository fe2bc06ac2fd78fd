//! The directory in files: the conformance suite, and what is particular to files.

#[path = "../crash/mod.rs"]
mod crash;
mod damage;
mod folding;

use std::path::Path;
use std::sync::Arc;

use store::StoreError;
use store::directory::conformance::{self, agent, all_of_it, own, report};
use store::directory::{DAY, DirectoryStore, Wish, open_file, open_file_folding};

const NOW: u64 = 20_000 * DAY;
const JOURNAL: &str = "directory.journal";
const SNAPSHOT: &str = "directory.json";

type Store = Arc<dyn DirectoryStore>;

async fn open(folder: &Path) -> Result<Store, StoreError> {
    open_file(folder, Arc::new(|| NOW), Arc::default()).await
}

/// Makes the agent `agt_a`.
async fn create(store: &Store) {
    store.write(&all_of_it(), Wish::CreateAgent { agent: Box::new(agent("a")) }).await.expect("kept");
}

async fn count(store: &Store, tokens: u64) -> Result<(), StoreError> {
    store.write(&own("agt_a"), report("agt_a", tokens, None)).await.map(drop)
}

fn used(store: &Store) -> u64 {
    store.directory().tokens_used("agt_a", NOW)
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_promise() {
    let folder = tempfile::tempdir().expect("a folder");
    conformance::all(|clock, rights| async {
        open_file(folder.path(), clock, rights).await.expect("opened")
    })
    .await;
}

#[tokio::test]
async fn a_second_server_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await.expect("opened");
    let refused = open(folder.path()).await.err().expect("refused");
    assert!(matches!(refused, StoreError::Unavailable { .. }));
    assert!(
        refused.to_string().contains("another auth-server keeps its directory in this folder"),
        "{refused}"
    );
    drop(store);
    open(folder.path()).await.expect("the lock goes with its holder");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_together_share_one_fsync() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await.expect("opened");
    create(&store).await;
    let tasks = (0..64).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                count(&store, 1).await.expect("kept");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let journal = std::fs::read_to_string(folder.path().join(JOURNAL)).expect("readable");
    let batch = |line: &str| {
        line.split("\"batch\":").nth(1).and_then(|rest| rest.split(',').next()).map(str::to_owned)
    };
    let batches: std::collections::HashSet<String> = journal.lines().filter_map(batch).collect();
    assert_eq!(journal.lines().count(), 2 + 64 * 20);
    assert!(batches.len() < 64 * 20 / 2, "{} batches", batches.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_counts_to_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().to_str().expect("text");
    crash::counts_to_the_token(place, "child_of_a_crash", || async {
        open(folder.path()).await.expect("opened")
    })
    .await;
}

/// A part of the test above.
#[tokio::test(flavor = "multi_thread")]
async fn child_of_a_crash() {
    if let Ok(folder) = std::env::var(crash::PLACE) {
        // So early that it is killed in the middle of folding as well.
        let store = open_file_folding(Path::new(&folder), crash::clock(), Arc::default(), 10_000).await;
        crash::child(store.expect("opened")).await;
    }
}
