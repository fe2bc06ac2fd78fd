//! The index is what the stores say, whatever was done; and where it is not, the check says so.

use std::sync::Arc;

use access::Action;
use catalog::{AgentEntry, Entry as _, EntryPath};
use poem::Endpoint as _;
use poem::http::StatusCode;
use registry::operators_endpoint;
use serde_json::{Value, json};

use super::common::{Role, World, card};
use super::{permit, server, with};

/// Numbers without a pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[track_caller]
fn is_clean(world: &World, note: &str) {
    let checked = world.app.index.check();
    assert!(checked.faults.is_empty(), "{note}: {:#?}", checked.faults);
    assert_eq!(checked.entries, checked.embedded, "{note}");
}

async fn asked(world: &World) -> (StatusCode, Value) {
    let request = poem::Request::builder().uri("/index/check".parse().expect("a target")).finish();
    let mut response = operators_endpoint(&world.app).get_response(request).await;
    let text = response.take_body().into_string().await.expect("a body");
    (response.status(), serde_json::from_str(&text).expect("JSON"))
}

fn server_card(path: &str, tools: u64, description: &str) -> Value {
    let tool = |number: u64| json!({"name": format!("tool{number}"), "description": description, "inputSchema": {"type": "object"}});
    json!({"path": path, "server_name": "S", "description": description, "proxy_pass_url": "http://127.0.0.1:9/mcp",
        "tool_list": (0..tools).map(tool).collect::<Vec<_>>()})
}

#[tokio::test]
async fn after_any_sequence_of_changes() {
    for seed in 0..4 {
        let (mut world, mut dice) = (World::new(), Dice(seed));
        for step in 0..60 {
            let (number, word) = (dice.roll(8), dice.roll(1000));
            let (path, description) = (format!("/a{number}"), format!("speciality {word}"));
            let at = format!("/api/agents{path}");
            let server_path = format!("/s{}", dice.roll(3));
            let at_server = format!("/api/servers{server_path}");
            // What is not there, or there already, is refused: that is a change that was none.
            let answer = match dice.roll(10) {
                0..=2 => {
                    let mut card = card(&path, &format!("Agent {number}"), &description);
                    card["is_enabled"] = json!(true);
                    world.ask(Role::Admin, "POST", "/api/agents/register", Some(card)).await
                }
                3 => {
                    world
                        .ask(Role::Admin, "POST", &format!("{at}/toggle?enabled={}", word % 2 == 0), None)
                        .await
                }
                4 => world.ask(Role::Admin, "PATCH", &at, Some(json!({"description": description}))).await,
                5 => world.ask(Role::Admin, "PATCH", &at, Some(json!({"tags": [description]}))).await,
                6 => world.ask(Role::Admin, "DELETE", &at, None).await,
                7 => {
                    let card = server_card(&server_path, dice.roll(4), &description);
                    world.ask(Role::Admin, "POST", "/api/servers", Some(card)).await
                }
                8 => {
                    let card = server_card(&server_path, dice.roll(4), &description);
                    world.ask(Role::Admin, "PUT", &at_server, Some(card)).await
                }
                _ if word % 3 == 0 => world.ask(Role::Admin, "DELETE", &at_server, None).await,
                _ => {
                    let target = format!("{at_server}/toggle?enabled={}", word % 2 == 0);
                    world.ask(Role::Admin, "POST", &target, None).await
                }
            };
            assert!(!answer.status.is_server_error(), "{answer:?}");
            is_clean(&world, &format!("seed {seed}, step {step}"));
            if step == 30 {
                world.app.index.save();
                world = world.restarted();
                is_clean(&world, "after a restart");
            }
        }
    }
}

/// The binary, with this state.
fn run(state: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_registry"));
    command.env_clear().args(arguments).arg("--state").arg(state);
    let output = command.output().expect("it runs");
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}

