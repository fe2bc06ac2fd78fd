//! Search by meaning over agents, MCP servers and tools: everybody finds exactly what he may see and call.

mod betrayal;
mod check;
#[path = "../common/mod.rs"]
mod common;
mod filters;
mod questions;
mod race;
mod states;

use std::sync::Arc;

use access::{Action, Permit, Resource};
use catalog::{Entry as _, EntryPath, ServerEntry};
use common::{Role, World, card};
use search::HashedWords;
use serde_json::{Value, json};

const ENTITIES: &str = "/api/agents/discover/semantic";
const SEARCH: &str = "/api/search/semantic";

fn permit(world: &World, action: Action, name: &str) -> Permit {
    let resource = match action {
        Action::RegisterService => Resource::vacant(name),
        _ => Resource::entry(name, "somebody", access::Visibility::Public, Vec::new()),
    };
    let policy = world.app.policy.current();
    policy.decide(&world.principal(Role::Admin), action, &resource).expect("an admin may")
}

fn server(name: &str, description: &str, enabled: bool, tools: &[(&str, &str)]) -> ServerEntry {
    let tool = |(name, description): &(&str, &str)| {
        json!({"name": name, "description": description,
            "inputSchema": {"type": "object", "properties": {"zone": {"type": "string"}}}})
    };
    let card = json!({"server_name": name, "description": description, "is_enabled": enabled, "tags": ["t"],
        "proxy_pass_url": "http://localhost:1/", "tool_list": tools.iter().map(tool).collect::<Vec<_>>()});
    let Value::Object(card) = card else { unreachable!("an object") };
    ServerEntry::from_card(EntryPath::parse(&format!("/{name}")).expect("a path"), card).expect("a server")
}

/// Keeps these servers, and indexes them as a start does.
async fn with(world: &World, servers: Vec<ServerEntry>) {
    for server in servers {
        let permit = permit(world, Action::RegisterService, server.policy_name());
        world.app.servers.insert(&permit, server).await.expect("kept");
    }
    rebuild(world);
}

fn rebuild(world: &World) {
    world.app.index.build(Arc::new(HashedWords::new(256)));
}

async fn ask(world: &World, role: Role, target: &str, body: Value) -> Value {
    world.ask(role, "POST", target, Some(body)).await.is(200).json()
}

fn all(list: &Value, field: &str) -> Vec<String> {
    let texts = list.as_array().expect("a list").iter().map(|item| item[field].as_str().expect("a text"));
    texts.map(str::to_owned).collect()
}

/// A world with a server that line of business 1 may list and partly call, and one that it may not.
async fn world() -> World {
    let world = World::new();
    let clock = [
        ("current_time_by_timezone", "Tells the time in a zone"),
        ("set_time", "Tells the time, and sets it, in a zone"),
    ];
    let servers = vec![
        server("currenttime", "Tells the time. Knows every zone of the world.", true, &clock),
        server(
            "secrets",
            "Tells the time of secret meetings",
            true,
            &[("meeting_time", "Tells the time in a zone")],
        ),
        server(
            "mcpgw",
            "Tells the time, but is disabled",
            false,
            &[("gone_time", "Tells the time in a zone")],
        ),
    ];
    with(&world, servers).await;
    world
        .publish(Role::Admin, card("/code-reviewer", "Reviewer", "Tells the time that a review takes"))
        .await;
    world
        .publish(Role::Admin, card("/data-analysis", "Analyst", "Tells the time that an analysis takes"))
        .await;
    world
}

