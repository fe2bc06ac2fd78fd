//! Several stores on one database: each shows what the others write, and nobody's write is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use catalog::{AgentEntry, ServerEntry, WriteKind};
use store::conformance::{self, Specimen};
use store::postgres::Follow;
use store::{EntryStore, Kept, StoreError};

use super::common::{cluster, database, eventually, insert, open, open_kind, path, picture, replace};

#[tokio::test(flavor = "multi_thread")]
async fn each_shows_what_the_other_writes() {
    let Some(server) = cluster().await else { return };
    for (name, follow) in [("told", Follow::Listen), ("asked", Follow::Poll)] {
        let url = database(&server, name).await;
        shows::<AgentEntry>(&url, follow).await;
        shows::<ServerEntry>(&url, follow).await;
    }
}

async fn shows<E: Kept + Specimen>(url: &str, follow: Follow) {
    // With notifications nothing waits for the time: an hour would be too long.
    let interval =
        if follow == Follow::Listen { Duration::from_secs(3600) } else { Duration::from_millis(100) };
    let adjust = |options: &mut store::postgres::PostgresOptions| {
        (options.follow, options.interval) = (follow, interval);
    };
    let (here, there) = (open_kind::<E>(url, adjust).await, open_kind::<E>(url, adjust).await);
    let mut told = there.follow();
    let written = Instant::now();
    let first = insert(&here, "/a", "first").await.expect("kept");
    let told = tokio::time::timeout(Duration::from_secs(10), told.wait_for(|number| *number == 1));
    told.await.expect("in time").expect("it follows");
    eprintln!("{follow:?}: seen by the other after {:?}", written.elapsed());
    let seen = there.catalogue();
    assert_eq!(seen.get(&path("/a")).expect("there").etag(), first.etag());
    let change = seen.changes().iter().next().expect("remembered").clone();
    assert_eq!((change.number, change.by.as_str(), change.etag.as_deref()), (1, "me", Some(first.etag())));

    let second = replace(&there, "/a", first.etag(), "second").await.expect("replaced");
    eventually("the other way round", || {
        here.catalogue().get(&path("/a")).is_some_and(|entry| entry.etag() == second.etag())
    })
    .await;
    there
        .remove(&conformance::permit::<E>(WriteKind::Remove, "/a"), second.etag(), &path("/a"))
        .await
        .expect("removed");
    eventually("and what is gone", || here.catalogue().is_empty()).await;
    assert_eq!(here.catalogue().changes().last(), 3);
    assert!(here.status().fault.is_none() && here.status().kind == "postgres");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_seen_it_yet_overwrites_nothing() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "stale").await;
    overwrites_nothing::<AgentEntry>(&url).await;
    overwrites_nothing::<ServerEntry>(&url).await;
}

