//! Who may do what to servers: each permission opens what it names, and nothing beside it.

use access::{LivePolicy, Policy};
use serde_json::{Value, json};

use crate::common::{NOW, Role, World};
use crate::fake::with_tools;
use crate::world::{at, card};

/// One permission each, on `clock` alone; the stranger has all of them on another server.
const ONE_EACH: &str = "
UI-Scopes:
  everything: {list_service: [all], register_service: [all], health_check_service: [all], toggle_service: [all], modify_service: [all]}
  guide: {PERMISSION: [clock]}
  stranger: {list_service: [other], register_service: [other], health_check_service: [other], toggle_service: [other], modify_service: [other]}
group_mappings: {mcp-registry-admin: [everything], a2a-agent-admin: [guide], visitors: [stranger]}
";

const PERMISSIONS: [&str; 5] =
    ["list_service", "register_service", "health_check_service", "toggle_service", "modify_service"];

fn under(policy: &str) -> World {
    let policy = Policy::parse(policy).expect("a policy");
    World::with(move |app| app.policy = LivePolicy::new(policy, false, NOW))
}

/// Every call on the server, with the permission it needs.
fn calls() -> Vec<(&'static str, &'static str, &'static str, Option<Value>)> {
    vec![
        ("register_service", "POST", "/api/servers", Some(card("clock"))),
        ("list_service", "GET", "/api/servers/clock", None),
        ("list_service", "GET", "/api/servers/clock/tools", None),
        ("list_service", "GET", "/api/servers/clock/history", None),
        ("health_check_service", "POST", "/api/servers/clock/health", None),
        ("toggle_service", "POST", "/api/servers/clock/toggle?enabled=true", None),
        ("modify_service", "PUT", "/api/servers/clock", Some(json!({"description": "x"}))),
        ("modify_service", "PATCH", "/api/servers/clock", Some(json!({"description": "y"}))),
        ("modify_service", "DELETE", "/api/servers/clock", None),
    ]
}

#[tokio::test]
async fn each_permission_opens_what_it_names() {
    for held in PERMISSIONS {
        let world = under(&ONE_EACH.replace("PERMISSION", held));
        for there in [false, true] {
            if there {
                world.server(card("clock")).await;
            }
            for (needed, method, target, body) in calls() {
                if there && held == needed && method == "DELETE" {
                    continue;
                }
                let expected = match (held == needed, there) {
                    (false, _) => 403,
                    (true, false) if method == "POST" && needed == "register_service" => continue,
                    (true, false) => 404,
                    (true, true) if needed == "register_service" => 409,
                    (true, true) => 200,
                };
                let answer = world.ask(Role::Guide, method, target, body.clone()).await;
                assert_eq!(answer.status.as_u16(), expected, "{held}: {method} {target}, there: {there}");
                let stranger = world.ask(Role::Stranger, method, target, body.clone()).await;
                assert_eq!(stranger.status.as_u16(), 403, "{method} {target} by another");
                world.ask(Role::Nobody, method, target, body).await.is(401);
            }
            let list = world.ask(Role::Guide, "GET", "/api/servers", None).await.is(200).json();
            assert_eq!(list["total_count"], u8::from(there && held == "list_service"), "{held}");
        }
    }
}

#[tokio::test]
async fn who_may_not_register_learns_nothing_about_his_card() {
    let world = under(&ONE_EACH.replace("PERMISSION", "register_service"));
    for body in [json!({}), json!({"path": "/a/b"}), json!({"path": "/registry"}), json!({"path": "/other2"})]
    {
        world.ask(Role::Stranger, "POST", "/api/servers", Some(body.clone())).await;
        let told = world.ask(Role::Lob1, "POST", "/api/servers", Some(body)).await.is(403);
        assert!(!told.text.contains("errors"), "{}", told.text);
    }
    world.ask(Role::Guide, "POST", "/api/servers", Some(card("clock"))).await.is(201);
    world.ask(Role::Guide, "POST", "/api/servers", Some(card("watch"))).await.is(403);
}

#[tokio::test]
async fn who_may_change_a_server_may_not_thereby_enable_it() {
    let world = under(&ONE_EACH.replace("PERMISSION", "modify_service"));
    world.server(card("clock")).await;
    for method in ["PUT", "PATCH"] {
        let change = |enabled: bool| Some(json!({"is_enabled": enabled, "description": method}));
        world.ask(Role::Guide, method, "/api/servers/clock", change(true)).await.is(403);
        world.ask(Role::Guide, method, "/api/servers/clock", change(false)).await.is(200);
        world.ask(Role::Admin, method, "/api/servers/clock", change(true)).await.is(200);
        world.ask(Role::Guide, method, "/api/servers/clock", change(false)).await.is(403);
        world.ask(Role::Admin, method, "/api/servers/clock", change(false)).await.is(200);
    }
}

#[tokio::test]
async fn tools_are_cut_to_those_that_may_be_called() {
    let world = under(
        "
UI-Scopes:
  everything: {list_service: [all], register_service: [all], health_check_service: [all], toggle_service: [all], modify_service: [all]}
  some: {list_service: [clock], health_check_service: [clock], toggle_service: [clock], modify_service: [clock]}
  none: {list_service: [clock]}
group_mappings: {mcp-registry-admin: [everything], a2a-agent-admin: [some], visitors: [none]}
everything: [{server: '*', methods: [tools/call], tools: ['*']}]
some:
  - {server: clock, methods: [initialize, tools/list, tools/call], tools: [now]}
  - {server: other, methods: [tools/call], tools: ['*']}
none: [{server: clock, methods: [initialize, tools/list]}]
",
    );
    let fake = with_tools(&["now", "set_secret_zone"]).await;
    world.server(at("clock", &fake.url)).await;
    assert_eq!(world.tools("clock").await, ["now", "set_secret_zone"]);
    for (role, tools) in [(Role::Guide, vec!["now"]), (Role::Stranger, vec![])] {
        let list = world.ask(role, "GET", "/api/servers/clock/tools", None).await.is(200);
        let names: Vec<Value> = list.json()["tools"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|tool| tool["name"].clone())
            .collect();
        assert_eq!(
            (names, &list.json()["total_count"]),
            (tools.iter().map(|name| json!(name)).collect(), &json!(tools.len()))
        );
        let card = world.ask(role, "GET", "/api/servers/clock", None).await.is(200);
        assert_eq!(card.json()["num_tools"], tools.len());
        let page = world.ask(role, "GET", "/api/servers", None).await.is(200);
        assert_eq!(page.json()["servers"][0]["num_tools"], tools.len());
        let found = world.ask(role, "GET", "/api/servers?query=set_secret", None).await.is(200);
        assert_eq!(found.json()["total_count"], 0, "a search does not tell the names either");
        for answer in [&list, &card, &page, &found] {
            assert!(!answer.text.contains("set_secret_zone"), "{}", answer.text);
        }
    }
    // Nor does any answer to a write.
    for (method, target, body) in [
        ("POST", "/api/servers/clock/health", None),
        ("POST", "/api/servers/clock/toggle?enabled=true", None),
        ("PUT", "/api/servers/clock", Some(json!({"description": "x"}))),
        ("PATCH", "/api/servers/clock", Some(json!({"description": "y"}))),
    ] {
        let answer = world.ask(Role::Guide, method, target, body).await.is(200);
        assert!(!answer.text.contains("set_secret_zone"), "{method} {target}: {}", answer.text);
        assert!(!answer.text.contains("\"num_tools\":2"), "{method} {target}: {}", answer.text);
    }
    assert_eq!(world.tools("clock").await.len(), 2, "and none of it took a tool away");
}
