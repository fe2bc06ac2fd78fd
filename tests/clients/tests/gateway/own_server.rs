//! The registry as an MCP server: what real clients find there, and only that.

use clients::gateway::{Era, Ground, Program, SEEKER, STRANGER};
use clients::skipped;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The sample's card of this name, registered and enabled.
async fn publish(ground: &Ground, name: &str) {
    let file = xtask::root().join(format!("deploy/samples/agents/{name}.json"));
    let card: Value = serde_json::from_slice(&std::fs::read(file).expect("a card")).expect("JSON");
    let (status, said) = ground.admin(Method::POST, "/api/agents/register", Some(card)).await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    let path = format!("/api/agents/{name}/toggle");
    let (status, said) = ground.admin(Method::POST, &path, Some(json!({"enabled": true}))).await;
    assert_eq!(status, StatusCode::OK, "{said}");
}

/// What a tool of the registry says to the seeker.
fn ask(ground: &Ground, token: &str, program: &Program, call: &Value) -> Value {
    let [url, _] = ground.addresses("registry");
    let program = program.clone().with_token(token).with("CALL", &call.to_string());
    ground.play(&program, &url, &["call"]).of("call").clone()
}

#[tokio::test]
async fn it_says_what_the_caller_may_know() {
    let Some(ground) = Ground::get().await else { return };
    publish(ground, "code-reviewer").await;
    publish(ground, "tax-advisor").await;
    let token = ground.site.token(SEEKER).await;
    for program in Program::all() {
        let [url, _] = ground.addresses("registry");
        let outcomes = ground.play(&program.clone().with_token(&token), &url, &["tools"]);
        let tools = outcomes.well("tools").to_string();
        for name in ["find_agents", "find_tools", "get_agent"] {
            assert!(tools.contains(name), "{program:?}: {tools}");
        }
        let own = ask(ground, &token, &program, &json!(["get_agent", {"path": "/code-reviewer"}]));
        assert!(own["outcome"]["text"].to_string().contains("code-reviewer"), "{program:?}: {own}");
        let others = ask(ground, &token, &program, &json!(["get_agent", {"path": "/tax-advisor"}]));
        assert!(others["outcome"].get("text").is_none(), "{program:?}: {others}");
        assert!(!others.to_string().contains("deductions"), "{program:?}: {others}");
    }
    let nobody = ground.site.token(STRANGER).await;
    let refused =
        ask(ground, &nobody, &Program::mcp(Era::Auto), &json!(["get_agent", {"path": "/code-reviewer"}]));
    assert!(refused.get("outcome").is_none(), "{refused}");
    ground.site.is_silent();
}

#[tokio::test]
async fn it_finds_what_the_caller_may_call() {
    let Some(ground) = Ground::get().await else { return };
    if !ground.searches {
        return skipped("there is no model: type make model");
    }
    let token = ground.site.token(SEEKER).await;
    for program in Program::all() {
        let question = json!(["find_tools", {"query": "say back what I say"}]);
        let found = ask(ground, &token, &program, &question);
        let said = found["outcome"]["text"].as_str().unwrap_or_else(|| panic!("{program:?}: {found}"));
        assert!(said.contains("echo") && said.contains("currenttime"), "{program:?}: {said}");
        // Neither a tool that he may not call, nor a server that he does not see.
        assert!(!said.contains("secret_tool") && !said.contains("stateless"), "{program:?}: {said}");
    }
}
