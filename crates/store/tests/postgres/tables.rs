//! The tables: made once, checked at the start, and never guessed at.

use catalog::ServerEntry;
use sqlx::{Connection as _, Executor as _};
use store::postgres::{PostgresStore, migrate};
use store::{EntryStore as _, StoreError};

use super::common::{cluster, database, insert, open, open_kind, options, path};

/// One statement, past the store.
pub(crate) async fn execute(url: &str, statement: String) {
    let mut connection = sqlx::PgConnection::connect(url).await.expect("connected");
    connection.execute(statement.as_str()).await.expect("done");
    connection.close().await.expect("closed");
}

/// Takes the tables back to those of a registry that knew no servers.
pub(crate) async fn back_before_servers(url: &str) {
    execute(url, "DROP TABLE servers, server_changes, server_counter".to_owned()).await;
    execute(url, "DELETE FROM _sqlx_migrations WHERE version = 4".to_owned()).await;
}

async fn refusal(url: &str) -> String {
    match <PostgresStore>::open(options(url, |options| options.migrate = false)).await {
        Err(error @ StoreError::Unprepared { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_prepared_first() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "bare").await;
    assert!(refusal(&url).await.contains("registry migrate"));
    for _ in 0..2 {
        migrate(&url.parse().expect("a URL"), Default::default()).await.expect("made, or there already");
    }
    drop(open(&url, |options| options.migrate = false).await);
    // A newer registry has made its tables: this one serves on while it may.
    execute(&url, "UPDATE _sqlx_migrations SET version = 99 WHERE version = 2".to_owned()).await;
    drop(open(&url, |options| options.migrate = false).await);
    execute(&url, "UPDATE counter SET min_reader = 99".to_owned()).await;
    assert!(refusal(&url).await.contains("too old"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_there_were_servers_gets_their_tables_and_loses_nothing() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "before_servers").await;
    let older = open(&url, |_| {}).await;
    insert(&older, "/a", "x").await.expect("kept");
    back_before_servers(&url).await;
    let refused = refusal(&url).await;
    assert!(refused.contains("are of version 3, this registry needs 4: type registry migrate"), "{refused}");
    insert(&older, "/b", "x").await.expect("one of the version before serves on");
    let servers = open_kind::<ServerEntry>(&url, |_| {}).await;
    insert(&older, "/c", "x").await.expect("also while the next one starts");
    insert(&servers, "/a", "x").await.expect("kept");
    let agents = open(&url, |options| options.migrate = false).await;
    assert_eq!((agents.catalogue().len(), agents.catalogue().changes().last()), (3, 3));
    assert_eq!((servers.catalogue().len(), servers.catalogue().changes().last()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_make_the_tables_once() {
    let Some(server) = cluster().await else { return };
    for (name, follow) in
        [("locked", store::postgres::Follow::Listen), ("unlocked", store::postgres::Follow::Poll)]
    {
        let url = database(&server, name).await;
        let opening =
            (0..4).map(|_| tokio::spawn(<PostgresStore>::open(options(&url, |o| o.follow = follow))));
        for store in opening.collect::<Vec<_>>() {
            store.await.expect("no panic").expect("opened");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_shows_the_password() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "secret").await.replace("registry:", "registry:wrong");
    let Err(error) = <PostgresStore>::open(options(&url, |_| {})).await else { panic!("it was opened") };
    let said = format!("{error} {error:?}");
    assert!(said.contains("password authentication failed") && !said.contains("wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_edited_in_the_table_is_told_of() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "edited").await;
    let store = open(&url, |_| {}).await;
    insert(&store, "/a", "x").await.expect("kept");
    insert(&store, "/b", "x").await.expect("kept");
    drop(store);
    execute(&url, r#"UPDATE agents SET card = replace(card, '"me"', '"you"') WHERE path = '/a'"#.to_owned())
        .await;
    let store = open(&url, |_| {}).await;
    assert!(store.catalogue().get(&path("/a")).is_none(), "who owns it, nobody can say");
    assert!(store.catalogue().get(&path("/b")).is_some(), "the others are there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_registry_writes_stops_nobody() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "newer").await;
    let (writer, store) = (open(&url, |_| {}).await, open(&url, |_| {}).await);
    insert(&writer, "/a", "x").await.expect("kept");
    drop(writer);
    let newer = |number: u64, path: &str, record: &str, card: &str| {
        format!(
            "BEGIN; INSERT INTO agents SELECT '/{path}', '{path}', {card} FROM agents WHERE path = '/a'; \
             INSERT INTO changes SELECT {number}, '/{path}', '{path}', {record} FROM changes WHERE number = 1; \
             UPDATE counter SET number = {number}; COMMIT"
        )
    };
    let another =
        r#"replace(replace(record, '"registered"', '"moved"'), '{"number"', '{"why":[1],"number"')"#;
    execute(&url, newer(2, "new", &another.replace("record,", "replace(record, '/a', '/new'),"), "'{}'"))
        .await;
    execute(&url, newer(3, "odd", "'no JSON'", "card")).await;
    insert(&open(&url, |_| {}).await, "/b", "x").await.expect("others write on");
    let deadline = std::time::Duration::from_secs(20);
    let mut told = store.follow();
    tokio::time::timeout(deadline, told.wait_for(|last| *last == 4))
        .await
        .expect("in time")
        .expect("follows");
    assert_eq!(store.status().fault, None);
    for store in [store, open(&url, |_| {}).await] {
        let catalogue = store.catalogue();
        let paths: Vec<String> = catalogue.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["/a", "/b"], "what cannot be read is left out");
        let moved = catalogue.changes().of(&path("/new")).next().expect("told of").what;
        assert_eq!(moved, store::What::Updated);
        assert!(catalogue.changes().since(2).is_none(), "who does not know what happened begins anew");
        assert!(catalogue.changes().since(3).is_some());
    }
}
