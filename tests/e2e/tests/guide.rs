//! The guide's "Putting It All Together", line by line, with the bytes as printed there.

use e2e::{Caller, Shared, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::stack::Stack;

static STACK: Shared = Shared::new(|_| {});

/// Step 1, as printed.
const CARD: &str = include_str!("../../fixtures/guide-card.json");

/// The semantic query, as printed.
const QUERY: &str = r#"{
"query": "I need an agent that can review Python code for security vulnerabilities",
"max_results": 5,
"entity_types": ["a2a_agent"]
}"#;

#[tokio::test]
async fn putting_it_all_together() {
    let Some(stack) = STACK.get().await else { return };
    let agent = Caller::sign_in(stack, "mcp-gateway-m2m").await; // step 2

    what_the_auth_server_returns(stack, &agent).await;
    registering(&agent).await;
    what_is_saved(stack).await;
    enabling_and_finding(&agent).await;
    what_a_line_of_business_sees(stack).await;
    the_complete_card(&agent).await;
    a_path_of_two_segments(&Caller::sign_in(stack, "registry-admin").await).await;
}

/// Steps 4 and 5.
async fn what_the_auth_server_returns(stack: &Stack, agent: &Caller) {
    let auth_server = Caller::new(stack.auth_url(), Some(agent.token().to_owned()));
    let original = [("X-Original-URI", "/api/agents/register"), ("X-Original-Method", "POST")];
    let answer = auth_server.send(Method::GET, "/validate", None, &original).await;
    let body = answer.must_be(200);
    assert_eq!(body["username"], "service-account-mcp-gateway-m2m");
    assert_eq!(body["groups"], json!(["mcp-servers-unrestricted", "a2a-agent-admin"]));
    let scopes =
        json!(["mcp-servers-unrestricted/read", "mcp-servers-unrestricted/execute", "a2a-agent-admin"]);
    assert_eq!(body["scopes"], scopes);
    let carried: Vec<&str> = answer.header("x-scopes").split(',').map(str::trim).collect();
    assert_eq!(json!(carried), scopes);
}

