//! The database forgets what it has acknowledged: an older copy put back, a standby that was behind.

use std::time::Duration;

use catalog::ServerEntry;
use store::EntryStore as _;
use store::postgres::{Follow, PostgresOptions, restored};

use super::common::{cluster, database, eventually, insert, open, open_kind, path, picture};
use super::tables::execute;

/// Takes the database back to its first two changes.
async fn back(url: &str) {
    let back = "BEGIN; DELETE FROM agents WHERE path > '/a/1'; DELETE FROM changes WHERE number > 2; \
         UPDATE counter SET number = 2; COMMIT";
    execute(url, back.to_owned()).await;
}

/// One that never looks by itself.
fn blind(options: &mut PostgresOptions) {
    (options.follow, options.interval) = (Follow::Poll, Duration::from_secs(3600));
}

async fn five(store: &store::postgres::PostgresStore, at: &str) {
    for number in 0..5 {
        insert(store, &format!("{at}/{number}"), "x").await.expect("kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_that_was_put_back_is_shown() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "older").await;
    let store = open(&url, |_| {}).await;
    five(&store, "/a").await;
    back(&url).await;
    eventually("it follows back", || picture(&store).len() == 2).await;
    assert_eq!(store.catalogue().changes().last(), 2);
    insert(&store, "/a/2", "again").await.expect("kept");
    assert_eq!(store.catalogue().get(&path("/a/2")).expect("there").description, "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_given_twice_hide_no_loss() {
    let Some(server) = cluster().await else { return };
    for (name, others) in [("ahead", 5), ("equal", 3), ("behind", 1)] {
        let url = database(&server, &format!("loss_{name}")).await;
        let store = open(&url, blind).await;
        five(&store, "/a").await;
        back(&url).await;
        let other = open(&url, blind).await;
        for number in 0..others {
            insert(&other, &format!("/b/{number}"), "x").await.expect("kept");
        }
        // Its own write may follow the last number it shows: that proves nothing about those before.
        insert(&store, "/c", "x").await.expect("kept");
        assert!(store.catalogue().get(&path("/c")).is_some(), "{name}: what was acknowledged is shown");
        store.refresh().await.expect("reached");
        other.refresh().await.expect("reached");
        assert_eq!(picture(&store), picture(&other), "{name}");
        let changes = store.catalogue().changes().clone();
        assert_eq!(changes.last(), 3 + others);
        assert!((0..changes.last()).all(|known| changes.since(known).is_none()), "{name}: all begin anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_everybody_begins_anew() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "restored").await;
    let store = open(&url, |options| options.interval = Duration::from_secs(3600)).await;
    five(&store, "/a").await;
    back(&url).await;
    let place = url.parse().expect("a URL");
    let servers =
        open_kind::<ServerEntry>(&url, |options| options.interval = Duration::from_secs(3600)).await;
    insert(&servers, "/a", "x").await.expect("kept");
    let number = restored(&place, Follow::Listen, 1_800_000_000).await.expect("restored");
    assert!(number >= 1_800_000_000 << 10);
    eventually("it is told", || store.catalogue().changes().last() == number).await;
    eventually("so are those of servers", || servers.catalogue().changes().last() >= number).await;
    assert!(servers.catalogue().changes().since(1).is_none(), "they begin anew, too");
    assert_eq!(picture(&servers).len(), 1);
    insert(&store, "/b", "x").await.expect("kept");
    for store in [&store, &open(&url, blind).await] {
        assert_eq!(picture(store).len(), 3);
        let changes = store.catalogue().changes().clone();
        assert_eq!(changes.last(), number + 1);
        assert!(
            (0..number).step_by(number as usize / 64).chain(0..8).all(|old| changes.since(old).is_none())
        );
        assert_eq!(changes.since(number).expect("it goes on").count(), 1);
    }
    // Again within a second: another number all the same.
    let again = restored(&place, Follow::Poll, 1_800_000_000).await.expect("restored");
    assert_eq!(again, number + 2);
}
