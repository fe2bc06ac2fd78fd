//! The registry exchanges the seal of a request: whose seals count, and for which MCP server.

use access::identity;
use serde_json::{Value, json};
use token::{Signer, SigningAlgorithm};

use super::bound::{ARCHIVE, GATE, PUBLIC, gated};
use super::org::{ACCESS_TOKEN, Agent, EXCHANGE, FINANCE, Org, claims, oauth_error, token_of};
use crate::stack::{Answer, SECRET};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const FINANCIAL: [(&str, &str); 2] = [("audience", FINANCE), ("resource", GATE)];

/// The seal that a request with this token carries.
async fn seal(org: &Org, token: &str, uri: &str) -> String {
    let answer = org.stack.validate(token, uri).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header(identity::SEALED).to_owned()
}

async fn exchange(org: &Org, shown: &str, kind: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", EXCHANGE), ("subject_token", shown), ("subject_token_type", kind)];
    form.extend(more);
    org.form("/oauth/token", &form).await
}

async fn sealed() -> (Org, Agent, String) {
    let (org, agent) = gated().await;
    let base = org.token(&agent, None).await;
    let seal = seal(&org, &base, "/api/agents").await;
    (org, agent, seal)
}

#[tokio::test]
async fn a_seal_becomes_a_token_for_the_server_of_the_request() {
    let (org, agent, seal) = sealed().await;
    let answer = exchange(&org, &seal, JWT, &FINANCIAL).await;
    let said = claims(&token_of(&answer));
    assert_eq!(
        (&said["aud"], &said["agent_id"], &said["scope"], said.get("act")),
        (&json!(FINANCE), &json!(agent.id), &json!("mcp:financial mcp:more"), None),
        "and the gateway's own door stays closed to it"
    );
    let (base, jti) = (claims(&seal)["base"].clone(), said["jti"].clone());
    assert!(jti.as_str().unwrap().starts_with(&format!("{}.", base.as_str().unwrap())), "{jti} of {base}");
    // It lives no longer than the seal does.
    assert!(answer.json()["expires_in"].as_u64().is_some_and(|life| life <= 90), "{answer:?}");
    // Asked for by either form of its address, and by that alone.
    let other = format!("{PUBLIC}/financial/mcp");
    let answer = exchange(&org, &seal, JWT, &[("audience", FINANCE), ("resource", &other)]).await;
    assert_eq!(claims(&token_of(&answer))["aud"], FINANCE);
    assert_eq!(exchange(&org, &seal, JWT, &[("resource", GATE)]).await.status, 200);
    assert_eq!(exchange(&org, &seal, JWT, &[("resource", ARCHIVE)]).await.status, 200);
    // Each is in the trail, as the agent's.
    let records = org.records("exchange", 4).await;
    assert!(records.iter().all(|record| record["who"] == "agent:research-analyst"), "{records:#?}");
}

#[tokio::test]
async fn no_exchange_opens_another_server_than_the_one_asked_for() {
    let (org, agent, unbound) = sealed().await;
    let token = org.exchanged(&org.token(&agent, None).await, GATE).await;
    let bound = seal(&org, &token, "/mcp/financial").await;
    assert_eq!(exchange(&org, &bound, JWT, &FINANCIAL).await.status, 200);
    for (seal, more) in [
        // The server is not said.
        (&unbound, vec![("audience", FINANCE)]),
        (&unbound, vec![("audience", "urn:mcp:archive")]),
        // A card that names another server's audience.
        (&unbound, vec![("audience", "urn:mcp:archive"), ("resource", GATE)]),
        (&unbound, vec![("audience", FINANCE), ("resource", ARCHIVE)]),
        (&unbound, vec![("audience", FINANCE), ("resource", GATE), ("resource", ARCHIVE)]),
        (&unbound, vec![("audience", FINANCE), ("resource", "http://127.0.0.1:8080/mcp/unknown")]),
        // The caller's token was for another server.
        (&bound, vec![("resource", ARCHIVE)]),
        (&bound, vec![("audience", "urn:mcp:archive"), ("resource", ARCHIVE)]),
        (&bound, vec![("audience", FINANCE)]),
        (&bound, vec![("audience", "urn:mcp:archive")]),
    ] {
        oauth_error(&exchange(&org, seal, JWT, &more).await, 400, "invalid_target");
    }
    // One that was made from a token that was made from another is void with each of them.
    let made = token_of(&exchange(&org, &bound, JWT, &FINANCIAL).await);
    let active = async || {
        let key = format!("x-api-key: {}\r\n", org.key);
        let form = [("token", made.as_str())];
        org.call("POST /oauth/introspect", &key, super::org::Sent::Form(&form)).await.json()["active"].clone()
    };
    assert_eq!(active().await, true);
    org.form("/oauth/revoke", &[("token", &token)]).await;
    assert_eq!(active().await, false);
    oauth_error(&exchange(&org, &bound, JWT, &FINANCIAL).await, 400, "invalid_grant");
}

