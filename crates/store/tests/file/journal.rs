//! The journal: torn ends, damage, hand edits, folding, and disks that refuse.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use access::Action;
use store::file::{self, FileStore, Folder};
use store::{EntryStore, HistoryLimits, StoreError};

use crate::common::{insert, open, path, permit, shown};

const JOURNAL: &str = "registry.journal";
const STATE: &str = "agent_state.json";

/// A folder with some agents in its journal, one write after the other; each was acknowledged.
async fn written(folder: &Path, paths: &[&str]) {
    let store = open(folder).expect("opened");
    for at in paths {
        insert(&store, at, "first").await.expect("kept");
    }
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("a folder") {
        let file = file.expect("an entry");
        fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

/// Where the journal's lines begin, and where it ends.
fn lines(journal: &[u8]) -> Vec<usize> {
    let ends = journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

#[tokio::test]
async fn a_journal_cut_anywhere_in_its_last_records_keeps_all_before() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), &["/a", "/b", "/c", "/d"]).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let starts = lines(&journal);
    // Head, four records, and the end.
    assert_eq!(starts.len(), 6);
    for cut in starts[3]..=journal.len() {
        let torn = tempfile::tempdir().expect("a folder");
        copy(folder.path(), torn.path());
        fs::write(torn.path().join(JOURNAL), &journal[..cut]).expect("written");
        let whole = ["/a", "/b", "/c", "/d"];
        let expected = if cut == journal.len() { 4 } else { 2 + usize::from(cut >= starts[4]) };
        let store = open(torn.path()).unwrap_or_else(|fault| panic!("cut at {cut}: {fault}"));
        let found: Vec<String> = shown(&store).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, whole[..expected], "cut at {cut}");
        // What is written next is found as well, and once.
        insert(&store, "/next", "after").await.expect("kept");
        drop(store);
        let store = open(torn.path()).unwrap_or_else(|fault| panic!("cut at {cut}, again: {fault}"));
        assert_eq!(shown(&store).len(), expected + 1, "cut at {cut}");
        let last = store.catalogue().changes().last();
        assert_eq!(last, expected as u64 + 1, "cut at {cut}: numbers have no gap");
    }
}

#[tokio::test]
async fn a_torn_end_may_be_anything_that_was_never_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), &["/a", "/b"]).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    for end in [&[0; 4096][..], b"\n", b"\n\n\n", b"0000000g {}\n", b"garbage\nmore garbage\n", &[0xff; 100]]
    {
        let torn = tempfile::tempdir().expect("a folder");
        fs::write(torn.path().join(JOURNAL), [&journal, end].concat()).expect("written");
        let store = open(torn.path()).expect("opened");
        assert_eq!(shown(&store).len(), 2, "{end:?}");
        assert_eq!(fs::read(torn.path().join("registry.journal.torn")).expect("kept"), end);
    }
}

#[tokio::test]
async fn damage_before_the_end_stops_the_start_with_its_place_and_can_be_repaired() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), &["/a", "/b", "/c"]).await;
    let whole = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let starts = lines(&whole);
    for place in 0..starts[3] {
        let damaged = tempfile::tempdir().expect("a folder");
        let mut journal = whole.clone();
        journal[place] ^= 0x20;
        fs::write(damaged.path().join(JOURNAL), &journal).expect("written");
        let Err(fault) = open(damaged.path()) else { panic!("damage at {place} was not noticed") };
        let StoreError::Damaged { file, reason } = &fault else { panic!("{fault}") };
        let line = *starts.iter().rfind(|start| **start <= place).expect("there is a first");
        assert!(file.ends_with(JOURNAL), "{fault}");
        assert!(reason.starts_with(&format!("offset {line}: ")), "damage at {place}: {fault}");
        assert!(reason.contains("registry store check"), "{fault}");
        assert_eq!(fs::read(damaged.path().join(JOURNAL)).expect("readable"), journal, "left as it was");
        if place % 50 != 0 {
            continue;
        }
        assert!(!file::check(damaged.path()).expect("checked").sound);
        let report = file::repair(damaged.path(), HistoryLimits::default()).expect("repaired");
        assert!(report.sound && report.text.contains("DAMAGED"), "{}", report.text);
        let store = open(damaged.path()).expect("it starts again");
        let lost = usize::from(line > 0);
        assert_eq!(shown(&store).len(), 3 - lost, "all others are there: {}", report.text);
        let kept = damaged.path().join("registry.journal.before-repair");
        assert_eq!(fs::read(kept).expect("kept as it was"), journal);
    }
}

