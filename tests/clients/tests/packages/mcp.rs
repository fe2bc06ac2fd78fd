//! The sample's MCP server, called by the `mcp` package's client: whom it lets in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clients::{McpServer, Probe, Python, Site, Target, ground, python};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{CAPABILITIES, nothing};

fn financial(more: Value) -> Value {
    let mut body = json!({"required_capability": "mcp:financial", "scopes_supported": ["mcp:financial"]});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

/// An agent of this slug, signed in, with its base token and one that was exchanged for the target.
async fn caller(site: &Site, python: &Python, slug: &str, target: &Target) -> (Probe, String, String) {
    let agent = site.agent(slug, &CAPABILITIES, nothing()).await;
    let mut probe = Probe::start(python, &site.environment(&agent));
    let base = probe.sign_in();
    let exchanged = exchange(site, &mut probe, &target.uri);
    site.keep(&base);
    (probe, base, exchanged)
}

fn exchange(site: &Site, probe: &mut Probe, id: &str) -> String {
    let token = probe.call("mcp.get_token", json!([id])).value().as_str().expect("a token").to_owned();
    site.keep(&token);
    token
}

#[tokio::test]
async fn it_takes_a_token_that_was_exchanged_for_it_and_no_other() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    let target = site.target("mcp-one", financial(json!({"aliases": ["urn:mcp:one"]}))).await;
    let other = site.target("mcp-two", financial(nothing())).await;
    let server = McpServer::start(python, site, &target, "mcp:financial", false);
    let (mut probe, base, exchanged) = caller(site, python, "mcp-caller", &target).await;
    let elsewhere = exchange(site, &mut probe, &other.uri);
    // Asked for by its alias, as 1.0.0 does: the audience is then a list.
    let kwargs = json!({"audience": "urn:mcp:one"});
    let by_alias = probe.call_with("_client.auth.token_exchange", json!([base]), kwargs).value();
    let by_alias = by_alias["access_token"].as_str().expect("a token");
    let called = server.call(&[&exchanged, by_alias, &base, &elsewhere, "nonsense"]);
    called[0].answered("mcp-caller");
    called[1].answered("mcp-caller");
    for refused in &called[2..] {
        refused.refused(401, "invalid_token");
    }
    // Another server takes the other, and not this one.
    let second = McpServer::start(python, site, &other, "mcp:financial", false);
    let called = second.call(&[&elsewhere, &exchanged, by_alias]);
    called[0].answered("mcp-caller");
    called[1].refused(401, "invalid_token");
    called[2].refused(401, "invalid_token");
    // It demands what the token does not grant.
    let stricter = McpServer::start(python, site, &target, "mcp:trading", false);
    stricter.call_once(&exchanged).refused(403, "insufficient_scope");
    site.is_silent();
}

#[tokio::test]
async fn it_refuses_what_was_revoked_when_it_asks() {
    let Some((site, python)) = ground("1.0.0").await else { return };
    let target = site.target("mcp-asking", financial(nothing())).await;
    let other = site.target("mcp-prying", financial(nothing())).await;
    let asking = McpServer::start(python, site, &target, "mcp:financial", true);
    let believing = McpServer::start(python, site, &target, "mcp:financial", false);
    // Who may not ask is told nothing: its secret is another server's.
    let stolen = Target { secret: other.secret.clone(), id: target.id.clone(), uri: target.uri.clone() };
    let mistaken = McpServer::start(python, site, &stolen, "mcp:financial", true);
    let (mut probe, base, exchanged) = caller(site, python, "mcp-revoked", &target).await;
    let second = exchange(site, &mut probe, &target.uri);
    for called in asking.call(&[&exchanged, &second]) {
        called.answered("mcp-revoked");
    }
    mistaken.call_once(&exchanged).refused(401, "invalid_token");
    let agent = probe.read("client_id");
    let client = json!({"client_id": agent, "client_secret": probe.read("client_secret")});
    let _ = probe.call_with("_client.auth.revoke", json!([exchanged]), client.clone()).value();
    let called = asking.call(&[&exchanged, &second]);
    called[0].refused(401, "invalid_token");
    called[1].answered("mcp-revoked");
    // Who does not ask cannot know, until it expires: that is why tokens for MCP servers live for minutes.
    believing.call_once(&exchanged).answered("mcp-revoked");
    // A suspended agent's tokens end too.
    let path = format!("agents/{}/deactivate", agent.as_str().expect("an id"));
    site.admin(Method::POST, &path, None, 200).await;
    asking.call_once(&second).refused(401, "invalid_token");
    site.keep(&base);
    site.is_silent();
}

/// Whoever asks about a token that is not for him is told what he would be told of nonsense.
#[tokio::test]
async fn a_token_is_known_to_its_own_server_and_to_the_key_alone() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    let target = site.target("mcp-own", financial(nothing())).await;
    let other = site.target("mcp-nosy", financial(nothing())).await;
    let (_, base, exchanged) = caller(site, python, "mcp-known", &target).await;
    let inactive = json!({"active": false});
    for (token, who, active) in [
        (&exchanged, &target, true),
        (&exchanged, &other, false),
        (&base, &target, false),
        (&"nonsense".to_owned(), &target, false),
    ] {
        let asked = site.request(Method::POST, "/oauth/introspect").basic_auth(&who.id, Some(&who.secret));
        let answer = asked.json(&json!({"token": token})).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let told: Value = answer.json().await.expect("JSON");
        assert_eq!(told["active"], active, "{told}");
        assert!(active || told == inactive, "{told}");
    }
    let nobody = site.form("/oauth/introspect", &[("token", &exchanged)]).await;
    assert_eq!((nobody.0.as_u16(), &nobody.1["error"]), (401, &json!("invalid_client")), "{nobody:?}");
    site.is_silent();
}

/// Waits for the real clock: no token lives less than half a minute.
#[tokio::test]
async fn it_refuses_what_has_expired() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    let target = site.target("mcp-brief", financial(json!({"token_lifetime": 30}))).await;
    let server = McpServer::start(python, site, &target, "mcp:financial", false);
    let (mut probe, _, _) = caller(site, python, "mcp-late", &target).await;
    let token = exchange(site, &mut probe, &target.uri);
    let expiry = python::claims(python, &token)["payload"]["exp"].as_u64().expect("a time");
    server.call_once(&token).answered("mcp-late");
    // What is waited for is the time itself, which nothing can announce.
    tokio::time::sleep_until(Instant::now() + until(expiry) - Duration::from_secs(5)).await;
    server.call_once(&token).answered("mcp-late");
    tokio::time::sleep_until(Instant::now() + until(expiry) + Duration::from_secs(1)).await;
    server.call_once(&token).refused(401, "invalid_token");
    site.is_silent();
}

/// How long it is until a time in seconds since 1970.
fn until(time: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Duration::from_secs(time).saturating_sub(now)
}

/// Tokens that our issuer would never sign, from one whose keys the test has: each is right but for one thing.
#[tokio::test]
async fn it_checks_everything_there_is_to_check() {
    let python = match python::with("1.1.0") {
        Ok(python) => python,
        Err(reason) => return clients::skipped(&reason),
    };
    let samples = python::sample("").display().to_string();
    let said = python.run(&python::ours("python/judge.py"), &[&samples], &[]).well();
    let judged: Value = serde_json::from_str(&said).unwrap_or_else(|cause| panic!("{cause}: {said}"));
    let judged = judged.as_object().expect("a verdict for each");
    assert!(judged.len() > 25, "{said}");
    for (name, taken) in judged {
        assert_eq!(*taken, name.starts_with("right"), "{name}");
    }
}
