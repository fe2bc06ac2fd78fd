//! What the directory says takes force at once: at /validate, though the proof was cached, and everywhere else.

use access::identity;
use serde_json::{Value, json};

use super::org::{Agent, FINANCE, Org, bearer, claims, oauth_error};
use crate::stack::Answer;

const GROUPS: [&str; 2] = ["a2a-agent-admin", "mcp-servers-unrestricted"];

async fn grouped() -> (Org, Agent) {
    let org = Org::open().await;
    let held = json!({"capabilities": ["mcp:financial", "read:documents"], "groups": GROUPS});
    let agent = org.agent("Worker", held).await;
    org.targets().await;
    (org, agent)
}

/// Asked twice, so that the second answer comes from the cache.
async fn validated(org: &Org, token: &str, uri: &str) -> Answer {
    let first = org.stack.validate(token, uri).await;
    let second = org.stack.validate(token, uri).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    second
}

#[tokio::test]
async fn an_agents_groups_open_the_registry_as_a_persons_do() {
    let (org, agent) = grouped().await;
    let token = org.token(&agent, None).await;
    let answer = validated(&org, &token, "/api/agents").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let scopes = "a2a-agent-admin, mcp-servers-unrestricted/read, mcp-servers-unrestricted/execute";
    for (name, value) in [
        (identity::USERNAME, agent.id.as_str()),
        (identity::CLIENT_ID, &agent.id),
        (identity::GROUPS, "a2a-agent-admin, mcp-servers-unrestricted"),
        (identity::AUTH_METHOD, "embedded"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let mut held: Vec<&str> = answer.header(identity::SCOPES).split(", ").collect();
    let mut expected: Vec<&str> = scopes.split(", ").collect();
    held.sort_unstable();
    expected.sort_unstable();
    assert_eq!(held, expected, "its groups' scopes; its capabilities are none of the registry's");
    assert_eq!(validated(&org, &token, "/currenttime/mcp").await.status, 200);
    // An agent without groups is known, and reaches nothing.
    let bare = org.agent("Bare", json!({"capabilities": ["mcp:financial"]})).await;
    let bare = org.token(&bare, None).await;
    let answer = validated(&org, &bare, "/api/agents").await;
    assert_eq!(
        (answer.status, answer.header(identity::SCOPES), answer.header(identity::GROUPS)),
        (200, "", "")
    );
    assert_eq!(validated(&org, &bare, "/currenttime/mcp").await.status, 403);
}

#[tokio::test]
async fn a_narrow_token_stays_narrow() {
    let (org, agent) = grouped().await;
    let narrow = org.token(&agent, Some("a2a-agent-admin read:documents")).await;
    // It says the groups that its scopes come from, and that it is narrower than they are.
    let said = claims(&narrow);
    assert_eq!((&said["groups"], &said["narrowed"]), (&json!(["a2a-agent-admin"]), &json!(true)));
    let scopes = async || {
        let answer = validated(&org, &narrow, "/api/agents").await;
        assert_eq!(answer.status, 200);
        (answer.header(identity::GROUPS).to_owned(), answer.header(identity::SCOPES).to_owned())
    };
    let admin = ("a2a-agent-admin".to_owned(), "a2a-agent-admin".to_owned());
    assert_eq!(scopes().await, admin);
    assert_eq!(validated(&org, &narrow, "/currenttime/mcp").await.status, 403);
    // More groups do not widen it, fewer narrow it further.
    org.change(&agent, json!({"groups": ["a2a-agent-admin", "mcp-registry-admin"]})).await;
    assert_eq!(scopes().await, admin);
    org.change(&agent, json!({"groups": ["mcp-registry-admin"]})).await;
    assert_eq!(scopes().await, (String::new(), String::new()));
    org.change(&agent, json!({"groups": ["a2a-agent-admin"]})).await;
    assert_eq!(scopes().await, admin);
    // A token of capabilities alone holds no scope of the registry.
    let bare = org.token(&agent, Some("mcp:financial")).await;
    assert_eq!(validated(&org, &bare, "/api/agents").await.header(identity::SCOPES), "");
}

#[tokio::test]
async fn groups_are_those_of_now_and_so_is_their_mapping() {
    let (org, agent) = grouped().await;
    let token = org.token(&agent, None).await;
    let scopes = async || {
        let answer = validated(&org, &token, "/api/agents").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.header(identity::GROUPS).to_owned(), answer.header(identity::SCOPES).to_owned())
    };
    let said = |groups: &str, scopes: &str| (groups.to_owned(), scopes.to_owned());
    assert!(scopes().await.1.contains("mcp-servers-unrestricted/read"));
    org.change(&agent, json!({"groups": ["a2a-agent-admin"]})).await;
    assert_eq!(scopes().await, said("a2a-agent-admin", "a2a-agent-admin"));
    assert_eq!(
        validated(&org, &token, "/currenttime/mcp").await.status,
        403,
        "its reach went with the group"
    );
    // What was given meanwhile is not in the token: nothing widens it.
    org.change(&agent, json!({"groups": ["newcomers"]})).await;
    assert_eq!(scopes().await, said("", ""));
    let newer = org.token(&agent, None).await;
    let scopes = async || {
        let answer = validated(&org, &newer, "/api/agents").await;
        (answer.header(identity::GROUPS).to_owned(), answer.header(identity::SCOPES).to_owned())
    };
    assert_eq!(scopes().await, said("newcomers", ""));
    org.stack.app.take_policy(Ok(format!("{}\nnewcomers: []\n", super::org::policy())));
    assert_eq!(scopes().await, said("newcomers", "newcomers"), "scopes.yml takes force for agents, too");
    org.change(&agent, json!({"groups": []})).await;
    assert_eq!(scopes().await, said("", ""));
}

#[tokio::test]
async fn whoever_is_suspended_removed_or_revoked_is_out_at_once() {
    let (org, agent) = grouped().await;
    let token = org.token(&agent, None).await;
    let out = async |out: bool| {
        let validated = validated(&org, &token, "/api/agents").await;
        assert_eq!(validated.status, if out { 401 } else { 200 }, "{validated:?}");
        if out {
            assert!(validated.header("www-authenticate").contains("error=\"invalid_token\""));
        }
        let exchange = org.exchanges(&token, &[("audience", FINANCE)]).await;
        if out {
            oauth_error(&exchange, 400, "invalid_grant");
        } else {
            assert_eq!(exchange.status, 200);
        }
        for line in ["GET /oauth/userinfo", "GET /agents/me"] {
            let answer = org.asks(&token, line, Value::Null).await;
            assert_eq!(answer.status, if out { 401 } else { 200 }, "{line}");
        }
        for line in ["POST /agents/ask", "POST /agents/me/usage", "POST /agents/register"] {
            let body = json!({"action": "a", "tokens": 0, "client_id": agent.id, "name": "Worker"});
            let answer = org.asks(&token, line, body).await;
            assert_eq!(answer.status, if out { 401 } else { 200 }, "{line}");
        }
    };
    out(false).await;
    for (verb, is_out) in [("deactivate", true), ("activate", false)] {
        let answer = org.admin(&format!("POST /admin/agents/{}/{verb}", agent.slug), Value::Null).await;
        assert_eq!(answer.status, 200);
        out(is_out).await;
    }
    for (status, is_out) in [("suspended", true), ("active", false)] {
        org.change(&agent, json!({ "status": status })).await;
        out(is_out).await;
    }
    org.form("/oauth/revoke", &[("token", &token)]).await;
    out(true).await;
    let token = org.token(&agent, None).await;
    assert_eq!(validated(&org, &token, "/api/agents").await.status, 200);
    assert_eq!(org.admin(&format!("DELETE /admin/agents/{}", agent.slug), Value::Null).await.status, 200);
    assert_eq!(validated(&org, &token, "/api/agents").await.status, 401);
    // One of the same name is somebody else.
    let again = org.agent("Worker", json!({"groups": GROUPS})).await;
    assert!(again.slug.starts_with("worker-") && again.id != agent.id, "{again:?}");
    assert_eq!(validated(&org, &token, "/api/agents").await.status, 401);
    assert_eq!(org.asks(&token, "GET /agents/me", Value::Null).await.status, 401);
}

#[tokio::test]
async fn what_is_not_for_us_opens_nothing_here() {
    let (org, agent) = grouped().await;
    let base = org.token(&agent, None).await;
    let mut listed = claims(&base);
    listed["aud"] = json!([FINANCE, "urn:mcp:financial-data"]);
    let mut nobody = claims(&base);
    nobody["agent_id"] = "agt_0".into();
    for (what, token) in [
        ("exchanged", org.exchanged(&base, FINANCE).await),
        ("exchanged by alias", org.exchanged(&base, "urn:mcp:financial-data").await),
        ("with groups, for a server", org.forge(&listed)),
        ("of an agent that is none", org.forge(&nobody)),
        ("the key", org.key.clone()),
        ("the secret", agent.secret.clone()),
    ] {
        for uri in ["/api/agents", "/currenttime/mcp"] {
            let answer = validated(&org, &token, uri).await;
            assert_eq!(answer.status, 401, "{what} {uri}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
            assert_eq!(challenge.contains("resource_metadata="), uri != "/api/agents", "{challenge}");
        }
    }
    let head = format!("GET /validate HTTP/1.1\r\nx-original-uri: /api/agents\r\nx-api-key: {}\r\n", org.key);
    assert_eq!(org.stack.send(&head, "").await.status, 401, "an API key opens no registry");
    let with_both = format!("{head}{}", bearer(&base));
    assert_eq!(org.stack.send(&with_both, "").await.status, 200);
}

#[tokio::test]
async fn without_a_directory_agents_tokens_open_nothing() {
    let (org, agent) = grouped().await;
    let token = org.token(&agent, None).await;
    assert_eq!(validated(&org, &token, "/api/agents").await.status, 200);
    org.stack.app.close().await;
    let off = Org::over(std::sync::Arc::clone(&org.stack.folder), &["--agents=off"]).await;
    assert_eq!(validated(&off, &token, "/api/agents").await.status, 401);
    oauth_error(&off.exchanges(&token, &[("audience", FINANCE)]).await, 400, "unsupported_grant_type");
    oauth_error(&off.form("/oauth/revoke", &[("token", &token)]).await, 404, "not_found");
}
