//! Tokens that are bound to an MCP server behind the gateway: what they open there, and for how long.

use access::identity;
use serde_json::{Value, json};

use super::org::{ACCESS_TOKEN, Agent, FINANCE, ISSUER, Org, claims, oauth_error, policy, token_of};
use crate::stack::{Answer, NOW};

pub(super) const PUBLIC: &str = "http://127.0.0.1:8080";
pub(super) const GATE: &str = "http://127.0.0.1:8080/mcp/financial";
pub(super) const ARCHIVE: &str = "http://127.0.0.1:8080/archive/mcp";

/// An agent, two targets that are servers behind the gateway, and a policy that says what their scopes open.
pub(super) async fn gated() -> (Org, Agent) {
    let org = Org::open().await;
    let sections = "\n'mcp:financial': [{server: financial, methods: [initialize, tools/call], tools: [quote]}]\n\
                    'mcp:more': [{server: financial, methods: [tools/list]}]\n\
                    'read:archive': [{server: archive, methods: [initialize]}]\n";
    org.stack.app.take_policy(Ok(policy() + sections));
    let held = json!({"capabilities": ["mcp:financial", "mcp:more", "read:archive", "own:business"]});
    let agent = org.agent("Research Analyst", held).await;
    for (name, uri, alias, scopes) in [
        ("Financial", FINANCE, GATE, json!(["mcp:financial", "mcp:more"])),
        ("Archive", ARCHIVE, "urn:mcp:archive", json!(["read:archive"])),
    ] {
        org.target(json!({
            "name": name, "resource_uri": uri, "aliases": [alias],
            "required_capability": scopes[0], "scopes_supported": scopes,
        }))
        .await;
    }
    (org, agent)
}

/// Asked twice, so that the second answer comes from the cache.
async fn validated(org: &Org, token: &str, uri: &str) -> Answer {
    let first = org.stack.validate(token, uri).await;
    let second = org.stack.validate(token, uri).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body), "{uri}");
    second
}

#[track_caller]
fn refused(answer: &Answer, metadata: Option<&str>) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    let named = challenge.split("resource_metadata=").nth(1).map(|rest| rest.trim_matches('"'));
    let metadata = metadata.map(|path| format!("{PUBLIC}/.well-known/oauth-protected-resource{path}"));
    assert_eq!(named, metadata.as_deref(), "{challenge}");
    assert_eq!(answer.header(identity::SEALED), "");
}

#[tokio::test]
async fn it_opens_its_server_and_nothing_else() {
    let (org, agent) = gated().await;
    let base = org.token(&agent, None).await;
    let token = org.exchanged(&base, GATE).await;
    assert_eq!(claims(&token)["aud"], json!([FINANCE, GATE]));
    for uri in [
        "/mcp/financial",
        "/mcp/financial/",
        "/mcp/financial/sse?x=1",
        "/financial/mcp",
        "/financial/messages/",
    ] {
        let answer = validated(&org, &token, uri).await;
        assert_eq!(answer.status, 200, "{uri}: {answer:?}");
        for (name, value) in [
            (identity::USERNAME, agent.id.as_str()),
            (identity::GROUPS, ""),
            (identity::SCOPES, "mcp:financial, mcp:more"),
            (identity::SERVER_NAME, "financial"),
        ] {
            assert_eq!(answer.header(name), value, "{name} at {uri}");
        }
        let seal = claims(answer.header(identity::SEALED));
        assert_eq!(
            (&seal["server"], &seal["base"], &seal["capabilities"], &seal["scopes"], &seal["narrowed"]),
            (
                &json!("financial"),
                &claims(&token)["jti"],
                &json!(["mcp:financial", "mcp:more"]),
                &json!(["mcp:financial", "mcp:more"]),
                &json!(true)
            )
        );
    }
    for (uri, metadata) in [
        ("/mcp/archive", Some("/mcp/archive")),
        ("/archive/mcp", Some("/archive/mcp")),
        ("/mcp/financial-data", Some("/mcp/financial-data")),
        ("/mcp/financial/other", None),
        ("/mcp/registry/sse", Some("/mcp/registry")),
        ("/mcp", None),
        ("/api/agents", None),
        ("/", None),
    ] {
        refused(&validated(&org, &token, uri).await, metadata);
    }
    // Nor any place that is not behind /validate.
    for (line, status) in [("GET /oauth/userinfo", 401), ("GET /agents/me", 401), ("GET /admin/agents", 401)]
    {
        assert_eq!(org.asks(&token, line, Value::Null).await.status, status, "{line}");
    }
    oauth_error(&org.exchanges(&token, &[("audience", GATE)]).await, 400, "invalid_grant");
    // A base token says of which agent it is, and of no server.
    let seal = claims(validated(&org, &base, "/api/agents").await.header(identity::SEALED));
    assert_eq!((&seal["base"], seal.get("server")), (&claims(&base)["jti"], None));
}

