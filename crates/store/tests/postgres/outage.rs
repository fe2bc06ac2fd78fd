//! The database goes away: reads go on, writes are refused in time, and all is well again without a restart.

use std::time::{Duration, Instant};

use catalog::{AgentEntry, ServerEntry};
use sqlx::{Connection as _, Executor as _};
use store::conformance::Specimen;
use store::postgres::{PostgresOptions, PostgresStore};
use store::{EntryStore, Kept, StoreError};
use xtask::postgres::Cable;

use super::common::{
    cluster, cluster_to_stop, database, eventually, insert, open, open_kind, picture, replace,
};

/// A second is enough between two processes of one machine.
fn hasty(options: &mut PostgresOptions) {
    options.patience = Duration::from_secs(1);
}

async fn refused<E: Kept + Specimen>(store: &PostgresStore<E>, at: &str) {
    let asked = Instant::now();
    let answer = insert(store, at, "x").await;
    assert!(matches!(&answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    let said = answer.expect_err("refused").to_string();
    assert!(said.starts_with("the database outage") && !said.contains("registry:"), "{said}");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_and_its_return() {
    let Some(server) = cluster_to_stop().await else { return };
    let url = database(&server, "outage").await;
    // Both kinds have connections of their own.
    let (store, servers) = (open(&url, hasty).await, open_kind::<ServerEntry>(&url, hasty).await);
    insert(&store, "/a", "before").await.expect("kept");
    insert(&servers, "/a", "before").await.expect("kept");
    for round in 0..2 {
        let mut cluster = server.cluster.lock().await;
        if round == 0 {
            cluster.stop();
        } else {
            cluster.kill();
        }
        let before = (picture(&store), picture(&servers));
        if round == 0 {
            refused(&store, "/b").await;
            refused(&servers, "/b").await;
        }
        // Without their parent, Postgres' processes end a moment later.
        let (of_agents, of_servers) = (|| store.status(), || servers.status());
        eventually("it is known", || of_agents().fault.is_some() && of_servers().fault.is_some()).await;
        refused(&store, "/b").await;
        refused(&servers, "/b").await;
        assert_eq!((picture(&store), picture(&servers)), before, "reads go on");
        let second = Duration::from_secs(1);
        eventually("the lag grows", || of_agents().lag > second && of_servers().lag > second).await;
        cluster.start_again().await.expect("postgres starts");
        drop(cluster);
        eventually("it is well again", || of_agents().and(of_servers()).fault.is_none()).await;
        insert(&store, &format!("/after/{round}"), "x").await.expect("kept");
        insert(&servers, &format!("/after-{round}"), "x").await.expect("kept");
        eventually("the lag is short", || of_agents().and(of_servers()).lag < second).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_one_of_two() {
    partition::<AgentEntry>("outage_of_one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_one_of_two_with_servers() {
    partition::<ServerEntry>("outage_of_servers").await;
}

async fn partition<E: Kept + Specimen>(name: &str) {
    let Some(server) = cluster().await else { return };
    let url = database(&server, name).await;
    let address = server.cluster.lock().await.address();
    let cable = Cable::to(address).await.expect("a cable");
    let through = server.cluster.lock().await.url_through(&cable, name);
    let (far, near) = (open_kind::<E>(&through, hasty).await, open_kind::<E>(&url, hasty).await);
    insert(&near, "/a", "x").await.expect("kept");
    eventually("it arrives", || picture(&far) == picture(&near)).await;
    for round in 0..2 {
        if round == 0 {
            cable.silence();
        } else {
            cable.cut();
        }
        let asked = Instant::now();
        tokio::join!(refused(&far, "/far"), refused(&far, "/farther"), refused(&far, "/far"));
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "nobody waits for all before him: {:?}",
            asked.elapsed()
        );
        for number in 0..20 {
            // Its patience is shorter than the time for which a lock of who is cut off would be held.
            insert(&near, &format!("/near-{round}-{number}"), "x").await.expect("the other one writes on");
        }
        let tag = near.catalogue().iter().next().expect("there").etag().to_owned();
        replace(&near, "/a", &tag, &format!("y{round}")).await.expect("replaced");
        let behind = picture(&far);
        assert!(behind.len() < picture(&near).len(), "it shows what it knows");
        eventually("it says how old that may be", || far.status().lag > Duration::from_millis(500)).await;
        cable.mend();
        // What was on its way when the silence came may be done now: both must say the same then.
        eventually("it catches up", || {
            picture(&far) == picture(&near) && picture(&far).len() >= behind.len() + 20
        })
        .await;
        eventually("it writes again", || far.status().fault.is_none()).await;
        insert(&far, &format!("/again-{round}"), "x").await.expect("kept");
        eventually("for all", || picture(&far) == picture(&near)).await;
    }
}

/// Beside one that counts on what may be old, for which the newest has to be asked first. On one thread, so that both
/// have the same turn.
#[tokio::test]
async fn in_a_silence_nobody_waits_twice() {
    let Some(server) = cluster().await else { return };
    database(&server, "outage_silence").await;
    let address = server.cluster.lock().await.address();
    let cable = Cable::to(address).await.expect("a cable");
    let through = server.cluster.lock().await.url_through(&cable, "outage_silence");
    let patience = Duration::from_secs(4);
    let store = open(&through, |options| options.patience = patience).await;
    insert(&store, "/there", "x").await.expect("kept");
    cable.silence();
    let asked = Instant::now();
    tokio::join!(refused(&store, "/there"), refused(&store, "/new"));
    assert!(asked.elapsed() < patience * 7 / 4, "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_cannot_have_their_turn_are_refused_together() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "held").await;
    // The server gives up before the registry does: it is reached, and refuses each of them as well.
    super::tables::execute(&url, "ALTER DATABASE held SET lock_timeout = '700ms'".to_owned()).await;
    let store = std::sync::Arc::new(open(&url, hasty).await);
    let mut holder = sqlx::PgConnection::connect(&url).await.expect("connected");
    holder.execute("BEGIN; SELECT number FROM counter FOR UPDATE").await.expect("held");
    let asked = Instant::now();
    let writing = (0..40).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { insert(&store, &format!("/a/{number}"), "x").await.is_err() })
    });
    for write in writing.collect::<Vec<_>>() {
        assert!(write.await.expect("no panic"));
    }
    // One after the other it would be 28 s.
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    holder.execute("ROLLBACK").await.expect("let go");
    // What waited for the lock is done or given up by now; a refusal that is known stands until it is reached.
    let deadline = Instant::now() + Duration::from_secs(20);
    while insert(&store, "/b", "x").await.is_err() {
        assert!(Instant::now() < deadline, "it never writes again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_full_or_read_only_is_no_outage() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "full").await;
    let store = open(&url, hasty).await;
    let first = insert(&store, "/a", "x").await.expect("kept");
    let admin = |statement: &str| super::tables::execute(&url, statement.to_owned());
    admin("ALTER TABLE agents ADD CONSTRAINT full_now CHECK (length(card) < 100)").await;
    let long = replace(&store, "/a", &first.etag, &"long".repeat(50)).await;
    assert!(
        matches!(&long, Err(StoreError::Unavailable { reason, .. }) if reason.contains("full_now")),
        "{long:?}"
    );
    assert!(store.status().fault.is_some_and(|fault| fault.contains("full_now")));
    insert(&store, "/b", "x").await.expect("others are kept");
    assert_eq!(store.status().fault, None);
}
