//! The tables: made once, checked at the start, and never guessed at.

use sqlx::{Connection as _, Executor as _};
use store::postgres::{PostgresStore, migrate};
use store::{AgentStore as _, StoreError};

use super::common::{cluster, database, insert, open, options, path, picture};

/// One statement, past the store.
pub(crate) async fn execute(url: &str, statement: String) {
    let mut connection = sqlx::PgConnection::connect(url).await.expect("connected");
    connection.execute(statement.as_str()).await.expect("done");
    connection.close().await.expect("closed");
}

async fn refusal(url: &str) -> String {
    match PostgresStore::open(options(url, |options| options.migrate = false)).await {
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
    execute(&url, "UPDATE _sqlx_migrations SET version = 99".to_owned()).await;
    assert!(refusal(&url).await.contains("too old"));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_make_the_tables_once() {
    let Some(server) = cluster().await else { return };
    for (name, follow) in
        [("locked", store::postgres::Follow::Listen), ("unlocked", store::postgres::Follow::Poll)]
    {
        let url = database(&server, name).await;
        let opening = (0..4).map(|_| tokio::spawn(PostgresStore::open(options(&url, |o| o.follow = follow))));
        for store in opening.collect::<Vec<_>>() {
            store.await.expect("no panic").expect("opened");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_shows_the_password() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "secret").await.replace("registry:", "registry:wrong");
    let Err(error) = PostgresStore::open(options(&url, |_| {})).await else { panic!("it was opened") };
    let said = format!("{error} {error:?}");
    assert!(said.contains("password authentication failed") && !said.contains("wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_edited_in_the_table_is_told_of() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "edited").await;
    let store = open(&url, |_| {}).await;
    insert(&store, "/a", "x").await.expect("kept");
    drop(store);
    execute(&url, r#"UPDATE agents SET card = replace(card, '"me"', '"you"')"#.to_owned()).await;
    let Err(error) = PostgresStore::open(options(&url, |_| {})).await else { panic!("it was opened") };
    assert!(error.to_string().contains("path '/a': its card has the tag"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_that_was_put_back_is_shown() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "older").await;
    let store = open(&url, |_| {}).await;
    for number in 0..5 {
        insert(&store, &format!("/a/{number}"), "x").await.expect("kept");
    }
    execute(
        &url,
        "DELETE FROM agents WHERE path > '/a/1'; DELETE FROM changes WHERE number > 2; UPDATE counter SET number = 2"
            .to_owned(),
    )
    .await;
    super::common::eventually("it follows back", || picture(&store).len() == 2).await;
    assert_eq!(store.catalogue().changes().last(), 2);
    insert(&store, "/a/2", "again").await.expect("kept");
    assert_eq!(store.catalogue().get(&path("/a/2")).expect("there").description, "again");
}