#[tokio::test]
async fn everybody_finds_what_he_may_see_and_call() {
    let world = world().await;
    let question = json!({"query": "tells the time in a zone"});
    let found = ask(&world, Role::Lob1, SEARCH, question.clone()).await;
    assert_eq!(all(&found["servers"], "path"), ["/currenttime"]);
    assert_eq!(found["servers"][0]["num_tools"], 1);
    assert_eq!(found["servers"][0]["match_context"], "Tells the time.");
    assert_eq!(all(&found["servers"][0]["matching_tools"], "tool_name"), ["current_time_by_timezone"]);
    assert_eq!(all(&found["tools"], "tool_name"), ["current_time_by_timezone"]);
    assert_eq!(found["tools"][0]["inputSchema"]["properties"]["zone"]["type"], "string");
    assert_eq!(all(&found["agents"], "path"), ["/code-reviewer"]);
    assert_eq!(
        (&found["total_servers"], &found["total_tools"], &found["total_agents"]),
        (&json!(1), &json!(1), &json!(1))
    );

    let mut everything = ask(&world, Role::Admin, SEARCH, question.clone()).await;
    let mut tools = all(&everything["tools"], "tool_name");
    tools.sort();
    assert_eq!(
        tools,
        ["current_time_by_timezone", "meeting_time", "set_time"],
        "and nothing of a disabled server"
    );
    assert_eq!(everything["total_servers"].take(), 2);

    // Nothing that he may not see moves what he sees.
    let alone = World::new();
    let own = [("current_time_by_timezone", "Tells the time in a zone")];
    with(&alone, vec![server("currenttime", "Tells the time. Knows every zone of the world.", true, &own)])
        .await;
    alone
        .publish(Role::Admin, card("/code-reviewer", "Reviewer", "Tells the time that a review takes"))
        .await;
    let seen = ask(&alone, Role::Lob1, SEARCH, question.clone()).await;
    assert_eq!(seen["servers"], found["servers"]);
    assert_eq!(seen["tools"], found["tools"]);

    for role in [Role::Stranger, Role::Lob2] {
        let found = ask(&world, role, SEARCH, question.clone()).await;
        assert_eq!((&found["total_servers"], &found["total_tools"]), (&json!(0), &json!(0)), "{role:?}");
        assert!(!found.to_string().contains("/currenttime"), "{role:?}");
    }
}

#[tokio::test]
async fn entities_of_every_kind_best_first() {
    let world = world().await;
    let found = ask(&world, Role::Lob1, ENTITIES, json!({"query": "tells the time"})).await;
    let mut kinds = all(&found["entities"], "entity_type");
    kinds.sort();
    assert_eq!(kinds, ["a2a_agent", "mcp_server"], "tools are found when they are asked for");
    assert_eq!(all(&found["agents"], "path"), ["/code-reviewer"]);
    let asked = json!({"query": "Tells the time in a zone", "entity_types": ["mcp_server", "tool"]});
    let found = ask(&world, Role::Lob1, ENTITIES, asked).await;
    assert_eq!(all(&found["entities"], "entity_type").len(), 2);
    assert_eq!(found["agents"], json!([]));
    let tool =
        found["entities"].as_array().expect("a list").iter().find(|entity| entity["entity_type"] == "tool");
    let tool = tool.expect("a tool");
    assert_eq!(tool["path"], "/currenttime/tools/current_time_by_timezone");
    assert_eq!(tool["url"], "http://localhost:8080/mcp/currenttime");
    let scores =
        found["entities"].as_array().expect("a list").iter().map(|entity| entity["relevance_score"].as_f64());
    assert!(scores.is_sorted_by(|a, b| a >= b), "{found}");
    let one =
        json!({"query": "tells the time", "entity_types": "tool,mcp_server,a2a_agent", "max_results": 1});
    let found = ask(&world, Role::Admin, ENTITIES, one).await;
    assert_eq!(found["entities"].as_array().map(Vec::len), Some(1), "one over all kinds");
    for target in [ENTITIES, SEARCH] {
        let wrong = json!({"query": "x", "entity_types": ["servers"]});
        world.ask(Role::Admin, "POST", target, Some(wrong)).await.is(422);
        world.ask(Role::Admin, "POST", target, Some(json!({"query": ""}))).await.is(422);
    }
    world.ask(Role::Admin, "POST", SEARCH, Some(json!({"query": "x", "max_results": 51}))).await.is(422);
}

#[tokio::test]
async fn what_has_gone_is_not_found_before_the_index_knows() {
    let world = world().await;
    let question = json!({"query": "tells the time in a zone"});
    let held = world.app.servers.catalogue();
    let etag = held.get(&EntryPath::parse("/currenttime").expect("a path")).expect("there").etag().to_owned();
    let fewer = server("currenttime", "Tells the time", true, &[("set_time", "Sets it")]);
    let permit = permit(&world, Action::ModifyService, "currenttime");
    world.app.servers.replace(&permit, &etag, fewer).await.expect("kept");
    // The index still has the tool; the store decides.
    let found = ask(&world, Role::Lob1, SEARCH, question.clone()).await;
    assert_eq!((&found["total_tools"], &found["servers"][0]["num_tools"]), (&json!(0), &json!(0)));
    rebuild(&world);
    let found = ask(&world, Role::Admin, SEARCH, question.clone()).await;
    assert!(!all(&found["tools"], "tool_name").contains(&"current_time_by_timezone".to_owned()));
    assert!(all(&found["tools"], "tool_name").contains(&"set_time".to_owned()));
}