#[tokio::test]
async fn a_missing_line_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), &["/a", "/b", "/c"]).await;
    let file = folder.path().join(JOURNAL);
    let journal = fs::read(&file).expect("readable");
    let starts = lines(&journal);
    fs::write(&file, [&journal[..starts[1]], &journal[starts[2]..]].concat()).expect("written");
    let Err(fault) = open(folder.path()) else { panic!("a gap was not noticed") };
    assert!(fault.to_string().contains("change 2 is out of its order"), "{fault}");
}

#[tokio::test]
async fn at_rest_the_snapshot_alone_is_the_truth_and_may_be_edited() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    insert(&store, "/a", "first").await.expect("kept");
    insert(&store, "/b", "first").await.expect("kept");
    store.close().await;
    drop(store);
    assert!(!folder.path().join(JOURNAL).exists(), "nothing but the snapshot");
    let store = open(folder.path()).expect("opened");
    assert!(store.catalogue().changes().since(2).is_some(), "untouched: followers go on");
    drop(store);

    let file = folder.path().join(STATE);
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replacen("first", "by hand", 1)).expect("written");
    let store = open(folder.path()).expect("opened");
    assert_eq!(shown(&store)[0].1, "by hand");
    assert!(store.catalogue().changes().since(2).is_none(), "edited: followers begin anew");
    assert_eq!(store.catalogue().changes().of(&path("/a")).count(), 1, "the history stays");
    drop(store);
    let store = open(folder.path()).expect("opened");
    let last = store.catalogue().changes().last();
    assert!(store.catalogue().changes().since(last).is_some(), "it counts as edited once");
}

#[tokio::test]
async fn an_older_snapshot_under_a_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join(STATE);
    let session = async |at: &'static str| {
        let store = open(folder.path()).expect("opened");
        insert(&store, at, "x").await.expect("kept");
        store
    };
    session("/a").await.close().await;
    let old = fs::read(&state).expect("readable");
    session("/b").await.close().await;
    let new = fs::read(&state).expect("readable");
    // This one crashes: its journal goes on from the second snapshot.
    drop(session("/c").await);
    for (text, part) in [(&old, "holds the changes up to 1"), (&b"{\"agents\": {}}".to_vec(), "does not say")]
    {
        fs::write(&state, text).expect("written");
        let Err(fault) = open(folder.path()) else { panic!("an older snapshot was taken") };
        assert!(fault.to_string().contains(part), "{fault}");
    }
    fs::remove_file(&state).expect("removed");
    let Err(fault) = open(folder.path()) else { panic!("a missing snapshot was taken") };
    assert!(fault.to_string().contains("is not there"), "{fault}");
    fs::write(&state, new).expect("written");
    assert_eq!(shown(&open(folder.path()).expect("opened")).len(), 3);
}

#[tokio::test]
async fn folding_in_the_background_loses_nothing_wherever_it_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = |folder: &Path| {
        FileStore::open_folding(
            &Folder::lock(folder).expect("free"),
            Arc::new(|| 0),
            HistoryLimits::default(),
            2_000,
        )
        .expect("opened")
    };
    let store = Arc::new(small(folder.path()));
    let mut stages = Vec::new();
    for round in 0..60 {
        let at = format!("/round/{round}");
        insert(&store, &at, "x").await.expect("kept");
        if round % 3 == 0 {
            let gone = format!("/round/{}", round / 3);
            let tag = store.catalogue().get(&path(&gone)).map(|entry| entry.etag.clone());
            if let Some(tag) = tag {
                store.remove(&permit(Action::DeleteAgent, &gone), &tag, &path(&gone)).await.expect("removed");
            }
        }
        // A copy of the folder is what a crash at this moment leaves, whatever is being folded. It is one
        // only when nothing was renamed meanwhile.
        let names = [STATE, "agent_history.jsonl", "registry.journal.folding", JOURNAL];
        let before = names.map(|name| identity(&folder.path().join(name)));
        let copied = tempfile::tempdir().expect("a folder");
        for name in names {
            let _ = fs::copy(folder.path().join(name), copied.path().join(name));
        }
        if names.map(|name| identity(&folder.path().join(name))) == before {
            stages.push((shown(&store), copied));
        }
    }
    let folded = fs::read_to_string(folder.path().join(STATE)).expect("it was folded");
    assert!(folded.contains("\"change\""));
    assert!(!stages.is_empty(), "some copies are of one moment");
    for (expected, copied) in stages {
        let store = open(copied.path()).expect("a crash stops no start");
        assert_eq!(shown(&store), expected);
    }
}

