//! An agent whose groups the policy knows uses the registry like anybody else, under its client id.

use e2e::Caller;
use serde_json::json;

use super::organisation::Organisation;
use super::shared;

#[tokio::test]
async fn an_agent_with_groups_registers_a_card_as_itself() {
    let Some(organisation) = shared().await else { return };
    play(&organisation, "/registered-by-an-agent").await;
}

pub(crate) async fn play(organisation: &Organisation<'_>, path: &str) {
    let member = organisation.agent("Registers", json!({"groups": ["a2a-agent-admin"]})).await;
    let stranger = organisation.agent("Belongs Nowhere", json!({})).await;
    let caller = |token| Caller::new(organisation.stack.gateway(), Some(token));
    let member_calls = caller(organisation.sign_in(&member).await);
    let stranger_calls = caller(organisation.sign_in(&stranger).await);
    let card = json!({"name": "Registered By An Agent", "description": "A card of an agent with an identity",
        "url": "https://agents.example.com/x", "path": path, "protocol_version": "1.0", "tags": ["identity"]});
    assert_eq!(stranger_calls.post_json("/api/agents/register", &card).await.status, 403);
    member_calls.post_json("/api/agents/register", &card).await.must_be(201);
    let kept = member_calls.get(&format!("/api/agents{path}")).await;
    assert_eq!(kept.must_be(200)["registered_by"], member.id, "{kept:?}");
    // Who is granted nothing is told nothing.
    let listed = stranger_calls.get("/api/agents").await;
    assert!(!listed.text.contains("Registered By An Agent"), "{listed:?}");
    member_calls.delete(&format!("/api/agents{path}")).await.must_be(204);
}
