//! The directory in a database: the conformance suite, several servers on one database, outages and losses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::directory::conformance::{self, agent, all_of_it, own, report};
use store::directory::{
    AgentChanges, DAY, DirectoryStore, Done, PostgresDirectoryOptions, Wish, open_postgres,
};
use store::{EntryStore as _, StoreError};
use xtask::postgres::Cable;

use super::common::{cluster, cluster_to_stop, database, eventually, open};
use super::tables::execute;
use crate::crash;

const NOW: u64 = 20_000 * DAY;

type Store = Arc<dyn DirectoryStore>;

fn options(url: &str, adjust: impl FnOnce(&mut PostgresDirectoryOptions)) -> PostgresDirectoryOptions {
    let url = url.parse().expect("a URL");
    let mut options = PostgresDirectoryOptions::new(url, Arc::new(|| NOW), Arc::default());
    (options.migrate, options.interval) = (true, Duration::from_millis(100));
    adjust(&mut options);
    options
}

async fn serve(url: &str, adjust: impl FnOnce(&mut PostgresDirectoryOptions)) -> Store {
    open_postgres(options(url, adjust)).await.expect("opened")
}

/// One that never looks by itself.
fn blind(options: &mut PostgresDirectoryOptions) {
    options.interval = Duration::from_secs(3600);
}

/// A second is enough between two processes of one machine.
fn hasty(options: &mut PostgresDirectoryOptions) {
    options.patience = Duration::from_secs(1);
}

async fn create(store: &Store, slug: &str) -> Result<Done, StoreError> {
    store.write(&all_of_it(), Wish::CreateAgent { agent: Box::new(agent(slug)) }).await
}

async fn count(store: &Store, tokens: u64, run: Option<&str>) -> Result<Done, StoreError> {
    store.write(&own("agt_a"), report("agt_a", tokens, run)).await
}

