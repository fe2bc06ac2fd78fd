//! What is damaged refuses the start with its place; what was never acknowledged does not.

use std::fs;
use std::path::Path;

use store::StoreError;

use super::{JOURNAL, SNAPSHOT, count, create, open, used};

/// A folder with an agent and reports of 1, 10, 100 … in its journal, one after the other.
async fn written(folder: &Path, reports: u32) {
    let store = open(folder).await.expect("opened");
    create(&store).await;
    for report in 0..reports {
        count(&store, 10_u64.pow(report)).await.expect("kept");
    }
}

/// Where the journal's lines begin, and where it ends.
fn lines(journal: &[u8]) -> Vec<usize> {
    let ends = journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

fn journal_of(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(JOURNAL), bytes).expect("written");
    folder
}

/// What it says of damage in this file.
async fn refused(folder: &Path, name: &str) -> String {
    let fault = open(folder).await.err().expect("damage is noticed");
    let StoreError::Damaged { file, reason } = &fault else { panic!("{fault}") };
    assert!(file.ends_with(name), "{fault}");
    assert!(reason.contains("put a good copy of"), "it says what helps: {fault}");
    reason.clone()
}

#[tokio::test]
async fn a_journal_cut_anywhere_in_its_last_lines_keeps_all_before() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 3).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let starts = lines(&journal);
    // Head, four events, and the end.
    assert_eq!(starts.len(), 6);
    for cut in starts[2]..=journal.len() {
        let torn = journal_of(&journal[..cut]);
        let expected = [0, 1, 11, 111][starts[3..].iter().filter(|end| **end <= cut).count()];
        let store = open(torn.path()).await.unwrap_or_else(|fault| panic!("cut at {cut}: {fault}"));
        assert_eq!(used(&store), expected, "cut at {cut}");
        // What is written next is found as well, and once.
        count(&store, 5000).await.expect("kept");
        drop(store);
        let store = open(torn.path()).await.unwrap_or_else(|fault| panic!("cut at {cut}, again: {fault}"));
        assert_eq!(used(&store), expected + 5000, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_torn_end_may_be_anything_that_was_never_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 2).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    for end in [&[0; 4096][..], b"\n", b"\n\n\n", b"0000000g {}\n", b"garbage\nmore garbage\n", &[0xff; 100]]
    {
        let torn = journal_of(&[&journal, end].concat());
        let store = open(torn.path()).await.expect("opened");
        assert_eq!(used(&store), 11, "{end:?}");
        assert_eq!(fs::read(torn.path().join("directory.journal.torn")).expect("kept"), end);
        assert_eq!(fs::read(torn.path().join(JOURNAL)).expect("readable"), journal, "it is cut off");
    }
}

#[tokio::test]
async fn damage_before_the_end_stops_the_start_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 3).await;
    let whole = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let starts = lines(&whole);
    // Each line was proven by the next batch; the last one could be torn.
    for place in 0..starts[4] {
        let mut journal = whole.clone();
        journal[place] ^= 1 << (place % 8);
        let damaged = journal_of(&journal);
        let reason = refused(damaged.path(), JOURNAL).await;
        let line = starts.iter().filter(|start| **start <= place).count();
        assert!(reason.starts_with(&format!("line {line}: ")), "damage at {place}: {reason}");
        assert_eq!(fs::read(damaged.path().join(JOURNAL)).expect("readable"), journal, "left as it was");
    }
}

#[tokio::test]
async fn missing_and_foreign_lines_are_damage() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    written(folder.path(), 3).await;
    written(other.path(), 3).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let starts = lines(&journal);
    let line = |number: usize| &journal[starts[number - 1]..starts[number]];
    let without = journal_of(&[line(1), line(2), line(4), line(5)].concat());
    assert!(refused(without.path(), JOURNAL).await.starts_with("line 3: change 3 is out of its order"));
    let twice = journal_of(&[line(1), line(2), line(2), line(3)].concat());
    assert!(refused(twice.path(), JOURNAL).await.starts_with("line 3: change 1 is out of its order"));
    // A line that is whole and says nothing that this version knows: a newer one may have written it.
    let strange = b"{\"batch\":2,\"number\":2,\"at\":0,\"by\":\"x\",\"wish\":{\"wish\":\"dance\"}}";
    let strange = format!("{:08x} {}\n", crc32fast::hash(strange), String::from_utf8_lossy(strange));
    let strange = journal_of(&[line(1), line(2), strange.as_bytes(), line(4)].concat());
    assert!(refused(strange.path(), JOURNAL).await.contains("dance"));
    // An event that cannot have happened: its agent was never made.
    let head = b"{\"journal\":1,\"after\":1}";
    let head = format!("{:08x} {}\n", crc32fast::hash(head), String::from_utf8_lossy(head));
    let begun = journal_of(&[head.as_bytes(), line(3), line(4)].concat());
    assert!(refused(begun.path(), SNAPSHOT).await.contains("goes on after event 1"));
    for wrong in [&b""[..], b"\n", b"{}", &journal[..starts[1] - 3]] {
        assert!(
            refused(journal_of(wrong).path(), JOURNAL).await.starts_with("line 1: "),
            "a head is never torn"
        );
    }
}

#[tokio::test]
async fn a_damaged_snapshot_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 2).await;
    open(folder.path()).await.expect("opened").close().await;
    let whole = fs::read(folder.path().join(SNAPSHOT)).expect("readable");
    assert!(serde_json::from_slice::<serde_json::Value>(&whole).is_ok(), "it is JSON as a whole");
    let check = async |bytes: &[u8]| {
        let damaged = tempfile::tempdir().expect("a folder");
        fs::write(damaged.path().join(SNAPSHOT), bytes).expect("written");
        refused(damaged.path(), SNAPSHOT).await;
        assert_eq!(fs::read(damaged.path().join(SNAPSHOT)).expect("readable"), bytes, "left as it was");
    };
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        check(&damaged).await;
        if place % 16 == 0 {
            check(&whole[..place]).await;
        }
    }
    check(&[&whole[..], b"\n"].concat()).await;
}

#[tokio::test]
async fn a_snapshot_of_yesterday_under_todays_journal_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 1).await;
    open(folder.path()).await.expect("opened").close().await;
    let yesterday = fs::read(folder.path().join(SNAPSHOT)).expect("readable");
    let store = open(folder.path()).await.expect("opened");
    count(&store, 10).await.expect("kept");
    store.close().await;
    let store = open(folder.path()).await.expect("opened");
    count(&store, 100).await.expect("kept");
    drop(store);
    let today = fs::read(folder.path().join(SNAPSHOT)).expect("readable");
    fs::write(folder.path().join(SNAPSHOT), yesterday).expect("written");
    let reason = refused(folder.path(), SNAPSHOT).await;
    assert!(
        reason.contains("holds the events up to 2") && reason.contains("goes on after event 3"),
        "{reason}"
    );
    fs::remove_file(folder.path().join(SNAPSHOT)).expect("removed");
    assert!(refused(folder.path(), SNAPSHOT).await.contains("holds the events up to 0"));
    fs::write(folder.path().join(SNAPSHOT), today).expect("written");
    assert_eq!(used(&open(folder.path()).await.expect("opened")), 111);
}