/// Steps 3, 6, 7 and 10.
async fn registering(agent: &Caller) {
    let answer = agent.post_bytes("/api/agents/register", CARD).await;
    let body = answer.must_be(201);
    assert_eq!(body["message"], "Agent registered successfully");
    let mut shown = body["agent"].clone();
    let registered_at = shown["registered_at"].take();
    assert!(is_time(&registered_at), "{registered_at}");
    assert_eq!(
        shown,
        json!({
            "name": "Code Reviewer Agent", "path": "/code-reviewer", "url": "https://agents.example.com/code-reviewer",
            "num_skills": 1, "registered_at": null, "is_enabled": false
        })
    );
    agent.post_bytes("/api/agents/register", CARD).await.must_refuse(409);
    agent.post_bytes("/api/agents/register", "{").await.must_refuse(400);
    agent.post_bytes("/api/agents/register", r#"{"name": "x"}"#).await.must_refuse(422);
}

/// Step 8. Until the registry stops, a change may stand in the journal alone.
async fn what_is_saved(stack: &Stack) {
    stack.restart_registry().await.expect("it stops and starts again");
    let file = stack.data().join("registry").join("agent_state.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    let state: Value = serde_json::from_str(&text).expect("it is JSON");
    let entry = &state["agents"]["/code-reviewer"];
    assert_eq!(entry["name"], "Code Reviewer Agent");
    assert_eq!(entry["is_enabled"], false);
    assert_eq!(entry["registered_by"], "service-account-mcp-gateway-m2m");
    assert!(is_time(&entry["registered_at"]), "{entry}");
}

/// Steps 9 and 11, and the two discoveries.
async fn enabling_and_finding(agent: &Caller) {
    let not_yet = agent.post_bytes("/api/agents/discover/semantic", QUERY).await;
    assert_eq!(not_yet.must_be(200)["entities"], json!([]), "a disabled agent was found");

    let toggled = agent.post("/api/agents/code-reviewer/toggle?enabled=true").await;
    assert_eq!(toggled.must_be(200)["is_enabled"], true);

    let entity = eventually("the enabled agent is found", async || {
        let found = agent.post_bytes("/api/agents/discover/semantic", QUERY).await;
        let body = found.must_be(200);
        assert_eq!(body["query"], "I need an agent that can review Python code for security vulnerabilities");
        body["entities"].get(0).cloned()
    })
    .await;
    assert_eq!(entity["entity_type"], "a2a_agent");
    assert_eq!(entity["name"], "Code Reviewer Agent");
    assert_eq!(entity["path"], "/code-reviewer");
    assert_eq!(entity["url"], "https://agents.example.com/code-reviewer");
    assert_eq!(entity["skills"], json!(["review-python"]));
    assert!(entity["relevance_score"].as_f64().is_some_and(|score| (0.4..=1.0).contains(&score)), "{entity}");

    let filters = json!({"skills": ["review-python"], "tags": ["security", "python"], "max_results": 10});
    let found = agent.post_json("/api/agents/discover", &filters).await;
    assert_eq!(e2e::column(&found.must_be(200)["agents"], "path"), ["/code-reviewer"]);

    let list = agent.get("/api/agents").await;
    assert_eq!(e2e::column(&list.must_be(200)["agents"], "path"), ["/code-reviewer"]);
    assert_eq!(list.body["agents"][0]["tags"], json!(["code-review", "security"]));
}

async fn what_a_line_of_business_sees(stack: &Stack) {
    let first = Caller::sign_in(stack, "lob1-bot").await;
    assert_eq!(
        e2e::column(&first.get("/api/agents").await.must_be(200)["agents"], "path"),
        ["/code-reviewer"]
    );
    let second = Caller::sign_in(stack, "lob2-bot").await;
    assert_eq!(second.get("/api/agents").await.must_be(200)["agents"], json!([]));
    second.get("/api/agents/code-reviewer").await.must_refuse(403);
}

/// The complete card of the guide comes back with nothing lost, and with what only we may set.
async fn the_complete_card(agent: &Caller) {
    assert_eq!(agent.delete("/api/agents/code-reviewer").await.must_be(204), &Value::Null);
    agent.get("/api/agents/code-reviewer").await.must_refuse(404);

    let file = xtask::root().join("deploy/samples/agents/code-reviewer.json");
    let bytes = std::fs::read_to_string(&file).expect("the guide's card is a sample");
    let given: Value = serde_json::from_str(&bytes).expect("it is JSON");
    let registered = agent.post_bytes("/api/agents/register", &bytes).await;
    assert_eq!(registered.must_be(201)["agent"]["num_skills"], 2);

    for path in ["/api/agents/code-reviewer", "/api/agents/%63ode-reviewer"] {
        let answer = agent.get(path).await;
        if answer.status == 403 {
            continue; // A spelling that the auth-server refuses is as good as one that works.
        }
        let card = answer.must_be(200);
        for (key, value) in given.as_object().expect("a card is an object") {
            match key.as_str() {
                "is_enabled" => assert_eq!(card[key], false, "new agents are disabled"),
                "registered_at" | "updated_at" => assert_ne!(&card[key], value, "{key} is ours to set"),
                _ => assert_eq!(&card[key], value, "{key}"),
            }
        }
        assert_eq!(card["num_stars"], 0);
        assert_eq!(card["registered_by"], "service-account-mcp-gateway-m2m");
    }
    let updated = agent
        .send(Method::PUT, "/api/agents/code-reviewer", Some(r#"{"description": "Reads code"}"#), &[])
        .await;
    assert_eq!(updated.must_be(200)["description"], "Reads code");
    assert_eq!(updated.body["security"], json!([{"bearer": []}]));
    agent.delete("/api/agents/code-reviewer").await.must_be(204);
}

async fn a_path_of_two_segments(admin: &Caller) {
    let mut card: Value = serde_json::from_str(CARD).expect("it is JSON");
    card["path"] = json!("/team/reviewer");
    admin.post_json("/api/agents/register", &card).await.must_be(201);
    for spelling in ["/api/agents/team%2Freviewer", "/api/agents/team/reviewer"] {
        assert_eq!(admin.get(spelling).await.must_be(200)["path"], "/team/reviewer", "{spelling}");
        admin.post(&format!("{spelling}/toggle?enabled=false")).await.must_be(200);
    }
    admin.delete("/api/agents/team%2Freviewer").await.must_be(204);
}

#[tokio::test]
async fn the_public_doors_are_open() {
    let Some(stack) = STACK.get().await else { return };
    let nobody = Caller::new(stack.gateway(), None);
    assert_eq!(nobody.get("/health").await.must_be(200)["status"], "ok");
    assert!(nobody.get("/api/openapi.json").await.must_be(200)["paths"]["/api/agents/register"].is_object());
    assert!(nobody.get("/docs").await.text.contains("<html"));
    let configuration = nobody.get("/orgs/default/api/v1/.well-known/openid-configuration").await;
    assert_eq!(configuration.must_be(200)["issuer"], stack.run().issuer.as_str());
    assert_eq!(configuration.body["token_endpoint"], stack.run().token_endpoint.as_str());
    assert!(
        nobody.get("/orgs/default/api/v1/.well-known/jwks.json").await.must_be(200)["keys"][0]["kid"]
            .is_string()
    );
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T')
}