#[tokio::test]
async fn after_an_import() {
    let world = World::new();
    for number in 0..5 {
        world
            .publish(Role::Admin, card(&format!("/old{number}"), "Old", &format!("speciality{number}")))
            .await;
    }
    let cards: serde_json::Map<String, Value> = (0..10)
        .map(|number| {
            let path = format!("/{}{number}", if number < 5 { "old" } else { "new" });
            let mut card = card(&path, "Imported", &format!("bassoon {number}"));
            card["is_enabled"] = json!(true);
            (path, card)
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent_state.json");
    std::fs::write(&file, json!({"agents": cards}).to_string()).expect("written");
    let file = file.display().to_string();
    let world = world.stopped(|state| {
        let (code, told) = run(state, &["store", "import", "--existing", "replace", &file]);
        assert_eq!(code, Some(0), "{told}");
    });
    is_clean(&world, "after an import");
    let found = super::ask(&world, Role::Admin, super::ENTITIES, json!({"query": "bassoon 7"})).await;
    assert_eq!(
        (found["agents"].as_array().map(Vec::len), &found["agents"][0]["path"]),
        (Some(10), &json!("/new7"))
    );
    let speciality = super::ask(&world, Role::Admin, super::SEARCH, json!({"query": "speciality3"})).await;
    assert!(!speciality["agents"].to_string().contains("special"), "the old words are gone: {speciality}");
}

#[tokio::test]
async fn the_command_says_what_it_needs() {
    let world = World::new();
    world.publish(Role::Admin, card("/a", "A", "d")).await;
    world.app.index.save();
    let check = ["index", "check", "--model", "/nonexistent", "--offline"];
    let (code, told) = run(world.folder(), &check);
    assert!(code == Some(1) && told.contains("another registry runs on this folder"), "{told}");
    let _ = world.stopped(|state| {
        let (code, told) = run(state, &check);
        assert_eq!(code, Some(2), "without a model nothing can be compared: {told}");
        assert!(told.contains("is not on this machine"), "{told}");
        let (code, told) = run(state, &["index", "check", "--store", "postgres"]);
        assert_eq!(code, Some(2), "{told}");
        let url = ["index", "check", "--store", "postgres", "--database-url-file"];
        let (code, told) = run(state, &[&url[..], &["/nonexistent"]].concat());
        assert_eq!(code, Some(2), "{told}");
    });
}

#[tokio::test]
async fn an_operator_asks() {
    let world = World::new();
    world.publish(Role::Admin, card("/a", "A", "d")).await;
    let (status, body) = asked(&world).await;
    assert_eq!(
        (status, body),
        (StatusCode::OK, json!({"entries": 1, "embedded": 1, "fault_count": 0, "faults": []}))
    );
    // Nobody tells the index what happens here.
    let entry = |path: &str| {
        let Value::Object(card) = card(path, "B", "d") else { unreachable!("an object") };
        AgentEntry::from_card(EntryPath::parse(path).expect("a path"), card).expect("an agent")
    };
    let publish = permit(&world, Action::PublishAgent, "/b");
    world.app.store.insert(&publish, entry("/b")).await.expect("kept");
    let (status, body) = asked(&world).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        body["faults"],
        json!(["agent /b is not in the index", "1 entries are in the index, and 2 in the store"])
    );
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let world = World::new();
    for path in ["/a", "/b", "/c"] {
        world.publish(Role::Admin, card(path, "Agent", "d")).await;
    }
    with(&world, vec![server("clock", "Tells the time", true, &[("tell", "Tells"), ("set", "Sets")])]).await;
    is_clean(&world, "as it was");
    let (agents, servers) = (world.app.store.catalogue(), world.app.servers.catalogue());
    let path = |path: &str| EntryPath::parse(path).expect("a path");
    let held = |at: &str| -> Arc<AgentEntry> { agents.get(&path(at)).expect("there").clone() };
    let change = |at: &str, name: &str, value: Value| {
        let mut card = held(at).card();
        card.insert(name.to_owned(), value);
        AgentEntry::from_card(path(at), card).expect("an agent")
    };
    let modify = |at: &str| permit(&world, Action::ModifyAgent, at);
    let hidden = change("/a", "visibility", json!("private"));
    world.app.store.replace(&modify("/a"), held("/a").etag(), hidden).await.expect("kept");
    let retold = change("/b", "description", json!("another"));
    world.app.store.replace(&modify("/b"), held("/b").etag(), retold).await.expect("kept");
    let delete = permit(&world, Action::DeleteAgent, "/c");
    world.app.store.remove(&delete, held("/c").etag(), &path("/c")).await.expect("removed");
    let fewer = server("clock", "Tells the time", true, &[("tell", "Tells")]);
    let etag = servers.get(&path("/clock")).expect("there").etag().to_owned();
    let modify = permit(&world, Action::ModifyService, "clock");
    world.app.servers.replace(&modify, &etag, fewer).await.expect("kept");
    let faults = world.app.index.check().faults;
    for expected in [
        "agent /a is decided about by an earlier state of it",
        "agent /b has the words of other fields",
        "agent /c is in the index and not in the store",
        "server /clock is decided about by an earlier state of it",
        "tool \"tell\" of server /clock is decided about by an earlier state of it",
        "tool \"set\" of server /clock is in the index and not in the store",
        "6 entries are in the index, and 4 in the store",
    ] {
        assert!(faults.iter().any(|fault| fault == expected), "{expected}: {faults:#?}");
    }
    // And a search that comes upon it mends it, as the next sweep would.
    super::rebuild(&world);
    is_clean(&world, "swept");
}