/// Which file a name stands for, and how long it is.
fn identity(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|file| (file.ino(), file.len()))
}

#[tokio::test]
async fn a_journal_that_cannot_be_set_aside_goes_on() {
    let parent = tempfile::tempdir().expect("a folder");
    let (folder, elsewhere) = (parent.path().join("state"), parent.path().join("elsewhere"));
    let limits = HistoryLimits::default();
    let store = FileStore::open_folding(&Folder::lock(&folder).expect("free"), Arc::new(|| 0), limits, 1_000)
        .expect("opened");
    insert(&store, "/a", "x").await.expect("kept");
    // The open file goes with the folder; its name does not, so that it cannot be given another.
    fs::rename(&folder, &elsewhere).expect("renamed");
    for at in ["/b", "/c", "/d", "/e"] {
        insert(&store, at, "x").await.expect("kept: the journal itself is well");
    }
    fs::rename(&elsewhere, &folder).expect("renamed");
    for at in ["/f", "/g"] {
        insert(&store, at, "x").await.expect("kept");
    }
    drop(store);
    assert_eq!(shown(&open(&folder).expect("opened")).len(), 7, "nothing was put in the journal's place");
}

#[tokio::test]
async fn yesterdays_snapshot_at_rest_counts_and_followers_begin_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join(STATE);
    let mut copies = Vec::new();
    for at in ["/a", "/b", "/c"] {
        let store = open(folder.path()).expect("opened");
        insert(&store, at, "x").await.expect("kept");
        store.close().await;
        copies.push(fs::read(&state).expect("readable"));
    }
    for (copy, agents) in [(Some(&copies[0]), 1), (None, 0)] {
        match copy {
            Some(copy) => fs::write(&state, copy).expect("written"),
            None => fs::remove_file(&state).expect("removed"),
        }
        let store = open(folder.path()).expect("opened");
        assert_eq!(shown(&store).len(), agents);
        assert!(store.catalogue().changes().since(3).is_none(), "whoever knew more must look again");
        insert(&store, "/new", "x").await.expect("kept");
        // It crashes: the journal goes on from what was put there.
        drop(store);
        let store = open(folder.path()).expect("it starts again");
        assert_eq!(shown(&store).len(), agents + 1);
        store.close().await;
    }
}

#[tokio::test]
async fn a_snapshot_without_its_history_gives_no_number_twice() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    written(one.path(), &["/a", "/b"]).await;
    file::compact(one.path(), HistoryLimits::default()).expect("folded");
    written(one.path(), &["/c", "/d"]).await;
    fs::copy(one.path().join(STATE), other.path().join(STATE)).expect("copied");
    let store = open(other.path()).expect("opened");
    insert(&store, "/x", "x").await.expect("kept");
    insert(&store, "/y", "x").await.expect("kept");
    assert!(store.catalogue().changes().since(4).is_none(), "4 was another change in the other life");
}

#[tokio::test]
async fn a_crash_in_the_middle_of_folding_everything_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), &["/a", "/b"]).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    file::compact(folder.path(), HistoryLimits::default()).expect("folded");
    fs::write(folder.path().join(JOURNAL), &journal).expect("written");
    written(folder.path(), &["/c"]).await;
    let store = open(folder.path()).expect("opened");
    assert_eq!((shown(&store).len(), store.catalogue().changes().last()), (3, 3));
    drop(store);
    file::compact(folder.path(), HistoryLimits::default()).expect("folded");
    // The same after the numbers have jumped: the old journal ends long before them.
    let text = fs::read_to_string(folder.path().join(STATE)).expect("readable");
    fs::write(folder.path().join(STATE), text.replace("first", "by hand")).expect("written");
    open(folder.path()).expect("opened").close().await;
    fs::write(folder.path().join(JOURNAL), &journal).expect("written");
    written(folder.path(), &["/d"]).await;
    let texts: Vec<String> =
        shown(&open(folder.path()).expect("opened")).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["by hand", "by hand", "by hand", "first"]);
}

