//! The guide's service account, the lines of business, and a stranger, signed in at Keycloak.

use e2e::{column, eventually};
use serde_json::json;
use xtask::demo;
use xtask::keycloak::REALM;

use super::admin::Admin;
use super::{LOOSE, caller, keycloak, token, validate, world};

#[tokio::test]
async fn the_service_account_gets_exactly_the_guides_scopes() {
    let Some((_, stack)) = world().await else { return };
    let token = token(&keycloak().url(), REALM, "mcp-gateway-m2m").await;
    let claims = e2e::forge::claims_of(&token);
    let lifetime = claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert_eq!((lifetime, &claims["aud"]), (Some(300), &json!("mcp-registry")), "{claims}");

    let answer = validate(stack, &token).await;
    let body = answer.must_be(200);
    assert_eq!(body["username"], "service-account-mcp-gateway-m2m");
    assert_eq!(body["client_id"], "mcp-gateway-m2m");
    assert_eq!((&body["method"], answer.header("x-auth-method")), (&json!("keycloak"), "keycloak"));
    let scopes = ["a2a-agent-admin", "mcp-servers-unrestricted/execute", "mcp-servers-unrestricted/read"];
    let mut carried: Vec<&str> = answer.header("x-scopes").split(", ").collect();
    carried.sort_unstable();
    assert_eq!(carried, scopes);
    assert_eq!(body["scopes"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn people_have_good_passwords_and_what_happens_is_recorded() {
    let Some((keycloak, _)) = world().await else { return };
    let admin = Admin::of(keycloak);
    let realm = admin.get(&format!("/{REALM}")).await;
    for name in ["bruteForceProtected", "eventsEnabled", "adminEventsEnabled"] {
        assert_eq!(realm[name], true, "{name}");
    }
    let person = |name: &str, password: &str| {
        let password = json!({"type": "password", "value": password, "temporary": false});
        json!({"username": name, "enabled": true, "credentials": [password]})
    };
    let users = format!("/{LOOSE}/users");
    for weak in ["hunter2", "somebody-somewhere"] {
        let answer = admin.refused(&users, &person("somebody-somewhere", weak).to_string()).await;
        assert!(answer.starts_with("400") && answer.contains("assword"), "{weak}: {answer}");
    }
    admin.make(&users, &person("somebody", "a long enough sentence")).await;
    // The administrator's own doing is written down.
    let events = admin.get(&format!("/{LOOSE}/admin-events?resourceTypes=USER")).await;
    assert!(
        events.as_array().is_some_and(|list| list.iter().any(|it| it["operationType"] == "CREATE")),
        "{events}"
    );
}

#[tokio::test]
async fn agents_are_managed_and_seen_by_those_who_may() {
    let Some((_, stack)) = world().await else { return };
    let agent = caller(stack, REALM, "mcp-gateway-m2m").await;
    let cards = demo::samples().expect("they are in the tree");
    for card in &cards {
        agent.publish(card).await;
    }
    let found = eventually("the enabled agent is found", async || {
        let found = agent.find("review Python code for security vulnerabilities", 1).await;
        found.first().cloned()
    })
    .await;
    assert_eq!(found, "/code-reviewer");
    assert_eq!(agent.get("/api/agents").await.must_be(200)["total_count"], cards.len());

    // Each line of business sees its own and nothing else.
    for (client, own) in [
        ("lob1-bot", &["/code-reviewer", "/test-automation"]),
        ("lob2-bot", &["/data-analysis", "/security-analyzer"]),
    ] {
        let bot = caller(stack, REALM, client).await;
        let list = bot.get("/api/agents").await;
        let seen = column(&list.must_be(200)["agents"], "path");
        let there: Vec<&str> =
            own.iter().copied().filter(|path| cards.iter().any(|card| card["path"] == *path)).collect();
        assert_eq!(seen, there, "{client}");
        let near = bot.find("review Python code for security vulnerabilities", 100).await;
        assert!(near.iter().all(|path| own.contains(&&**path)), "{client}: {near:?}");
    }
    caller(stack, REALM, "lob2-bot").await.get("/api/agents/code-reviewer").await.must_refuse(403);

    // A group that nobody maps: in, and nothing to see or do.
    let stranger = caller(stack, REALM, "stranger-bot").await;
    let list = stranger.get("/api/agents").await;
    assert_eq!((&list.must_be(200)["agents"], &list.body["total_count"]), (&json!([]), &json!(0)));
    assert_eq!(stranger.find("anything", 10).await, Vec::<String>::new());
    stranger.post_json("/api/agents/register", &cards[0]).await.must_refuse(403);

    agent.post("/api/agents/code-reviewer/toggle?enabled=false").await.must_be(200);
    agent.delete("/api/agents/code-reviewer").await.must_be(204);
    agent.get("/api/agents/code-reviewer").await.must_refuse(404);
}

#[tokio::test]
async fn a_change_of_groups_takes_effect_with_the_next_token() {
    let Some((keycloak, stack)) = world().await else { return };
    let admin = Admin::of(keycloak);
    let groups = async |token: &str| validate(stack, token).await.must_be(200)["groups"].clone();
    let before = token(&keycloak.url(), LOOSE, "lob1-bot").await;
    assert_eq!(groups(&before).await, json!(["registry-users-lob1"]));

    let account = admin.account(LOOSE, "lob1-bot").await;
    let (old, new) =
        (admin.group(LOOSE, "registry-users-lob1").await, admin.group(LOOSE, "registry-users-lob2").await);
    admin.delete(&format!("/{LOOSE}/users/{account}/groups/{old}")).await;
    admin.put(&format!("/{LOOSE}/users/{account}/groups/{new}"), &json!({})).await;

    // A token says what was true when it was made, for 300 s at most.
    assert_eq!(groups(&before).await, json!(["registry-users-lob1"]));
    let after = token(&keycloak.url(), LOOSE, "lob1-bot").await;
    assert_eq!(groups(&after).await, json!(["registry-users-lob2"]));
    assert_eq!(validate(stack, &after).await.body["scopes"], json!(["registry-users-lob2"]));
}