#[tokio::test]
async fn its_audience_must_name_the_server_here() {
    let (org, agent) = gated().await;
    let base = org.token(&agent, None).await;
    // The server's other name is another door's.
    refused(
        &validated(&org, &org.exchanged(&base, FINANCE).await, "/mcp/financial").await,
        Some("/mcp/financial"),
    );
    let archive = org.exchanged(&base, ARCHIVE).await;
    assert_eq!(validated(&org, &archive, "/mcp/archive").await.status, 200);
    assert_eq!(validated(&org, &archive, "/archive/sse").await.status, 200);
    org.target(json!({"name": "S", "resource_uri": format!("{PUBLIC}/mcp/slash/"), "scopes_supported": ["mcp:more"]}))
        .await;
    let slash = org.exchanged(&base, &format!("{PUBLIC}/mcp/slash/")).await;
    let answer = validated(&org, &slash, "/mcp/slash").await;
    assert_eq!((answer.status, answer.header(identity::SCOPES)), (403, ""), "its scope opens another server");

    // What the issuer would never make, though its key did: each of these is refused everywhere.
    let good = claims(&org.exchanged(&base, GATE).await);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        if claims[name].is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
        claims
    };
    assert_eq!(validated(&org, &org.forge(&good), "/mcp/financial").await.status, 200, "as it is");
    for spoiled in [
        with("aud", json!([ISSUER, FINANCE, GATE])),
        with("aud", json!([FINANCE, GATE, ISSUER])),
        with("aud", json!(ISSUER)),
        with("aud", json!([GATE, ARCHIVE])),
        with("aud", json!([GATE, "urn:nobody"])),
        with("aud", json!([GATE, "http://127.0.0.1:8080/mcp/other"])),
        with("aud", json!([GATE, 7])),
        with("aud", json!({"a": GATE})),
        with("aud", json!(format!("{GATE}//"))),
        with("aud", json!(format!("{GATE}/mcp"))),
        with("aud", json!(GATE.to_uppercase())),
        with("aud", json!([])),
        with("aud", Value::Null),
        with("jti", json!("nobody")),
        with("jti", Value::Null),
        with("agent_id", Value::Null),
        with("agent_id", json!("agt_nobody")),
        with("exp", json!(NOW - 11)),
        with("act", json!({"sub": "agent:x"})),
        with("act", json!("x")),
    ] {
        for uri in ["/mcp/financial", "/api/agents"] {
            let answer = validated(&org, &org.forge(&spoiled), uri).await;
            assert_eq!(answer.status, 401, "{uri} {spoiled}");
        }
    }
    // The provider's tokens for a server are none of ours.
    let theirs = org.stack.token(json!({"aud": GATE, "agent_id": agent.id, "jti": "a.b"}));
    refused(&validated(&org, &theirs, "/mcp/financial").await, Some("/mcp/financial"));
}