#[tokio::test]
async fn an_edit_over_changes_that_are_not_in_it_is_refused_until_both_are_put_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    insert(&store, "/a", "first").await.expect("kept");
    insert(&store, "/b", "first").await.expect("kept");
    store.close().await;
    drop(store);
    let store = open(folder.path()).expect("opened");
    let tag = store.catalogue().get(&path("/a")).expect("there").etag.clone();
    let next = crate::common::entry("/a", "second");
    store.replace(&permit(Action::ModifyAgent, "/a"), &tag, next).await.expect("replaced");
    drop(store);
    let file = folder.path().join(STATE);
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("first", "by hand")).expect("written");
    let Err(fault) = open(folder.path()) else { panic!("an edit was overridden in silence") };
    assert!(fault.to_string().contains("registry store compact"), "{fault}");
    let report = file::compact(folder.path(), HistoryLimits::default()).expect("put together");
    assert!(report.text.contains("/a: the journal's change counts"), "{}", report.text);
    let store = open(folder.path()).expect("opened");
    let pairs = [("/a", "second"), ("/b", "by hand")].map(|(at, text)| (at.to_owned(), text.to_owned()));
    assert_eq!(shown(&store), pairs);
}

#[tokio::test]
async fn a_full_disk_at_the_start_stops_writes_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(STATE), r#"{"agents": {"/a": {"name": "A"}}}"#).expect("written");
    // A folder under the draft's name refuses the draft, as a full disk does.
    let obstacle = folder.path().join("agent_state.json.new");
    fs::create_dir(&obstacle).expect("made");
    let store = open(folder.path()).expect("it serves what is there");
    assert_eq!(shown(&store).len(), 1);
    let refused = insert(&store, "/b", "x").await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    fs::remove_dir(&obstacle).expect("removed");
    insert(&store, "/b", "x").await.expect("kept");
    drop(store);
    assert_eq!(shown(&open(folder.path()).expect("opened")).len(), 2);
}