fn used(store: &Store) -> u64 {
    store.directory().tokens_used("agt_a", NOW)
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_promise() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "directory").await;
    conformance::all(|clock, rights| async {
        serve(&url, |options| (options.clock, options.rights) = (clock, rights)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_count_together() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "together").await;
    let servers = [serve(&url, blind).await, serve(&url, blind).await, serve(&url, |_| {}).await];
    create(&servers[0], "a").await.expect("kept");
    let tasks = (0..48_u64).map(|task| {
        let store = servers[task as usize % 3].clone();
        tokio::spawn(async move {
            for turn in 0..10 {
                count(&store, task, None).await.expect("kept");
                // The same run is reported by every server.
                count(&store, 100, Some(&format!("{turn}"))).await.expect("kept");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let expected = 10 * (0..48).sum::<u64>() + 10 * 100;
    for store in &servers {
        store.refresh().await.expect("reached");
        assert_eq!(used(store), expected);
        assert_eq!(*store.directory(), *servers[0].directory());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_acknowledged_is_known_before_anybody_is_refused() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "foreign").await;
    let rights = Arc::new(AtomicU64::new(0));
    let (one, other) = (
        serve(&url, blind).await,
        serve(&url, |options| {
            blind(options);
            options.rights = rights.clone();
        })
        .await,
    );
    create(&one, "a").await.expect("kept");
    assert!(other.directory().agent("agt_a").is_none(), "it has not looked");
    assert_eq!(count(&other, 5, None).await.expect("kept"), Done::Usage(5), "but looks before it refuses");
    let taken = create(&one, "a").await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    assert_eq!(used(&one), 5);
    // What others change of rights is told here.
    let before = rights.load(Ordering::Acquire);
    let void = Wish::Revoke { client_id: "agt_a".to_owned(), jti: "j".to_owned(), expires_at: NOW + 60 };
    one.write(&own("agt_a"), void).await.expect("kept");
    let changes = Box::new(AgentChanges { groups: Some(vec!["g".to_owned()]), ..AgentChanges::default() });
    let moved = Wish::AmendAgent { agent_id: "agt_a".to_owned(), version: None, changes };
    one.write(&all_of_it(), moved).await.expect("kept");
    assert_eq!(rights.load(Ordering::Acquire), before);
    other.refresh().await.expect("reached");
    assert!(other.directory().is_revoked("j"));
    assert_eq!(rights.load(Ordering::Acquire), before + 1);
    count(&one, 1, None).await.expect("kept");
    other.refresh().await.expect("reached");
    assert_eq!((used(&other), rights.load(Ordering::Acquire)), (6, before + 1), "use changes no rights");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_followed_without_asking() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "followed").await;
    let (one, other) = (serve(&url, |_| {}).await, serve(&url, |_| {}).await);
    let mut latest = other.follow();
    create(&one, "a").await.expect("kept");
    let told = tokio::time::timeout(Duration::from_secs(20), latest.wait_for(|number| *number == 1)).await;
    told.expect("in time").expect("it follows");
    assert!(other.directory().agent("agt_a").is_some());
    eventually("the lag is short", || other.status().lag < Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_become_a_snapshot_and_nobody_is_lost() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "folded").await;
    let (writer, behind) = (serve(&url, |_| {}).await, serve(&url, blind).await);
    create(&writer, "a").await.expect("kept");
    let tasks = (0..64).map(|_| {
        let writer = writer.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                count(&writer, 1, None).await.expect("kept");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    assert_eq!(used(&writer), 12_800);
    let mut connection = {
        use sqlx::Connection as _;
        sqlx::PgConnection::connect(&url).await.expect("connected")
    };
    let asked = "SELECT (SELECT count(*) FROM directory_events), (SELECT number FROM directory_snapshot)";
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (events, folded): (i64, i64) =
            sqlx::query_as(asked).fetch_one(&mut connection).await.expect("read");
        if folded >= 10_000 {
            assert!(events < 6_000, "{events} events are left");
            break;
        }
        assert!(Instant::now() < deadline, "it is never folded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    behind.refresh().await.expect("reached");
    assert_eq!(*behind.directory(), *writer.directory(), "whoever is too far behind reads everything");
    assert_eq!(count(&behind, 1, None).await.expect("kept"), Done::Usage(12_801));
    let fresh = serve(&url, blind).await;
    assert_eq!(*fresh.directory(), *behind.directory());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_and_its_return() {
    let Some(server) = cluster_to_stop().await else { return };
    let url = database(&server, "outage").await;
    let store = serve(&url, hasty).await;
    create(&store, "a").await.expect("kept");
    for round in 0..2 {
        let mut cluster = server.cluster.lock().await;
        if round == 0 {
            cluster.stop();
        } else {
            cluster.kill();
        }
        if round == 1 {
            // Without their parent, Postgres' processes end a moment later.
            eventually("it is known", || store.status().fault.is_some()).await;
        }
        let (before, asked) = (store.directory(), Instant::now());
        let refused = count(&store, 1, Some("x")).await;
        assert!(matches!(&refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
        let said = refused.expect_err("refused").to_string();
        assert!(said.starts_with("the database outage") && !said.contains("registry:"), "{said}");
        assert!(store.refresh().await.is_err(), "nobody can know");
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        assert!(store.status().fault.is_some());
        assert_eq!(*store.directory(), *before, "reads go on");
        eventually("the lag grows", || store.status().lag > Duration::from_secs(1)).await;
        cluster.start_again().await.expect("postgres starts");
        drop(cluster);
        eventually("it is well again", || store.status().fault.is_none()).await;
        count(&store, 1, None).await.expect("kept");
        assert_eq!(used(&store), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "lost_answers").await;
    let address = server.cluster.lock().await.address();
    let way = deaf::way(address).await;
    let through = url.replace(&address.to_string(), &way.address);
    let store = serve(&through, blind).await;
    create(&store, "a").await.expect("kept");
    for round in 1..=3 {
        // The statement is known on this connection: what is lost is the answer to the commit.
        count(&store, 0, None).await.expect("kept");
        way.lose_the_next_answer();
        let asked = Instant::now();
        count(&store, 1, None).await.expect("found again");
        assert!(asked.elapsed() < Duration::from_secs(5));
        assert_eq!(used(&store), round);
    }
    let other = serve(&url, blind).await;
    assert_eq!(*other.directory(), *store.directory());
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_are_repeated_over_a_bad_way_count_once() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "bad_way").await;
    let address = server.cluster.lock().await.address();
    let cable = Cable::to(address).await.expect("a cable");
    let through = server.cluster.lock().await.url_through(&cable, "bad_way");
    let (near, far) = (serve(&url, hasty).await, serve(&through, hasty).await);
    create(&near, "a").await.expect("kept");
    let is_over = Arc::new(AtomicBool::new(false));
    let tasks = (0..16_u64).map(|task| {
        let (store, is_over) = (if task % 4 == 0 { near.clone() } else { far.clone() }, is_over.clone());
        tokio::spawn(async move {
            let mut sum = 0;
            for run in 0.. {
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                // Until it is acknowledged: nobody knows what became of those before.
                while count(&store, task + run, Some(&format!("{task}-{run}"))).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                sum += task + run;
            }
            sum
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for round in 0..6 {
        let before = far.directory().number();
        eventually("it goes on", || far.directory().number() > before + 200).await;
        if round % 2 == 0 {
            cable.cut();
        } else {
            cable.silence();
        }
        eventually("it is known", || far.status().fault.is_some()).await;
        cable.mend();
        eventually("it is well again", || far.status().fault.is_none()).await;
    }
    is_over.store(true, Ordering::Release);
    let mut expected = 0;
    for task in tasks {
        expected += task.await.expect("no panic");
    }
    for store in [&near, &far] {
        store.refresh().await.expect("reached");
        assert_eq!(used(store), expected);
    }
    assert_eq!(*near.directory(), *far.directory());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_database_holds_nobody_up_for_long() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "silent").await;
    let store = serve(&url, |options| {
        hasty(options);
        blind(options);
    })
    .await;
    create(&store, "a").await.expect("kept");
    let mut holder = {
        use sqlx::Connection as _;
        sqlx::PgConnection::connect(&url).await.expect("connected")
    };
    sqlx::raw_sql("BEGIN; SELECT number FROM directory_counter FOR UPDATE")
        .execute(&mut holder)
        .await
        .expect("held");
    let asked = Instant::now();
    let waiting = (0..40).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { count(&store, 1, None).await.is_err() })
    });
    for refused in waiting.collect::<Vec<_>>() {
        assert!(refused.await.expect("no panic"), "nobody has written");
    }
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("let go");
    let deadline = Instant::now() + Duration::from_secs(20);
    while count(&store, 1, None).await.is_err() {
        assert!(Instant::now() < deadline, "it never writes again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_is_no_outage() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "refusing").await;
    let store = serve(&url, blind).await;
    create(&store, "a").await.expect("kept");
    execute(&url, "ALTER TABLE directory_events ADD CONSTRAINT full_now CHECK (number < 2)".to_owned()).await;
    let refused = count(&store, 1, None).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable { reason, .. }) if reason.contains("full_now")),
        "{refused:?}"
    );
    assert!(store.status().fault.is_some_and(|fault| fault.contains("full_now")));
    execute(&url, "ALTER TABLE directory_events DROP CONSTRAINT full_now".to_owned()).await;
    count(&store, 1, None).await.expect("the next one is kept");
    assert_eq!((used(&store), store.status().fault), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_put_back_is_shown_and_nothing_is_mixed() {
    let Some(server) = cluster().await else { return };
    for (name, others) in [("behind", 1), ("equal", 3), ("ahead", 5)] {
        let url = database(&server, &format!("put_back_{name}")).await;
        let rights = Arc::new(AtomicU64::new(0));
        let store = serve(&url, |options| {
            blind(options);
            options.rights = rights.clone();
        })
        .await;
        create(&store, "a").await.expect("kept");
        for _ in 0..4 {
            count(&store, 100, None).await.expect("kept");
        }
        let back = "BEGIN; DELETE FROM directory_events WHERE number > 2; UPDATE directory_counter SET \
             number = 2, batch = (SELECT batch FROM directory_events WHERE number = 2); COMMIT";
        execute(&url, back.to_owned()).await;
        let other = serve(&url, blind).await;
        for _ in 0..others {
            count(&other, 1, None).await.expect("kept");
        }
        assert_eq!(count(&store, 7, None).await.expect("kept"), Done::Usage(100 + others + 7), "{name}");
        assert!(rights.load(Ordering::Acquire) > 0, "{name}: everything must be looked at anew");
        other.refresh().await.expect("reached");
        assert_eq!(*other.directory(), *store.directory(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_stops_writing_and_starting() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "unread").await;
    let store = serve(&url, |_| {}).await;
    create(&store, "a").await.expect("kept");
    let newer = "BEGIN; INSERT INTO directory_events VALUES (2, 'x', '{\"number\": 2, \"new\": 1}'); \
         UPDATE directory_counter SET number = 2, batch = 'x'; COMMIT";
    execute(&url, newer.to_owned()).await;
    eventually("it is told", || store.status().fault.is_some_and(|fault| fault.contains("number 2"))).await;
    assert!(store.directory().agent("agt_a").is_some(), "reads go on");
    assert!(matches!(count(&store, 1, None).await, Err(StoreError::Unavailable { .. })));
    let refused = open_postgres(options(&url, |_| {})).await.err().expect("not opened").to_string();
    assert!(refused.contains("directory_events") && refused.contains("number 2"), "{refused}");
    let back = "BEGIN; DELETE FROM directory_events WHERE number = 2; UPDATE directory_counter SET number = 1, \
         batch = (SELECT batch FROM directory_events WHERE number = 1); COMMIT";
    execute(&url, back.to_owned()).await;
    eventually("it is well again", || store.status().fault.is_none()).await;
    assert_eq!(count(&store, 1, None).await.expect("kept"), Done::Usage(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_of_the_step_before_serve_on() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "steps").await;
    let registry = open(&url, |_| {}).await;
    super::tables::back_before_servers(&url).await;
    execute(&url, "DROP TABLE directory_events, directory_counter, directory_snapshot".to_owned()).await;
    execute(&url, "DELETE FROM _sqlx_migrations WHERE version = 3".to_owned()).await;
    let refused = open_postgres(options(&url, |options| options.migrate = false)).await;
    let refused = refused.err().expect("not opened");
    assert!(matches!(refused, StoreError::Unprepared { .. }), "{refused}");
    let store = serve(&url, |_| {}).await;
    create(&store, "a").await.expect("kept");
    super::common::insert(&registry, "/a", "x").await.expect("it serves on");
    drop(registry);
    // What a registry of step 2 asks at its start.
    let mut connection = {
        use sqlx::Connection as _;
        sqlx::PgConnection::connect(&url).await.expect("connected")
    };
    let needed: (i64,) =
        sqlx::query_as("SELECT min_reader FROM counter").fetch_one(&mut connection).await.expect("read");
    assert!(needed.0 <= 2, "it may start as well");
    assert_eq!(open(&url, |options| options.migrate = false).await.catalogue().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_counts_to_the_token() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "killed").await;
    crash::counts_to_the_token(&url, "directory::child_of_a_crash", || serve(&url, |_| {})).await;
}

/// A part of the test above.
#[tokio::test(flavor = "multi_thread")]
async fn child_of_a_crash() {
    if let Ok(url) = std::env::var(crash::PLACE) {
        crash::child(serve(&url, |options| options.clock = crash::clock()).await).await;
    }
}

/// A way to the database that loses answers: the statement is done, and nobody hears of it.
mod deaf {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    pub(super) struct Way {
        pub(super) address: String,
        loses: Arc<AtomicBool>,
    }

    impl Way {
        /// The connection ends in place of the next answer.
        pub(super) fn lose_the_next_answer(&self) {
            self.loses.store(true, Ordering::SeqCst);
        }
    }

    pub(super) async fn way(to: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let loses = Arc::new(AtomicBool::new(false));
        let way = Way { address, loses: loses.clone() };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(to).await.expect("connected");
                let (mut asks, mut hears) = near.into_split();
                let (mut answers, mut asked) = far.into_split();
                let sending = tokio::spawn(async move { tokio::io::copy(&mut asks, &mut asked).await });
                let loses = loses.clone();
                tokio::spawn(async move {
                    let mut bytes = vec![0; 65_536];
                    while let Ok(size @ 1..) = answers.read(&mut bytes).await {
                        if loses.swap(false, Ordering::SeqCst)
                            || hears.write_all(&bytes[..size]).await.is_err()
                        {
                            break;
                        }
                    }
                    sending.abort();
                });
            }
        });
        way
    }
}