#[tokio::test]
async fn what_is_no_seal_of_ours_opens_nothing() {
    let (org, agent, good) = sealed().await;
    let pkcs8 = std::fs::read(org.stack.folder.path().join("state/identity.eddsa.pk8")).unwrap();
    let ours = Signer::from_pkcs8(SigningAlgorithm::EdDsa, &pkcs8).unwrap();
    let (strange, _) = Signer::generate(SigningAlgorithm::EdDsa).unwrap();
    let said = claims(&good);
    let with = |name: &str, value: Value| {
        let mut claims = said.clone();
        claims[name] = value;
        if claims[name].is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
        claims
    };
    let again = ours.sign(identity::TYPE, &said).unwrap();
    assert_eq!(exchange(&org, &again, JWT, &FINANCIAL).await.status, 200, "as it is");
    for (what, shown) in [
        ("another key", strange.sign(identity::TYPE, &said).unwrap()),
        ("another kind", ours.sign("at+jwt", &said).unwrap()),
        ("no kind", ours.sign("JWT", &said).unwrap()),
        ("another audience", ours.sign(identity::TYPE, &with("aud", json!("auth-server"))).unwrap()),
        ("another issuer", ours.sign(identity::TYPE, &with("iss", json!(super::org::ISSUER))).unwrap()),
        ("no base", ours.sign(identity::TYPE, &with("base", Value::Null)).unwrap()),
        ("no client", ours.sign(identity::TYPE, &with("client_id", Value::Null)).unwrap()),
        ("another client", ours.sign(identity::TYPE, &with("client_id", json!("lob1-bot"))).unwrap()),
        ("another subject", ours.sign(identity::TYPE, &with("sub", json!("agent:else"))).unwrap()),
        ("an end in the past", ours.sign(identity::TYPE, &with("exp", json!(1))).unwrap()),
        // The issuer's key, in a seal's clothes.
        ("an access token dressed as a seal", org.forge(&said)),
        ("no token at all", "x".to_owned()),
    ] {
        let answer = exchange(&org, &shown, JWT, &FINANCIAL).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!("invalid_grant")),
            "{what}: {answer:?}"
        );
    }
    // A seal is a JWT, and no access token; nor does it act for anybody.
    oauth_error(&exchange(&org, &good, ACCESS_TOKEN, &FINANCIAL).await, 400, "invalid_grant");
    let actor = [FINANCIAL[0], FINANCIAL[1], ("actor_token", good.as_str()), ("actor_token_type", JWT)];
    oauth_error(&exchange(&org, &good, JWT, &actor).await, 400, "invalid_grant");
    // Nor does it open any other door.
    assert_eq!(org.stack.validate(&good, "/api/agents").await.status, 401);
    assert_eq!(org.asks(&good, "GET /agents/me", Value::Null).await.status, 401);
    // Whoever is no agent has a seal as well.
    let form = format!("grant_type=client_credentials&client_id=mcp-gateway-m2m&client_secret={SECRET}");
    let person = token_of(&org.stack.sign_in(&form).await);
    for token in [person, org.stack.token(json!({}))] {
        let seal = seal(&org, &token, "/api/agents").await;
        oauth_error(&exchange(&org, &seal, JWT, &FINANCIAL).await, 400, "invalid_grant");
    }
    // At its end.
    assert_eq!(exchange(&org, &good, JWT, &FINANCIAL).await.status, 200);
    org.stack.hands.forward(101);
    oauth_error(&exchange(&org, &good, JWT, &FINANCIAL).await, 400, "invalid_grant");
    assert_eq!(org.stack.validate(&org.token(&agent, None).await, "/api/agents").await.status, 200);
}

#[tokio::test]
async fn a_seal_is_worth_what_its_token_is_worth_now() {
    let (org, agent, seal_of_all) = sealed().await;
    let outcome = async |seal: &str| {
        let answer = exchange(&org, seal, JWT, &FINANCIAL).await;
        let said = answer.json();
        (answer.status, said["error"].as_str().or(said["scope"].as_str()).unwrap().to_owned())
    };
    let said = |status: u16, text: &str| (status, text.to_owned());
    assert_eq!(outcome(&seal_of_all).await, said(200, "mcp:financial mcp:more"));
    let narrow = org.token(&agent, Some("mcp:more")).await;
    let narrow = seal(&org, &narrow, "/api/agents").await;
    assert_eq!(outcome(&narrow).await, said(403, "capability_denied"), "narrowed stays narrow");
    org.change(&agent, json!({"capabilities": ["mcp:financial"]})).await;
    assert_eq!(outcome(&seal_of_all).await, said(200, "mcp:financial"));
    org.change(&agent, json!({"capabilities": []})).await;
    assert_eq!(outcome(&seal_of_all).await, said(403, "capability_denied"));
    org.change(&agent, json!({"capabilities": ["mcp:financial", "mcp:more", "read:archive"]})).await;
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": 10}, "tokens_used_today": 10})).await;
    assert_eq!(outcome(&seal_of_all).await, said(429, "budget_exceeded"));
    org.change(&agent, json!({"tokens_used_today": 0})).await;
    assert_eq!(outcome(&seal_of_all).await, said(200, "mcp:financial mcp:more"));
    org.change(&agent, json!({"status": "suspended"})).await;
    assert_eq!(outcome(&seal_of_all).await, said(400, "invalid_grant"));
    org.change(&agent, json!({"status": "active"})).await;
    assert_eq!(outcome(&seal_of_all).await, said(200, "mcp:financial mcp:more"));
    // Its token is revoked: the seal, which outlives that by a minute, is void at once.
    let base = org.token(&agent, None).await;
    let last = seal(&org, &base, "/api/agents").await;
    assert_eq!(outcome(&last).await, said(200, "mcp:financial mcp:more"));
    org.form("/oauth/revoke", &[("token", &base)]).await;
    assert_eq!(outcome(&last).await, said(400, "invalid_grant"));
}
