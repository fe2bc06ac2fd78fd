//! Access coverage: every operation of the document × nobody, stranger, wrong group, right group.
//!
//! A new operation fails here until it is in the table below or protected like the rest.

mod common;

use access::{LivePolicy, Policy};
use common::{NOW, Role, SHIPPED, World, card};
use serde_json::{Value, json};

/// Operations that anybody may call. This list may only shrink.
const PUBLIC: [&str; 1] = ["health"];

/// Operations that answer everybody, with what he may see. This list may only shrink.
const FILTERED: [&str; 6] = [
    "listAgents",
    "listServers",
    "listChanges",
    "discoverAgents",
    "discoverAgentsSemantic",
    "searchSemantic",
];

/// Operations for admins, that a caller of the right group is refused as well. May grow with care.
const ADMINS: [&str; 1] = ["simulateAccess"];

/// Operations anybody who is recognised may call about himself.
const ABOUT_ONESELF: [&str; 1] = ["explainAccess"];

/// What an operation is called with to do something to the agent or the server `/data-analysis`.
fn call(id: &str, target: &str) -> (String, Option<Value>) {
    let target = target.replace("{path}", "data-analysis");
    match id {
        "registerAgent" => (target, Some(card("/data-analysis", "D", "d"))),
        "updateAgent" | "patchAgent" => (target, Some(json!({"description": "new"}))),
        "registerServer" => (target, Some(server())),
        "updateServer" | "patchServer" => (target, Some(json!({"description": "new"}))),
        "toggleServer" => (format!("{target}?enabled=true"), None),
        "listChanges" => (format!("{target}?since=0"), None),
        "toggleAgent" => (format!("{target}?enabled=true"), None),
        "explainAccess" => (target, Some(json!({"action": "get_agent", "resource": "/data-analysis"}))),
        "simulateAccess" => (target, Some(json!({"policy": ""}))),
        "discoverAgents" => (format!("{target}?skills=x"), None),
        "discoverAgentsSemantic" | "searchSemantic" => (format!("{target}?query=x"), None),
        _ => (target, None),
    }
}

/// A server that nobody answers for.
fn server() -> Value {
    json!({"server_name": "S", "description": "d", "path": "/data-analysis", "proxy_pass_url": "http://127.0.0.1:1/"})
}

/// The shipped policy, in which line of business 2 has its own server as it has its own agent.
fn policy() -> LivePolicy {
    let service = ["list", "register", "health_check", "toggle", "modify"];
    let service: String = service.map(|name| format!("    {name}_service: [data-analysis]\n")).concat();
    let lob2 = "  registry-users-lob2:\n";
    let text = SHIPPED.replacen(lob2, &format!("{lob2}{service}"), 1);
    LivePolicy::new(Policy::parse(&text).expect("a policy"), false, NOW)
}

#[tokio::test]
async fn every_operation_asks_who_is_calling_and_whether_he_may() {
    let document = World::new().ask(Role::Nobody, "GET", "/api/openapi.json", None).await.is(200).json();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id");
            let (target, body) = call(id, path);
            for role in [Role::Nobody, Role::Stranger, Role::Lob1, Role::Lob2] {
                let world = World::with(|app| app.policy = policy());
                if id != "registerAgent" {
                    world.publish(Role::Guide, card("/data-analysis", "D", "d")).await;
                }
                if id != "registerServer" {
                    world.ask(Role::Admin, "POST", "/api/servers", Some(server())).await.is(201);
                }
                let answer = world.ask(role, &method.to_uppercase(), &target, body.clone()).await;
                let status = answer.status.as_u16();
                let expected = match role {
                    _ if PUBLIC.contains(&id) => 200..=200,
                    Role::Nobody => 401..=401,
                    _ if FILTERED.contains(&id) || ABOUT_ONESELF.contains(&id) => 200..=200,
                    _ if ADMINS.contains(&id) => 403..=403,
                    Role::Lob2 => 200..=299,
                    _ => 403..=403,
                };
                assert!(expected.contains(&status), "{id} by {role:?} answered {status}: {}", answer.text);
                if id == "listChanges" && role == Role::Lob2 {
                    assert!(answer.text.contains("data-analysis"), "he is told of what he may see");
                }
                if FILTERED.contains(&id) && role != Role::Lob2 && role != Role::Nobody {
                    assert!(
                        !answer.text.contains("data-analysis"),
                        "{id} shows {role:?} what he may not see"
                    );
                }
            }
        }
    }
}
