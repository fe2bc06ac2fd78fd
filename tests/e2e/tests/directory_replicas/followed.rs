//! What is made at one server is good at the other, and what is taken there is taken here.

use e2e::forge::claims_of;
use reqwest::Method;
use serde_json::{Value, json};

use super::pair::{Pair, WORKER, WORKERS_SECRET, soon};
use super::server::{AuthServer, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_at_one_is_good_at_the_other() {
    let Some(Pair { near, far, .. }) = &Pair::start("made").await else { return };
    let key = near.key().expect("it came first");
    assert_eq!(far.key(), None, "an organisation has one key");
    near.make_target(&key).await;
    let agent = near.make(&key, "Research Analyst").await;

    let token = token_of(&soon(200, async || far.sign_in(&agent.id, &agent.secret).await).await);
    let bound = token_of(&far.exchange(&token).await);
    assert_eq!(claims_of(&bound)["aud"][0], "https://mcp.example.com/financial-data");
    // One issuer: each takes what the other gave.
    let nears = near.token(&agent).await;
    for (server, token) in [(near, &token), (far, &nears)] {
        token_of(&server.exchange(token).await);
        assert_eq!(server.validate(token).await.must_be(200)["client_id"], agent.id);
        assert_eq!(server.userinfo(token).await.must_be(200)["agent_id"], agent.id);
        assert_eq!(server.introspect(&key, &bound).await.must_be(200)["active"], true);
    }

    // What is made behind the cable is known at once by whoever made it, and soon next to the database.
    let other = far.make(&key, "Second Analyst").await;
    let token = far.token(&other).await;
    soon(200, async || near.validate(&token).await).await;
    near.sign_in(&other.id, &other.secret).await.must_be(200);
    // A name is taken wherever it was taken.
    for server in [near, far] {
        let slug = json!({"name": "x", "slug": "research-analyst"});
        let taken = server.admin(&key, Method::POST, "agents", Some(&slug)).await;
        assert_eq!(taken.must_be(409)["code"], "conflict");
    }
    for server in [near, far] {
        let log = server.log();
        for hidden in [&key, &agent.secret, &token, &bound] {
            assert!(!log.contains(hidden.as_str()), "a secret is in a log");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_writes_nowhere_from_that_moment_on() {
    let Some(Pair { near, far, .. }) = &Pair::start("keys").await else { return };
    let mut key = near.key().expect("it came first");
    let named = |name: &str| json!({ "name": name });
    far.admin(&key, Method::POST, "agents", Some(&named("kept"))).await.must_be(201);
    soon(200, async || near.admin(&key, Method::GET, "agents/kept", None).await).await;
    for round in 0..6 {
        let (here, there) = if round % 2 == 0 { (near, far) } else { (far, near) };
        let old = key;
        key = rotate(here, &old).await;
        // Not soon: the first write that comes afterwards, although it has not looked since.
        let change = named(&format!("Changed {round}"));
        let refused = there.admin(&old, Method::PATCH, "agents/kept", Some(&change)).await;
        assert_eq!(refused.must_be(401)["code"], "invalid_key", "round {round}");
        there.admin(&key, Method::PATCH, "agents/kept", Some(&change)).await.must_be(200);
        there.admin(&old, Method::POST, "api-key/rotate", None).await.must_be(401);
    }
    // To read, it must have looked.
    let old = key;
    let key = rotate(near, &old).await;
    soon(401, async || far.admin(&old, Method::GET, "agents/kept", None).await).await;
    let shown = far.admin(&key, Method::GET, "agents/kept", None).await;
    assert_eq!(shown.must_be(200)["data"]["name"], "Changed 5");
    far.introspect(&old, "x").await.must_be(401);
    far.introspect(&key, "x").await.must_be(200);
}

async fn rotate(server: &AuthServer, key: &str) -> String {
    let answer = server.admin(key, Method::POST, "api-key/rotate", None).await;
    let made = answer.must_be(200)["data"]["apiKey"].as_str().expect("a key").to_owned();
    assert_eq!(server.key().as_ref(), Some(&made), "it stands where it was replaced");
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_at_one_is_soon_gone_at_the_other() {
    let Some(Pair { near, far, .. }) = &Pair::start("taken").await else { return };
    let key = near.key().expect("it came first");
    near.make_target(&key).await;
    let agent = near.make(&key, "Research Analyst").await;
    let place = format!("agents/{}", agent.id);
    let change = async |method, path: &str, body: Option<&Value>| {
        near.admin(&key, method, &format!("{place}{path}"), body).await.must_be(200);
    };
    let [token, revoked] = [near.token(&agent).await, near.token(&agent).await];
    // Proven, and so remembered.
    let mut bound = Vec::new();
    for token in [&token, &revoked] {
        let proven = soon(200, async || far.validate(token).await).await;
        assert_eq!(proven.body["scopes"], json!(["registry-users-lob1"]));
        bound.push(token_of(&far.exchange(token).await));
    }

    // One token, and what was made from it.
    near.revoke(&revoked).await.must_be(200);
    soon(401, async || far.validate(&revoked).await).await;
    must_be_void(far, &key, &[&revoked, &bound[1]]).await;
    assert_eq!(far.exchange(&revoked).await.must_be(400)["error"], "invalid_grant");
    far.validate(&token).await.must_be(200);

    // The agent as a whole; `unseen` is refused without ever having been proven.
    let unseen = near.token(&agent).await;
    change(Method::POST, "/deactivate", None).await;
    soon(401, async || far.validate(&token).await).await;
    far.validate(&unseen).await.must_be(401);
    must_be_void(far, &key, &[&token, &unseen, &bound[0]]).await;
    assert_eq!(far.exchange(&token).await.must_be(400)["error"], "invalid_grant");
    assert_eq!(far.sign_in(&agent.id, &agent.secret).await.must_be(401)["error"], "invalid_client");
    change(Method::POST, "/activate", None).await;
    for token in [&token, &unseen] {
        soon(200, async || far.validate(token).await).await;
    }
    far.exchange(&token).await.must_be(200);
    far.validate(&revoked).await.must_be(401);

    // What it may do: a capability, and what its groups give at the registry.
    change(Method::PUT, "/scopes", Some(&json!({"scopes": ["read:documents"]}))).await;
    let refused = soon(403, async || far.exchange(&token).await).await;
    assert_eq!(refused.body["error"], "capability_denied");
    assert_eq!(far.ask(&token, "mcp:financial").await.must_be(200)["allowed"], false);
    assert_eq!(far.ask(&token, "read:documents").await.must_be(200)["allowed"], true);
    assert_eq!(far.introspect(&key, &bound[0]).await.must_be(200)["active"], false);
    change(Method::PATCH, "", Some(&json!({"groups": [], "capabilities": ["mcp:financial"]}))).await;
    soon(200, async || far.exchange(&token).await).await;
    assert_eq!(far.validate(&token).await.must_be(200)["scopes"], json!([]), "the proof of before is void");

    // What it may use.
    change(Method::PATCH, "", Some(&json!({"budget_policy": {"max_tokens_per_day": 10}}))).await;
    near.report(&token, 10, "run").await.must_be(200);
    assert_eq!(soon(429, async || far.exchange(&token).await).await.body["error"], "budget_exceeded");

    // Its secret, and the agent itself.
    let overlap = json!({"overlap_seconds": 0});
    let rotated =
        near.admin(&key, Method::POST, &format!("{place}/rotate-credentials"), Some(&overlap)).await;
    let secret = rotated.must_be(200)["data"]["clientSecret"].as_str().expect("a secret").to_owned();
    soon(200, async || far.sign_in(&agent.id, &secret).await).await;
    far.sign_in(&agent.id, &agent.secret).await.must_be(401);
    change(Method::DELETE, "", None).await;
    soon(401, async || far.validate(&token).await).await;
    must_be_void(far, &key, &[&token, &unseen]).await;
    far.sign_in(&agent.id, &secret).await.must_be(401);
    far.admin(&key, Method::GET, &place, None).await.must_be(404);

    // A client of the configuration has no entry, but its tokens can be revoked.
    let workers = token_of(&near.sign_in(WORKER, WORKERS_SECRET).await);
    far.validate(&workers).await.must_be(200);
    near.revoke(&workers).await.must_be(200);
    soon(401, async || far.validate(&workers).await).await;
}

/// Refused whatever is asked with them, by one who knows already.
async fn must_be_void(server: &AuthServer, key: &str, tokens: &[&str]) {
    for token in tokens {
        server.validate(token).await.must_be(401);
        server.userinfo(token).await.must_be(401);
        server.ask(token, "read:documents").await.must_be(401);
        server.report(token, 1, "void").await.must_be(401);
        assert_eq!(server.introspect(key, token).await.must_be(200)["active"], false);
    }
}
