//! `agentctl identity …` and `mcp-target …` through real nginx, by the organisation's key.

use e2e::{Caller, Desk};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::STACK;

const ISSUER: &str = "/orgs/default/api/v1";

/// Somebody with `run.json`, which holds the organisation's key.
fn keeper(stack: &Stack, name: &str) -> Desk {
    let mut desk = Desk::of(stack, name);
    let key = stack.run().admin_key.clone().expect("the embedded issuer has one");
    desk.write("run.json", &json!({ "admin_key": key }));
    desk.environment.push(("AGENTCTL_ADMIN_KEY_FILE", "run.json".to_owned()));
    desk
}

/// Signs an agent in: the answer, whatever it is.
async fn sign_in(stack: &Stack, client_id: &str, secret: &str) -> Value {
    let form = json!({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret});
    let nobody = Caller::new(stack.gateway(), None);
    nobody.post_json(&format!("{ISSUER}/oauth/token"), &form).await.body
}

async fn exchange(stack: &Stack, token: &str) -> Value {
    let form = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "audience": "urn:ctl:ledger",
    });
    let nobody = Caller::new(stack.gateway(), None);
    nobody.post_json(&format!("{ISSUER}/oauth/token"), &form).await.body
}

#[tokio::test]
async fn an_identity_from_its_making_to_its_end() {
    let Some(stack) = STACK.get().await else { return };
    let desk = keeper(stack, "keeper");
    let made =
        desk.run(&["identity", "create", "Ctl Clerk", "--tokens-per-day", "100", "--secret-out", "secret"]);
    let said = made.ends(0);
    let secret = std::fs::read_to_string(desk.path("secret")).expect("it was written").trim().to_owned();
    assert!(!said.contains(&secret), "a secret that goes to a file is not printed");
    let shown = desk.run(&["identity", "show", "ctl-clerk", "--json"]).json();
    let id = shown["data"]["clientId"].as_str().expect("an id").to_owned();

    let target = ["mcp-target", "create", "Ledger", "--resource-uri", "https://mcp.example.com/ledger"];
    let more = ["--alias", "urn:ctl:ledger", "--capability", "mcp:ledger", "--secret-out", "ledger-secret"];
    desk.run(&[&target[..], &more[..]].concat()).ends(0);

    // Granted, it counts for the next sign-in; revoked, at once.
    let signed_in = sign_in(stack, &id, &secret).await;
    let token = signed_in["access_token"].as_str().unwrap_or_else(|| panic!("{signed_in}")).to_owned();
    assert_eq!(exchange(stack, &token).await["error"], "capability_denied");
    let granted = desk.run(&["identity", "grant", "ctl-clerk", "mcp:ledger"]).ends(0);
    assert!(granted.starts_with("granted       mcp:ledger\n"), "{granted}");
    let signed_in = sign_in(stack, &id, &secret).await;
    let token = signed_in["access_token"].as_str().unwrap_or_else(|| panic!("{signed_in}")).to_owned();
    assert_eq!(exchange(stack, &token).await["scope"], "mcp:ledger");
    desk.run(&["identity", "revoke", "ctl-clerk", "mcp:ledger"]).ends(0);
    assert_eq!(exchange(stack, &token).await["error"], "capability_denied");
    desk.run(&["identity", "grant", "ctl-clerk", "mcp:ledger"]).ends(0);

    // What it used is told, ends its budget, and can be reset.
    let agent = Caller::new(stack.gateway(), Some(token.clone()));
    let used = agent.post_json(&format!("{ISSUER}/agents/me/usage"), &json!({"tokens": 100})).await;
    assert_eq!(used.must_be(200)["budget_exhausted"], true);
    let usage = desk.run(&["identity", "usage", "ctl-clerk", "--json"]).json();
    assert_eq!(
        (&usage["data"]["tokensUsedToday"], &usage["data"]["budgetExhausted"]),
        (&json!(100), &json!(true))
    );
    assert_eq!(exchange(stack, &token).await["error"], "budget_exceeded");
    desk.run(&["identity", "budget", "ctl-clerk", "--reset"]).ends(0);
    assert_eq!(exchange(stack, &token).await["scope"], "mcp:ledger");

    // Another secret, the old one ended; suspended, nothing works; and then it is gone.
    desk.run(&["identity", "rotate", "ctl-clerk", "--overlap", "0", "--secret-out", "secret"]).ends(0);
    assert_eq!(sign_in(stack, &id, &secret).await["error"], "invalid_client");
    let renewed = std::fs::read_to_string(desk.path("secret")).expect("it was written").trim().to_owned();
    assert_eq!(sign_in(stack, &id, &renewed).await["token_type"], "Bearer");
    desk.run(&["identity", "suspend", "ctl-clerk"]).ends(0);
    assert_eq!(exchange(stack, &token).await["error"], "invalid_grant");
    agent.send(Method::GET, "/api/agents", None, &[]).await.must_be(401);
    desk.run(&["identity", "delete", "ctl-clerk", "--yes"]).ends(0);
    desk.run(&["identity", "show", "ctl-clerk"]).ends(1);
    desk.run(&["mcp-target", "delete", "ledger", "--yes"]).ends(0);
}

#[tokio::test]
async fn who_has_neither_key_nor_scope_keeps_nothing() {
    let Some(stack) = STACK.get().await else { return };
    let desk = super::desk(stack, "lob1-bot").await;
    let refused = desk.run(&["identity", "list"]);
    assert!(refused.err.contains("admin:agents:read"), "{}", refused.err);
    refused.ends(1);
}
