//! The registry as an MCP server: a model finds agents and tools with the permissions of its caller.

#[path = "../common/mod.rs"]
mod common;

use access::{LivePolicy, Policy, identity};
use common::{NOW, Role, World, card};
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

const OWN: &str = "/mcp/registry";

/// One who may do everything, and one who sees three paths and has two of the tools.
const POLICY: &str = "
UI-Scopes:
  mcp-registry-admin: {list_agents: [all], get_agent: [all], publish_agent: [all], modify_agent: [all], delete_agent: [all]}
  registry-users-lob1: {list_agents: [/code-reviewer, /hidden, /nowhere], get_agent: [/code-reviewer, /hidden, /nowhere]}
mcp-registry-admin:
  - {server: '*', methods: [all], tools: [all]}
registry-users-lob1:
  - {server: registry, methods: [initialize, tools/list, tools/call], tools: [find_agents, get_agent]}
";

async fn send(world: &World, role: Role, method: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = Request::builder().method(method).uri(OWN.parse().expect("a target"));
    request = request.header(identity::SEALED, world.seal(&world.claims(role)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.content_type("application/json").body(body.to_owned());
    let mut response = world.respond(request).await;
    let text = response.take_body().into_string().await.expect("a body");
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn rpc(world: &World, role: Role, method: &str, params: Value) -> (u16, Value) {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    send(world, role, "POST", &[("mcp-protocol-version", "2025-06-18")], &body.to_string()).await
}

async fn tool(world: &World, role: Role, name: &str, arguments: Value) -> Value {
    let (status, answer) =
        rpc(world, role, "tools/call", json!({"name": name, "arguments": arguments})).await;
    assert_eq!((status, &answer["id"]), (200, &json!(7)), "{answer}");
    answer["result"].clone()
}

#[tokio::test]
async fn the_older_protocol() {
    let world = World::new();
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let (status, answer) = rpc(&world, Role::Admin, "initialize", hello).await;
    assert_eq!((status, &answer["result"]["protocolVersion"]), (200, &json!("2025-06-18")), "{answer}");
    assert_eq!(answer["result"]["serverInfo"]["name"], "registry");
    assert!(answer["result"]["capabilities"]["tools"].is_object(), "{answer}");
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    assert_eq!(send(&world, Role::Admin, "POST", &[], &told).await.0, 202);
    assert_eq!(rpc(&world, Role::Admin, "ping", json!({})).await.1["result"], json!({}));
    let (_, answer) = rpc(&world, Role::Admin, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["find_agents", "find_tools", "get_agent"]);
    for tool in tools {
        assert_eq!(
            (&tool["inputSchema"]["type"], &tool["outputSchema"]["type"]),
            (&json!("object"), &json!("object"))
        );
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
    }
    for method in ["GET", "DELETE"] {
        assert_eq!(
            send(&world, Role::Admin, method, &[("accept", "text/event-stream")], "").await.0,
            405,
            "{method}"
        );
    }
}

#[tokio::test]
async fn the_newer_protocol() {
    let world = World::new();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    let asked = |method: &str, mut params: Value| {
        params["_meta"] = meta.clone();
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    let headers = |method: &'static str| [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    let (status, answer) =
        send(&world, Role::Admin, "POST", &headers("server/discover"), &asked("server/discover", json!({})))
            .await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["result"]["supportedVersions"].to_string().contains("2026-07-28"), "{answer}");
    let body = asked("tools/call", json!({"name": "find_agents", "arguments": {"query": "anything"}}));
    let [version, method] = headers("tools/call");
    let (status, answer) =
        send(&world, Role::Admin, "POST", &[version, method, ("mcp-name", "find_agents")], &body).await;
    assert_eq!(
        (status, &answer["result"]["structuredContent"]),
        (200, &json!({"agents": [], "search_mode": "semantic"})),
        "{answer}"
    );
}

#[tokio::test]
async fn agents_are_found_and_read_with_the_callers_permissions() {
    let policy = Policy::parse(POLICY).expect("a policy");
    let world = World::with(|app| app.policy = LivePolicy::new(policy, false, NOW));
    let mut reviewer = card("/code-reviewer", "Code Reviewer", "Reviews Python code for security holes");
    reviewer["skills"] = json!([{"id": "review", "name": "Review", "description": "Reviews code"}]);
    reviewer["tags"] = json!(["python"]);
    world.publish(Role::Admin, reviewer).await;
    let mut private = card("/hidden", "Hidden", "Reviews Python code for security holes");
    private["visibility"] = json!("private");
    world.publish(Role::Admin, private).await;
    world.publish(Role::Admin, card("/baker", "Baker", "Bakes bread")).await;

    let found =
        tool(&world, Role::Admin, "find_agents", json!({"query": "review Python code", "max_results": 1}))
            .await;
    let agents = &found["structuredContent"]["agents"];
    assert_eq!(agents.as_array().map(Vec::len), Some(1));
    let text: Value =
        serde_json::from_str(found["content"][0]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(text, found["structuredContent"], "the same for those who read text alone");
    // Narrowed by skill and tag, with a question and without; the question alone would find the baker.
    for arguments in [
        json!({"query": "bakes bread", "skills": ["review"]}),
        json!({"query": "bakes bread", "tags": ["python"]}),
        json!({"skills": ["Review"]}),
    ] {
        let found = tool(&world, Role::Admin, "find_agents", arguments.clone()).await;
        let agents = found["structuredContent"]["agents"].as_array().expect("agents").clone();
        let paths: Vec<&Value> = agents.iter().map(|agent| &agent["path"]).collect();
        assert_eq!(paths, [&json!("/code-reviewer")], "{arguments}");
    }
    let read = tool(&world, Role::Admin, "get_agent", json!({"path": "/code-reviewer"})).await;
    assert_eq!(read["structuredContent"]["skills"][0]["id"], "review");

    // Another caller finds what he may see, and is told what the API tells him, in its words.
    let found =
        tool(&world, Role::Lob1, "find_agents", json!({"query": "review Python code", "max_results": 50}))
            .await;
    let agents = found["structuredContent"]["agents"].as_array().expect("agents").clone();
    let paths: Vec<&Value> = agents.iter().map(|agent| &agent["path"]).collect();
    assert_eq!(paths, [&json!("/code-reviewer")]);
    for (path, status) in [("/hidden", 404), ("/nowhere", 404), ("/baker", 403), ("/elsewhere", 403)] {
        let told = world.ask(Role::Lob1, "GET", &format!("/api/agents{path}"), None).await.is(status).json();
        let read = tool(&world, Role::Lob1, "get_agent", json!({"path": path})).await;
        assert_eq!(
            (&read["isError"], &read["content"][0]["text"]),
            (&json!(true), &told["message"]),
            "{path}"
        );
        assert!(read.get("structuredContent").is_none(), "{read}");
    }
    // And he sees and calls no other tool than his.
    let (_, answer) = rpc(&world, Role::Lob1, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["find_agents", "get_agent"]);
    let other = json!({"name": "find_tools", "arguments": {"query": "x"}});
    assert_eq!(rpc(&world, Role::Lob1, "tools/call", other).await.0, 403);
}

#[tokio::test]
async fn refusals_say_what_to_change() {
    let world = World::new();
    for (name, arguments, part) in [
        ("find_agents", json!({}), "query"),
        ("find_agents", json!({"query": "x", "limit": 3}), "limit"),
        ("find_agents", json!({"query": "x", "max_results": 51}), "max_results"),
        ("find_tools", json!({"query": 7}), "query"),
        ("get_agent", json!({}), "path"),
        ("get_agent", json!({"path": "/a//b"}), "path"),
    ] {
        let refused = tool(&world, Role::Admin, name, arguments.clone()).await;
        assert_eq!(refused["isError"], true, "{name} {arguments}: {refused}");
        assert!(refused["content"][0]["text"].as_str().expect("a text").contains(part), "{refused}");
    }
    let (status, answer) = rpc(&world, Role::Admin, "tools/call", json!({"name": "drop_all"})).await;
    assert!(status == 200 && answer["error"]["code"] == -32602, "{status} {answer}");
    // The gateway decides: no scope of his names this server.
    assert_eq!(rpc(&world, Role::Lob1, "tools/list", json!({})).await.0, 403);
    let wrong = [("mcp-protocol-version", "1999-01-01")];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let (status, answer) = send(&world, Role::Admin, "POST", &wrong, &body).await;
    assert!(status == 400 && answer["error"]["message"].is_string(), "{status} {answer}");
}