#[tokio::test]
async fn repair_keeps_every_agent_that_can_be_read() {
    for (text, kept) in [
        (r#"{"agents": {"/a": {"name": "A"}, "/b": {"name": "B"}}, "comment": "mine"}"#, 2),
        (r#"{"agents": {"/a": {"name": "A"}, "/b": {"name": "B"},}}"#, 2),
        (r#"{"agents": {"/a": {"name": "A"}, "/b": {"name": ""#, 1),
        (r#"{"agents": {"/a": {"name": "A"}, "/b": 1}, "change": 18446744073709551615}"#, 1),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(STATE);
        fs::write(&file, text).expect("written");
        assert!(open(folder.path()).is_err(), "{text}");
        let report = file::repair(folder.path(), HistoryLimits::default()).expect("repaired");
        assert_eq!(shown(&open(folder.path()).expect("opened")).len(), kept, "{}", report.text);
        let before = fs::read_to_string(folder.path().join("agent_state.json.before-repair"));
        assert_eq!(before.expect("kept as it was"), text);
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(STATE), "nothing of ours").expect("written");
    assert!(!file::repair(folder.path(), HistoryLimits::default()).expect("looked at").sound);
    assert_eq!(fs::read_to_string(folder.path().join(STATE)).expect("readable"), "nothing of ours");
}

#[tokio::test]
async fn what_is_kept_is_for_its_owner_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("deep/state");
    written(&folder, &["/a"]).await;
    let mut journal = fs::read(folder.join(JOURNAL)).expect("readable");
    journal.extend(b"torn");
    fs::write(folder.join(JOURNAL), &journal).expect("written");
    open(&folder).expect("opened").close().await;
    let mode = |file: &Path| fs::metadata(file).expect("there").mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).expect("a folder") {
        let file = file.expect("an entry").path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_disk_that_refuses_is_said_and_recovered_from_without_a_restart() {
    let parent = tempfile::tempdir().expect("a folder");
    let (folder, elsewhere) = (parent.path().join("state"), parent.path().join("elsewhere"));
    let store = open(&folder).expect("opened");
    // Whoever is root writes everywhere; a folder that is gone refuses even him.
    fs::rename(&folder, &elsewhere).expect("renamed");
    let refused = insert(&store, "/a", "x").await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(store.status().fault.is_some_and(|fault| fault.contains("No such file")));
    assert!(shown(&store).is_empty(), "reads go on, and show nothing that was refused");
    fs::rename(&elsewhere, &folder).expect("renamed");
    insert(&store, "/a", "y").await.expect("kept");
    assert_eq!(store.status().fault, None);
    drop(store);
    assert_eq!(shown(&open(&folder).expect("opened")), [("/a".to_owned(), "y".to_owned())]);
}

#[tokio::test]
async fn a_damaged_history_costs_no_agent() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    insert(&store, "/a", "x").await.expect("kept");
    store.close().await;
    drop(store);
    let history = folder.path().join("agent_history.jsonl");
    fs::write(&history, "00000000 {}\n").expect("written");
    let store = open(folder.path()).expect("opened");
    assert_eq!(shown(&store).len(), 1);
    assert!(store.catalogue().changes().since(0).is_none(), "what is not known is not promised");
    assert!(folder.path().join("agent_history.jsonl.damaged").exists());
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = HistoryLimits { total: 10, per_entry: 3 };
    let store = <FileStore>::open(&Folder::lock(folder.path()).expect("free"), Arc::new(|| 0), limits)
        .expect("opened");
    insert(&store, "/a", "0").await.expect("kept");
    for round in 1..6 {
        let tag = store.catalogue().get(&path("/a")).expect("there").etag.clone();
        let next = crate::common::entry("/a", &round.to_string());
        store.replace(&permit(Action::ModifyAgent, "/a"), &tag, next).await.expect("replaced");
    }
    let numbers = |store: &FileStore| -> Vec<u64> {
        store.catalogue().changes().of(&path("/a")).map(|change| change.number).collect()
    };
    assert_eq!(numbers(&store), [6, 5, 4]);
    assert!(store.catalogue().changes().since(0).is_some(), "a follower misses nothing by that");
    for number in 0..10 {
        insert(&store, &format!("/other/{number}"), "x").await.expect("kept");
    }
    assert_eq!(store.catalogue().changes().iter().count(), 10);
    assert!(store.catalogue().changes().since(5).is_none(), "too far behind");
    assert!(store.catalogue().changes().since(6).is_some());
    assert!(numbers(&store).is_empty());
    store.close().await;
    drop(store);
    let store = <FileStore>::open(&Folder::lock(folder.path()).expect("free"), Arc::new(|| 0), limits)
        .expect("opened");
    assert!(store.catalogue().changes().since(5).is_none() && store.catalogue().changes().since(6).is_some());
}

#[tokio::test]
async fn who_could_see_an_entry_is_not_forgotten_in_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = HistoryLimits { total: 1_000, per_entry: 3 };
    let store = <FileStore>::open(&Folder::lock(folder.path()).expect("free"), Arc::new(|| 0), limits)
        .expect("opened");
    insert(&store, "/a", "0").await.expect("kept");
    for round in 1..=5 {
        let tag = store.catalogue().get(&path("/a")).expect("there").etag.clone();
        let card =
            serde_json::json!({"name": "N", "description": round, "path": "/a", "visibility": "private"});
        let next = catalog::AgentEntry::from_card(path("/a"), card.as_object().expect("an object").clone());
        let next = next.expect("an entry");
        store.replace(&permit(Action::ModifyAgent, "/a"), &tag, next).await.expect("replaced");
    }
    // Change 2 made it private. Whoever knows only change 1 must not believe that nothing has happened.
    assert!(store.catalogue().changes().since(1).is_none());
    assert!(store.catalogue().changes().since(2).is_some());
}

#[tokio::test]
async fn a_card_of_thousands_of_fields_is_remembered_by_a_few() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    insert(&store, "/a", "x").await.expect("kept");
    let mut card = store.catalogue().get(&path("/a")).expect("there").card();
    (0..1_000).for_each(|number| drop(card.insert(format!("x{number:04}{}", "y".repeat(200)), 1.into())));
    let tag = store.catalogue().get(&path("/a")).expect("there").etag.clone();
    let next = catalog::AgentEntry::from_card(path("/a"), card).expect("an entry");
    store.replace(&permit(Action::ModifyAgent, "/a"), &tag, next).await.expect("replaced");
    let catalogue = store.catalogue();
    let fields = &catalogue.changes().of(&path("/a")).next().expect("remembered").fields;
    assert_eq!((fields.len(), &*fields[64]), (65, "… and 936 more"));
    assert!(fields[0].chars().count() == 129, "{}", fields[0]);
}
