//! The journal goes into the snapshot: nothing is lost, nothing is counted twice, whenever it stops.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::StoreError;
use store::directory::conformance::{all_of_it, own};
use store::directory::{Wish, open_file};

use super::{JOURNAL, NOW, SNAPSHOT, Store, count, create, open, used};

fn length(folder: &Path, name: &str) -> u64 {
    fs::metadata(folder.join(name)).map_or(0, |file| file.len())
}

async fn describe(store: &Store, bytes: usize) {
    let wish = Wish::DescribeAgent {
        agent_id: "agt_a".to_owned(),
        name: "n".to_owned(),
        // Another one each time, or it would be no change.
        description: Some(format!("{} {}", store.directory().number(), "x".repeat(bytes))),
        declared: None,
        jwks_uri: None,
    };
    store.write(&own("agt_a"), wish).await.expect("kept");
}

#[tokio::test]
async fn a_long_journal_is_folded() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await.expect("opened");
    create(&store).await;
    assert_eq!(length(folder.path(), SNAPSHOT), 0, "nothing is folded early");
    for _ in 0..11 {
        describe(&store, 400_000).await;
        count(&store, 1).await.expect("kept");
    }
    assert!(length(folder.path(), SNAPSHOT) > 400_000, "it was folded");
    assert!(length(folder.path(), JOURNAL) < 2_000_000);
    assert_eq!(store.status().journal_bytes, length(folder.path(), JOURNAL));
    let before = store.directory();
    drop(store);
    let store = open(folder.path()).await.expect("opened");
    assert_eq!(*store.directory(), *before);
    assert_eq!(used(&store), 11, "nothing is counted twice");
    store.close().await;
    assert!(!folder.path().join(JOURNAL).exists(), "at rest the snapshot alone is there");
    assert_eq!(store.status().journal_bytes, 0);
}

#[tokio::test]
async fn a_crash_between_snapshot_and_journal_counts_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await.expect("opened");
    create(&store).await;
    for _ in 0..5 {
        count(&store, 1).await.expect("kept");
    }
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let before = store.directory();
    store.close().await;
    drop(store);
    let ends: Vec<usize> =
        journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    // The journal that the snapshot holds already, whole or an older one, is still there.
    for end in &ends {
        let crashed = tempfile::tempdir().expect("a folder");
        fs::copy(folder.path().join(SNAPSHOT), crashed.path().join(SNAPSHOT)).expect("copied");
        fs::write(crashed.path().join(JOURNAL), &journal[..*end]).expect("written");
        for round in 1..=2 {
            let store = open(crashed.path()).await.expect("opened");
            assert_eq!(used(&store), 4 + round, "cut at {end}");
            if round == 1 {
                assert_eq!(*store.directory(), *before);
            }
            count(&store, 1).await.expect("kept");
        }
        let store = open(crashed.path()).await.expect("opened");
        store.close().await;
        drop(store);
        assert_eq!(used(&open(crashed.path()).await.expect("opened")), 7, "cut at {end}");
    }
}

#[tokio::test]
async fn a_draft_that_a_crash_left_is_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await.expect("opened");
    create(&store).await;
    count(&store, 1).await.expect("kept");
    drop(store);
    fs::write(folder.path().join("directory.json.new"), "{\"directory\":1,\"num").expect("written");
    let store = open(folder.path()).await.expect("opened");
    assert_eq!(used(&store), 1);
    store.close().await;
    assert_eq!(used(&open(folder.path()).await.err().map_or(store, |fault| panic!("{fault}"))), 1);
}

#[tokio::test]
async fn a_disk_that_refuses_is_said_and_recovered_from_without_a_restart() {
    let parent = tempfile::tempdir().expect("a folder");
    let (folder, elsewhere) = (parent.path().join("state"), parent.path().join("elsewhere"));
    let rights = Arc::new(AtomicU64::new(0));
    let store = open_file(&folder, Arc::new(|| NOW), rights.clone()).await.expect("opened");
    // Whoever is root writes everywhere; a folder that is gone refuses even him.
    fs::rename(&folder, &elsewhere).expect("renamed");
    let before = store.directory();
    let void = Wish::Revoke { client_id: "agt_a".to_owned(), jti: "j".to_owned(), expires_at: NOW + 9 };
    let refused = store.write(&all_of_it(), void).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(store.status().fault.is_some_and(|fault| fault.contains("No such file")));
    assert_eq!(*store.directory(), *before, "reads go on, and show nothing that was refused");
    assert_eq!((*store.follow().borrow(), rights.load(Ordering::Acquire)), (0, 0));
    fs::rename(&elsewhere, &folder).expect("renamed");
    create(&store).await;
    assert_eq!(store.status().fault, None);
    drop(store);
    assert_eq!(open(&folder).await.expect("opened").directory().number(), 1);
}

#[tokio::test]
async fn what_cannot_be_folded_goes_on_in_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await.expect("opened");
    create(&store).await;
    // A folder under the draft's name refuses the draft, as a full disk does.
    let obstacle = folder.path().join("directory.json.new");
    fs::create_dir(&obstacle).expect("made");
    for _ in 0..12 {
        describe(&store, 400_000).await;
        count(&store, 1).await.expect("kept");
    }
    store.close().await;
    drop(store);
    assert_eq!(length(folder.path(), SNAPSHOT), 0);
    let store = open(folder.path()).await.expect("opened");
    assert_eq!(used(&store), 12);
    fs::remove_dir(&obstacle).expect("removed");
    store.close().await;
    assert!(length(folder.path(), SNAPSHOT) > 400_000);
}

#[tokio::test]
async fn what_has_ended_is_forgotten_when_it_is_folded() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = Arc::new(AtomicU64::new(NOW));
    let open_at = async |at: u64| {
        now.store(at, Ordering::Relaxed);
        let clock = now.clone();
        let clock = Arc::new(move || clock.load(Ordering::Relaxed));
        open_file(folder.path(), clock, Arc::default()).await.expect("opened")
    };
    let store = open_at(NOW).await;
    create(&store).await;
    for (jti, expires_at) in [("soon", NOW + 100), ("later", NOW + 1000)] {
        let (agent_id, jti) = ("agt_a".to_owned(), jti.to_owned());
        store
            .write(&own("agt_a"), Wish::Revoke { client_id: agent_id, jti, expires_at })
            .await
            .expect("kept");
    }
    store.close().await;
    drop(store);
    for (at, is_there) in [(NOW + 160, true), (NOW + 161, false)] {
        let store = open_at(at).await;
        count(&store, 1).await.expect("kept");
        store.close().await;
        drop(store);
        let store = open_at(at).await;
        assert_eq!(store.directory().is_revoked("soon"), is_there);
        assert!(store.directory().is_revoked("later"));
    }
}

#[tokio::test]
async fn what_is_kept_is_for_its_owner_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("deep/state");
    let store = open(&folder).await.expect("opened");
    create(&store).await;
    drop(store);
    let mut journal = fs::read(folder.join(JOURNAL)).expect("readable");
    journal.extend(b"torn");
    fs::write(folder.join(JOURNAL), &journal).expect("written");
    let store = open(&folder).await.expect("opened");
    count(&store, 1).await.expect("kept");
    let mode = |file: &Path| fs::metadata(file).expect("there").mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let all = |expected: usize| {
        let files: Vec<_> = fs::read_dir(&folder).expect("a folder").collect();
        assert_eq!(files.len(), expected, "{files:?}");
        for file in files {
            let file = file.expect("an entry").path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    };
    // Lock, journal, torn end; then the snapshot in the journal's place.
    all(3);
    store.close().await;
    all(3);
}
