//! Agents whose secrets Keycloak keeps: a stand-in for its token endpoint says what a real one would.

use std::sync::Arc;

use serde_json::{Value, json};

use super::org::{ACCESS_TOKEN, FINANCE, ISSUER, Org, api_error, claims, oauth_error, seen, token_of};
use crate::fixture::Provider;
use crate::stack::SECRET;

async fn open() -> Org {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let provider = Provider::start().await;
    let table = folder.path().join("capabilities.yml");
    std::fs::write(
        &table,
        "groups:\n  analysts: [read:documents, mcp:financial]\n  readers: [read:documents]\n",
    )
    .unwrap();
    let flags = [
        "--agents=keycloak".to_owned(),
        format!("--keycloak-token-url={}/token", provider.url),
        format!("--keycloak-capabilities={}", table.display()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let org = Org::beside(provider, folder, &flags).await;
    org.targets().await;
    org
}

/// Keycloak lets this client in, with these groups.
fn knows(org: &Org, client_id: &str, groups: Value) {
    let token = org.stack.token(json!({"client_id": client_id, "azp": client_id, "groups": groups}));
    org.stack.provider.page("/token", json!({"access_token": token, "expires_in": 300}).to_string());
}

async fn agent(org: &Org, client_id: &str) -> Value {
    let list = org.admin("GET /admin/agents", Value::Null).await.json();
    let mut agents = list["data"].as_array().unwrap().iter();
    agents
        .find(|agent| agent["clientId"] == client_id)
        .unwrap_or_else(|| panic!("{client_id} in {list}"))
        .clone()
}

#[tokio::test]
async fn keycloak_verifies_and_the_token_is_ours() {
    let org = open().await;
    knows(&org, "svc-analyst", json!(["/analysts", "a2a-agent-admin"]));
    let answer = org.signs_in("svc-analyst", "whatever keycloak takes", None).await;
    assert_eq!(answer.json()["scope"], "read:documents mcp:financial a2a-agent-admin", "{answer:?}");
    let token = token_of(&answer);
    let said = claims(&token);
    let entry = agent(&org, "svc-analyst").await;
    assert_eq!(
        (&said["iss"], &said["aud"], &said["sub"], &said["client_id"], &said["agent_id"]),
        (
            &json!(ISSUER),
            &json!(ISSUER),
            &json!("agent:svc-analyst"),
            &json!("svc-analyst"),
            &entry["agentId"]
        )
    );
    assert_eq!(
        (&entry["clientId"], &entry["capabilities"], &entry["secrets"]),
        (&json!("svc-analyst"), &json!(["read:documents", "mcp:financial"]), &json!([]))
    );
    let told = org.exchanges(&token, &[("audience", FINANCE)]).await.json();
    assert_eq!((&told["issued_token_type"], &told["scope"]), (&json!(ACCESS_TOKEN), &json!("mcp:financial")));
    let userinfo = org.asks(&token, "GET /oauth/userinfo", Value::Null).await.json();
    assert_eq!(userinfo["capabilities"], json!(["read:documents", "mcp:financial"]));
    assert_eq!(org.stack.validate(&token, "/api/agents").await.status, 200);
    // What Keycloak says the next time counts at once, also for the tokens before.
    knows(&org, "svc-analyst", json!(["readers"]));
    assert_eq!(org.signs_in("svc-analyst", "s", None).await.json()["scope"], "read:documents");
    oauth_error(&org.exchanges(&token, &[("audience", FINANCE)]).await, 403, "capability_denied");
    assert_eq!(agent(&org, "svc-analyst").await["agentId"], entry["agentId"], "it is the same agent");
    knows(&org, "svc-analyst", json!([]));
    assert_eq!(org.signs_in("svc-analyst", "s", None).await.json()["scope"], "");
    // Keycloak's own token opens nothing of an agent's.
    let raw = org.stack.token(json!({"client_id": "svc-analyst", "groups": ["analysts"]}));
    assert_eq!(org.asks(&raw, "GET /agents/me", Value::Null).await.status, 401);
    oauth_error(&org.exchanges(&raw, &[("audience", FINANCE)]).await, 400, "invalid_grant");
    assert_eq!(
        org.stack.validate(&raw, "/api/agents").await.status,
        200,
        "and is valid at the gateway as before"
    );
}

#[tokio::test]
async fn who_is_refused_learns_nothing_more() {
    let org = open().await;
    let provider = &org.stack.provider;
    let mut answers = Vec::new();
    for status in ["401 Unauthorized", "400 Bad Request", "403 Forbidden"] {
        provider.answer("/token", status, r#"{"error":"unauthorized_client"}"#);
        answers.push((status, org.signs_in("svc", "wrong", None).await));
    }
    // Right at Keycloak, but no group of it lets an agent do anything: it gets no entry.
    knows(&org, "svc", json!(["nobody-maps-this"]));
    answers.push(("no capability", org.signs_in("svc", "s", None).await));
    // A token that is not this client's.
    knows(&org, "other", json!(["analysts"]));
    answers.push(("another's", org.signs_in("svc", "s", None).await));
    assert_eq!(org.admin("GET /admin/agents", Value::Null).await.json()["meta"]["total"], 0);
    // Suspended here.
    knows(&org, "svc", json!(["analysts"]));
    let token = token_of(&org.signs_in("svc", "s", None).await);
    let id = agent(&org, "svc").await["agentId"].as_str().unwrap().to_owned();
    assert_eq!(org.admin(&format!("POST /admin/agents/{id}/deactivate"), Value::Null).await.status, 200);
    answers.push(("suspended", org.signs_in("svc", "s", None).await));
    oauth_error(&org.exchanges(&token, &[("audience", FINANCE)]).await, 400, "invalid_grant");
    oauth_error(&answers[0].1, 401, "invalid_client");
    for (who, answer) in &answers {
        assert_eq!(seen(answer), seen(&answers[0].1), "{who}");
    }
    assert_eq!(org.admin(&format!("POST /admin/agents/{id}/activate"), Value::Null).await.status, 200);
    assert_eq!(org.signs_in("svc", "s", None).await.status, 200);
}

#[tokio::test]
async fn keycloak_being_away_is_no_refusal() {
    let org = open().await;
    let (provider, elsewhere) = (&org.stack.provider, Provider::start().await);
    knows(&org, "svc", json!(["analysts"]));
    let foreign =
        org.stack.signers[1].sign("JWT", &json!({"iss": "http://unknown", "client_id": "svc"})).unwrap();
    let moved = format!("302 Found\r\nlocation: {}/token", elsewhere.url);
    for (head, body) in [
        ("500 Oops", "{}".to_owned()),
        ("503 Busy", String::new()),
        ("429 Slower", String::new()),
        ("404 Not Found", String::new()),
        (moved.as_str(), String::new()),
        ("200 OK", "no json".to_owned()),
        ("200 OK", "{}".to_owned()),
        ("200 OK", json!({"access_token": "garbage"}).to_string()),
        ("200 OK", json!({ "access_token": foreign }).to_string()),
        ("200 OK", "x".repeat(300_000)),
    ] {
        provider.answer("/token", head, body);
        let answer = org.signs_in("svc", "s", None).await;
        oauth_error(&answer, 503, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), "1", "{head}");
    }
    assert_eq!(elsewhere.asked(), 0, "a secret goes where it was configured to go, and nowhere else");
    knows(&org, "svc", json!(["analysts"]));
    let token = token_of(&org.signs_in("svc", "s", None).await);
    provider.answer("/token", "500 Oops", "");
    assert_eq!(org.exchanges(&token, &[("audience", FINANCE)]).await.status, 200, "an exchange asks nobody");
    // Clients of the file are none of Keycloak's.
    let asked = provider.asked();
    assert_eq!(org.signs_in("lob1-bot", SECRET, None).await.status, 200);
    oauth_error(&org.signs_in("lob1-bot", "wrong", None).await, 401, "invalid_client");
    assert_eq!(provider.asked(), asked);
}

#[tokio::test]
async fn what_keycloak_keeps_is_not_changed_here() {
    let org = open().await;
    let missing = org.admin("POST /admin/agents", json!({"name": "A"})).await;
    assert_eq!(api_error(&missing, 422, "validation_failed"), ["client_id"]);
    let taken = org.admin("POST /admin/agents", json!({"name": "A", "client_id": "lob1-bot"})).await;
    assert_eq!(api_error(&taken, 422, "validation_failed"), ["client_id"], "a client of the file");
    let body = json!({"name": "A", "client_id": "svc", "budget_policy": {"max_tokens_per_day": 5}});
    let made = org.admin("POST /admin/agents", body.clone()).await;
    assert_eq!((made.status, made.json()["data"].get("clientSecret")), (201, None), "{made:?}");
    api_error(&org.admin("POST /admin/agents", body).await, 409, "conflict");
    let id = made.json()["data"]["agentId"].as_str().unwrap().to_owned();
    knows(&org, "svc", json!(["analysts"]));
    assert_eq!(org.signs_in("svc", "s", None).await.json()["scope"], "read:documents mcp:financial");
    let entry = agent(&org, "svc").await;
    assert_eq!((&entry["agentId"], &entry["budgetPolicy"]["maxTokensPerDay"]), (&json!(id), &json!(5)));
    for (line, body) in [
        ("PATCH /admin/agents/{id}", json!({"capabilities": ["a:b"]})),
        ("PUT /admin/agents/{id}", json!({"name": "A", "capabilities": []})),
        ("PUT /admin/agents/{id}/scopes", json!({"scopes": ["a:b"]})),
        ("POST /admin/agents/{id}/rotate-credentials", json!({})),
    ] {
        let answer = org.admin(&line.replace("{id}", &id), body).await;
        api_error(&answer, 409, "kept_elsewhere");
    }
    let mut after = agent(&org, "svc").await;
    assert_eq!(after, entry);
    let put = json!({"name": "B", "budget_policy": {"max_tokens_per_day": 6}});
    assert_eq!(org.admin(&format!("PUT /admin/agents/{id}"), put).await.status, 200);
    after = agent(&org, "svc").await;
    assert_eq!((&after["name"], &after["capabilities"]), (&json!("B"), &entry["capabilities"]));
}

#[tokio::test]
async fn groups_are_keycloaks_too() {
    let org = open().await;
    knows(&org, "svc", json!(["analysts"]));
    assert_eq!(org.signs_in("svc", "s", None).await.status, 200);
    let before = agent(&org, "svc").await;
    let id = before["agentId"].as_str().unwrap();
    for (method, body) in
        [("PATCH", json!({"groups": ["mcp-registry-admin"]})), ("PUT", json!({"name": "A", "groups": []}))]
    {
        let answer = org.admin(&format!("{method} /admin/agents/{id}"), body).await;
        api_error(&answer, 409, "kept_elsewhere");
    }
    assert_eq!(agent(&org, "svc").await, before);
}
