//! What was answered with 201 is there after a power cut.

use e2e::{Caller, Shared};
use serde_json::json;

static STACK: Shared = Shared::new(|_| {});

#[tokio::test]
async fn an_agent_survives_a_kill_right_after_its_201() {
    let Some(stack) = STACK.get().await else { return };
    let agent = Caller::sign_in(stack, "mcp-gateway-m2m").await;
    for round in 0..3 {
        let path = format!("/survivor-{round}");
        let card = json!({"name": format!("Survivor {round}"), "description": "Mends broken bicycles", "path": path,
            "url": "https://agents.example.com/survivor", "protocol_version": "1.0", "tags": ["bicycles"]});
        agent.post_json("/api/agents/register", &card).await.must_be(201);
        stack.kill_registry();
        agent.get("/api/agents").await.must_refuse(502);

        stack.restart_registry().await.expect("it starts again");
        assert_eq!(agent.get(&format!("/api/agents{path}")).await.must_be(200)["name"], card["name"]);
        agent.post_json("/api/agents/register", &card).await.must_refuse(409);
    }
    agent.post("/api/agents/survivor-1/toggle?enabled=true").await.must_be(200);
    stack.kill_registry();
    stack.restart_registry().await.expect("it starts again");
    assert_eq!(agent.find("somebody who repairs bikes", 5).await, ["/survivor-1"]);
}