#[tokio::test]
async fn it_opens_what_agent_and_target_have_now() {
    let (org, agent) = gated().await;
    let base = org.token(&agent, None).await;
    let token = org.exchanged(&base, GATE).await;
    let scopes = async || {
        let answer = validated(&org, &token, "/mcp/financial").await;
        (answer.status, answer.header(identity::SCOPES).to_owned())
    };
    let both = (200, "mcp:financial, mcp:more".to_owned());
    let (one, none) = ((200, "mcp:financial".to_owned()), (401, String::new()));
    assert_eq!(scopes().await, both);
    org.change(&agent, json!({"capabilities": ["mcp:financial"]})).await;
    assert_eq!(scopes().await, one);
    org.change(&agent, json!({"capabilities": ["mcp:more"]})).await;
    assert_eq!(scopes().await, none, "its server asks for what was taken");
    org.change(&agent, json!({"capabilities": ["mcp:more", "mcp:financial", "own:business"]})).await;
    assert_eq!(scopes().await, both);
    org.change(&agent, json!({"status": "suspended"})).await;
    assert_eq!(scopes().await, none);
    org.change(&agent, json!({"status": "active"})).await;
    assert_eq!(scopes().await, both);
    let put = async |body: Value| {
        let answer = org.admin("PUT /admin/mcp/servers/financial", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let financial = |alias: &str, scopes: Value| json!({"name": "Financial", "resource_uri": FINANCE, "aliases": [alias], "scopes_supported": scopes});
    put(financial(GATE, json!(["mcp:financial"]))).await;
    assert_eq!(scopes().await, one);
    put(financial("urn:x", json!(["mcp:financial"]))).await;
    assert_eq!(scopes().await, none, "its target is no server here any more");
    put(financial(GATE, json!(["mcp:financial", "mcp:more"]))).await;
    assert_eq!(scopes().await, both);
    // A smaller scope was asked for.
    let narrow = token_of(&org.exchanges(&base, &[("audience", GATE), ("scope", "mcp:more")]).await);
    assert_eq!(validated(&org, &narrow, "/mcp/financial").await.header(identity::SCOPES), "mcp:more");
    // Tokens of today are used up, and come back.
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": 10}, "tokens_used_today": 10})).await;
    assert_eq!(scopes().await.0, 403);
    org.change(&agent, json!({"tokens_used_today": 0})).await;
    assert_eq!(scopes().await, both);
    assert_eq!(org.admin("DELETE /admin/mcp/servers/financial", Value::Null).await.status, 200);
    assert_eq!(scopes().await, none);
}

#[tokio::test]
async fn it_ends_with_what_it_was_made_from_and_with_whoever_acts() {
    let (org, agent) = gated().await;
    let actor = org.agent("Actor", json!({"capabilities": ["mcp:financial"]})).await;
    let acting = org.token(&actor, None).await;
    let base = org.token(&agent, None).await;
    let more = [("audience", GATE), ("actor_token", acting.as_str()), ("actor_token_type", ACCESS_TOKEN)];
    let token = token_of(&org.exchanges(&base, &more).await);
    let status = async |token: &str| validated(&org, token, "/mcp/financial").await.status;
    assert_eq!(status(&token).await, 200);
    org.change(&actor, json!({"status": "suspended"})).await;
    assert_eq!(status(&token).await, 401);
    org.change(&actor, json!({"status": "active"})).await;
    assert_eq!(status(&token).await, 200);
    let (first, second) = (org.exchanged(&base, GATE).await, org.exchanged(&base, GATE).await);
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    org.form("/oauth/revoke", &[("token", &first)]).await;
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    org.form("/oauth/revoke", &[("token", &base)]).await;
    assert_eq!((status(&token).await, status(&second).await), (401, 401));
    let base = org.token(&agent, None).await;
    let last = org.exchanged(&base, GATE).await;
    org.stack.hands.forward(311);
    assert_eq!(status(&last).await, 401);
}
