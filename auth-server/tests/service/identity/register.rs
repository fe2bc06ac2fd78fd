//! What an agent says of itself: it changes its own entry alone, and grants itself nothing.

use serde_json::{Value, json};

use super::org::{Agent, ISSUER, Org, api_error};

async fn shown(org: &Org, agent: &Agent) -> Value {
    org.admin(&format!("GET /admin/agents/{}", agent.id), Value::Null).await.json()["data"].take()
}

#[tokio::test]
async fn an_agent_describes_itself() {
    let org = Org::open().await;
    let held =
        json!({"capabilities": ["read:documents"], "description": "before", "groups": ["a2a-agent-admin"]});
    let agent = org.agent("Research Analyst", held).await;
    let token = org.token(&agent, None).await;
    let before = shown(&org, &agent).await;
    org.stack.hands.forward(5);
    let body = json!({
        "client_id": agent.id, "name": "New name", "description": "new words",
        "capabilities": ["read:documents", "mcp:financial", "mcp:financial"],
        "jwks_uri": "https://agent.example.com/jwks", "status": "suspended", "groups": ["registry-admins"],
        "slug": "other", "budget_policy": {"max_tokens_per_day": 1}, "type": "x", "owner": "me",
    });
    let answer = org.asks(&token, "POST /agents/register", body).await;
    assert_eq!(
        (answer.status, answer.header("cache-control"), answer.json()),
        (
            200,
            "no-store",
            json!({
                "success": true, "agent_id": agent.id, "name": "New name",
                "workload_identity": format!("{ISSUER}/agents/{}", agent.id),
            })
        )
    );
    let mut expected = before.clone();
    for (name, value) in [
        ("name", json!("New name")),
        ("description", json!("new words")),
        ("declaredCapabilities", json!(["read:documents", "mcp:financial"])),
        ("jwksUri", json!("https://agent.example.com/jwks")),
        ("updatedAt", json!(before["updatedAt"].as_u64().unwrap() + 5)),
    ] {
        expected[name] = value;
    }
    assert_eq!(shown(&org, &agent).await, expected, "and nothing else");
    // A wish is not a grant.
    let asked = org.asks(&token, "POST /agents/ask", json!({"action": "mcp:financial"})).await;
    assert_eq!(asked.json()["allowed"], false);
    assert_eq!(
        org.signs_in(&agent.id, &agent.secret, None).await.json()["scope"],
        "read:documents a2a-agent-admin"
    );
    // What it does not say stays.
    let body = json!({"client_id": agent.id, "name": "Third"});
    let answer = org.asks(&token, "POST ///t/default//api/v1/agents/register", body).await;
    assert_eq!(answer.status, 200);
    expected["name"] = "Third".into();
    assert_eq!(shown(&org, &agent).await, expected);
    assert_eq!(org.asks(&token, "GET /oauth/userinfo", Value::Null).await.json()["name"], "Third");
}

#[tokio::test]
async fn an_agent_speaks_for_no_other() {
    let (org, agent) = Org::furnished().await;
    let other = org.agent("Other", json!({})).await;
    let token = org.token(&other, None).await;
    let before = shown(&org, &agent).await;
    for body in [
        json!({"client_id": agent.id, "name": "Taken over"}),
        json!({"client_id": "nobody", "name": "x"}),
        json!({"client_id": agent.slug, "name": "x"}),
        json!({"client_id": other.slug, "name": "x"}),
        // What is wrong beside it is not looked at.
        json!({"client_id": agent.id, "name": 5, "capabilities": ["admin:agents:write"]}),
    ] {
        let answer = org.asks(&token, "POST /agents/register", body.clone()).await;
        assert!(api_error(&answer, 403, "forbidden").is_empty(), "{body}");
    }
    assert_eq!(shown(&org, &agent).await, before);
}

#[tokio::test]
async fn what_is_no_description() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let before = shown(&org, &agent).await;
    let id = agent.id.as_str();
    for (body, fields) in [
        (json!({}), vec!["client_id", "name"]),
        (json!({"client_id": id}), vec!["name"]),
        (json!({"client_id": id, "name": " "}), vec!["name"]),
        (json!({"client_id": id, "name": "n".repeat(257)}), vec!["name"]),
        (json!({"client_id": id, "name": "a", "description": 1, "capabilities": "a:b"}), {
            vec!["description", "capabilities"]
        }),
        (json!({"client_id": id, "name": "a", "capabilities": ["a:b", "admin:agents:write", "x", 1]}), {
            vec!["capabilities[1]", "capabilities[2]", "capabilities[3]"]
        }),
        (json!({"client_id": id, "name": "a", "jwks_uri": "http://plain"}), vec!["jwks_uri"]),
        (json!({"client_id": id, "name": "a", "jwks_uri": "javascript:x"}), vec!["jwks_uri"]),
    ] {
        let answer = org.asks(&token, "POST /agents/register", body.clone()).await;
        let code = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(api_error(&answer, 400, &code), fields, "{body}");
    }
    assert_eq!(shown(&org, &agent).await, before);
}
