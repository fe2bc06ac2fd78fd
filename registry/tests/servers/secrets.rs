//! The values of headers: told once, used, and never to be seen again.

use serde_json::json;

use crate::common::{Role, World};
use crate::fake::with_tools;
use crate::world::at;

const SECRET: &str = "hunter2-and-more";

#[tokio::test]
async fn no_answer_shows_a_secret_and_stars_keep_it() {
    let (world, fake) = (World::new(), with_tools(&["now"]).await);
    let mut card = at("clock", &fake.url);
    card["headers"] = json!({"X-Key": SECRET, "Y-Key": "another"});
    let mut said = vec![world.server(card.clone()).await];
    let read = world.ask(Role::Admin, "GET", "/api/servers/clock", None).await.is(200);
    let mut shown = read.json();
    shown["description"] = json!("Changed");
    said.push(read);
    for (method, target, body) in [
        ("PUT", "/api/servers/clock", Some(shown)),
        ("PATCH", "/api/servers/clock", Some(json!({"headers": {"y-key": null}}))),
        ("PATCH", "/api/servers/clock", Some(json!({"headers": {"X-KEY": "***"}}))),
        ("POST", "/api/servers/clock/toggle?enabled=true", None),
        ("POST", "/api/servers/clock/health", None),
        ("GET", "/api/servers", None),
        ("GET", "/api/servers/clock/tools", None),
        ("GET", "/api/servers/clock/history", None),
    ] {
        said.push(world.ask(Role::Admin, method, target, body).await.is(200));
    }
    card["path"] = json!("/other");
    card["max_concurrency"] = json!(0);
    said.push(world.ask(Role::Admin, "POST", "/api/servers", Some(card)).await.is(422));
    for answer in said {
        assert!(!answer.text.contains(SECRET) && !answer.text.contains("sealed:"), "{}", answer.text);
    }
    let last = fake.asked().pop().expect("asked");
    assert_eq!((last.header("x-key"), last.header("y-key")), (SECRET, ""), "it is still what is sent");

    let world = world.restarted();
    world.check("clock").await;
    assert_eq!(fake.asked().pop().expect("asked").header("x-key"), SECRET, "also by the next process");
    world
        .ask(Role::Admin, "PATCH", "/api/servers/clock", Some(json!({"headers": {"X-Key": "newer"}})))
        .await
        .is(200);
    world.check("clock").await;
    assert_eq!(fake.asked().pop().expect("asked").header("x-key"), "newer");
    world
        .ask(Role::Admin, "PATCH", "/api/servers/clock", Some(json!({"headers": {"Z": "***"}})))
        .await
        .is(422);
}

#[tokio::test]
async fn a_seal_that_somebody_has_read_is_worth_nothing_elsewhere() {
    let (world, fake) = (World::new(), with_tools(&["now"]).await);
    let mut card = at("clock", &fake.url);
    card["headers"] = json!({"X-Key": SECRET});
    world.server(card).await;
    let path = catalog::EntryPath::parse("/clock").expect("a path");
    let sealed = world.app.servers.catalogue().get(&path).expect("there").headers["x-key"].clone();
    assert!(sealed.starts_with("sealed:"));
    let mut copy = at("copy", &fake.url);
    copy["headers"] = json!({"X-Key": sealed});
    world.server(copy).await;
    assert_eq!(fake.asked().pop().expect("asked").header("x-key"), sealed, "a text like any other");
}

#[tokio::test]
async fn without_a_key_file_secrets_are_refused_and_the_rest_works() {
    let world = World::with(|app| app.keyring = registry::Keyring::passing());
    let mut card = at("clock", "http://127.0.0.1:1/");
    card["headers"] = json!({"X-Key": SECRET});
    let told = world.ask(Role::Admin, "POST", "/api/servers", Some(card.clone())).await.is(422);
    assert!(told.text.contains("--key-file") && !told.text.contains(SECRET), "{}", told.text);
    card["headers"] = json!({});
    world.server(card).await;
}