async fn overwrites_nothing<E: Kept + Specimen>(url: &str) {
    // Two that never look by themselves: only a refusal makes them.
    let blind = |options: &mut store::postgres::PostgresOptions| {
        (options.follow, options.interval) = (Follow::Poll, Duration::from_secs(3600));
    };
    let (here, there) = (open_kind::<E>(url, blind).await, open_kind::<E>(url, blind).await);
    let first = insert(&here, "/a", "first").await.expect("kept");
    assert!(there.catalogue().is_empty());
    // The caller read it at the other replica a moment ago: this one must look before it refuses.
    let second = replace(&there, "/a", first.etag(), "second").await.expect("replaced");
    let third = replace(&here, "/a", first.etag(), "third").await;
    assert!(matches!(third, Err(StoreError::Changed { current, .. }) if current == second.etag()));
    assert_eq!(here.catalogue().get(&path("/a")).expect("there").etag(), second.etag(), "it looked");
    let taken = insert(&there, "/a", "x").await;
    assert!(matches!(taken, Err(StoreError::Taken(_))));
    insert(&here, "/b", "x").await.expect("kept");
    let taken = insert(&there, "/b", "y").await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "taken over there");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_newest_sees_what_others_acknowledged() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "refreshed").await;
    let blind = |options: &mut store::postgres::PostgresOptions| {
        (options.follow, options.interval) = (Follow::Poll, Duration::from_secs(3600));
    };
    let (here, there) = (open(&url, blind).await, open(&url, blind).await);
    insert(&here, "/a", "first").await.expect("kept");
    assert!(there.catalogue().is_empty());
    there.refresh().await.expect("reached");
    assert_eq!(picture(&there), picture(&here));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_have_no_gaps_and_no_update_is_lost() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "counting").await;
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(open(&url, |_| {}).await));
    }
    insert(&stores[0], "/counter", "0").await.expect("kept");
    let count = |store: Arc<store::postgres::PostgresStore>| {
        tokio::spawn(async move {
            let mut done = 0;
            while done < 20 {
                let Some(now) = store.catalogue().get(&path("/counter")).cloned() else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let next = now.description.parse::<u32>().expect("a number") + 1;
                match replace(&store, "/counter", &now.etag, &next.to_string()).await {
                    Ok(_) => done += 1,
                    Err(StoreError::Changed { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        })
    };
    let adding = |store: Arc<store::postgres::PostgresStore>, writer: usize| {
        tokio::spawn(async move {
            for number in 0..30 {
                insert(&store, &format!("/w{writer}/{number}"), "x").await.expect("kept");
            }
        })
    };
    let mut tasks = Vec::new();
    for (number, store) in stores.iter().enumerate() {
        tasks.push(count(store.clone()));
        tasks.push(count(store.clone()));
        tasks.push(adding(store.clone(), number));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let last = 1 + 3 * 2 * 20 + 3 * 30;
    for store in &stores {
        eventually("all see everything", || store.catalogue().changes().last() == last).await;
        let catalogue = store.catalogue();
        assert_eq!(catalogue.get(&path("/counter")).expect("there").description, "120", "no update is lost");
        let numbers: Vec<u64> =
            catalogue.changes().since(last - 50).expect("known").map(|change| change.number).collect();
        // The counter's own older changes are forgotten, beyond what is remembered of one entry.
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.last() == Some(&last));
        assert_eq!(picture(store), picture(&stores[0]));
    }
    let fresh = open(&url, |_| {}).await;
    assert_eq!(picture(&fresh), picture(&stores[0]));
    assert_eq!(fresh.catalogue().changes().last(), last);
}

#[tokio::test(flavor = "multi_thread")]
async fn stricter_isolation_stops_nobody() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "strict").await;
    let strict = "ALTER DATABASE strict SET default_transaction_isolation = 'serializable'";
    super::tables::execute(&url, strict.to_owned()).await;
    let mut writing = Vec::new();
    for writer in 0..12 {
        let store = Arc::new(open(&url, |_| {}).await);
        for client in 0..4 {
            let store = store.clone();
            writing.push(tokio::spawn(async move {
                for number in 0..10 {
                    insert(&store, &format!("/w{writer}/{client}/{number}"), "x").await.expect("kept");
                }
            }));
        }
    }
    for task in writing {
        task.await.expect("no panic");
    }
    assert_eq!(open(&url, |_| {}).await.catalogue().len(), 12 * 4 * 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_has_one_time_wherever_it_is_read() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "time").await;
    let hands = Arc::new(AtomicU64::new(0));
    let store = open(&url, |options| {
        // Every look at the clock is a second later.
        options.clock = Arc::new(move || hands.fetch_add(1, Ordering::SeqCst));
    })
    .await;
    insert(&store, "/a", "x").await.expect("kept");
    let fresh = open(&url, |_| {}).await;
    let time = |store: &store::postgres::PostgresStore| {
        store.catalogue().changes().iter().next().expect("remembered").at
    };
    assert_eq!(time(&store), time(&fresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_far_behind_reads_everything() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "behind").await;
    let limits = store::HistoryLimits { total: 50, per_entry: 10 };
    let here = Arc::new(open(&url, |options| options.limits = limits).await);
    let there = open(&url, |options| {
        (options.limits, options.follow) = (limits, Follow::Poll);
        options.interval = Duration::from_secs(3600);
    })
    .await;
    let writing = (0..500).map(|number| {
        let here = here.clone();
        tokio::spawn(async move { insert(&here, &format!("/a/{number}"), "x").await.map(drop) })
    });
    for task in writing.collect::<Vec<_>>() {
        task.await.expect("no panic").expect("kept");
    }
    // The database has forgotten most of them. A write that is refused makes it look.
    assert!(insert(&there, "/a/0", "y").await.is_err());
    assert_eq!(picture(&there), picture(&here));
    let changes = there.catalogue().changes().clone();
    assert_eq!(changes.last(), 500);
    assert!(changes.since(0).is_none() && changes.since(499).is_some());
    assert_eq!(changes.iter().count(), 50);
}
