//! The policy while the server runs: replaced whole, never by a broken content; and the trail.

use access::identity;
use serde_json::{Value, json};

use crate::stack::{NOW, Stack};

const SHIPPED: &str = include_str!("../../../deploy/scopes.yml");

#[tokio::test]
async fn another_content_takes_force_at_once_and_a_broken_one_not_at_all() {
    let stack = Stack::start().await;
    let token = stack.token(json!({"groups": ["newcomers"]}));
    let scopes = async || stack.validate(&token, "/api/agents").await.header(identity::SCOPES).to_owned();
    assert_eq!(scopes().await, "");
    let version = |health: &Value| health["policy"]["version"].as_str().unwrap().to_owned();
    let before = stack.get("/health").await.json();
    assert_eq!((&before["policy"]["faults"], &before["status"]), (&json!([]), &json!("ok")));

    stack.app.take_policy(Ok("UI-Scopes: {newcomers: {list_agents: /x}}".into()));
    assert_eq!(scopes().await, "", "a faulty file opens nothing");
    let faulty = stack.get("/health").await.json();
    assert_eq!((version(&faulty), &faulty["status"]), (version(&before), &json!("degraded")));
    assert!(faulty["policy"]["faults"][0].as_str().unwrap().starts_with("line 1, column "));
    assert_eq!(stack.count("auth_server_policy_faults").await, 1);

    stack.hands.forward(5);
    stack.app.take_policy(Ok(format!("{SHIPPED}\nnewcomers: []\n")));
    assert_eq!(scopes().await, "newcomers", "the cached proof was made by the policy before");
    let after = stack.get("/health").await.json();
    assert_ne!(version(&after), version(&before));
    assert_eq!((&after["policy"]["faults"], &after["policy"]["loaded_at"]), (&json!([]), &json!(NOW + 5)));

    stack.app.take_policy(Err("gone".into()));
    assert_eq!(scopes().await, "newcomers", "a file that is gone takes nothing away");
    assert_eq!(stack.get("/health").await.json()["status"], "degraded");
    stack.app.take_policy(Ok(SHIPPED.into()));
    assert_eq!(scopes().await, "");
    assert_eq!(stack.count("auth_server_policy_generation").await, 3);
}

#[tokio::test]
async fn refused_requests_leave_a_line_each_without_their_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("audit.log");
    let flag = format!("--audit={}", trail.display());
    let stack = Stack::cold(&[&flag]).await;
    stack.provider.page("/jwks", token::key_set(&stack.signers));
    stack.app.refresh_keys().await;
    let good = stack.token(json!({"groups": ["registry-users-lob1"]}));
    stack.validate(&good, "/api/agents").await;
    stack.validate(&good, "/mcpgw/mcp?key=hunter2").await;
    stack.validate("garbage", "/api/agents?key=hunter2").await;
    stack.validate(&good, "/api/../etc").await;
    stack.sign_in("grant_type=client_credentials&client_id=nobody&client_secret=hunter2").await;
    let text = read_lines(&trail, 4).await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<[&str; 3]> = lines
        .iter()
        .map(|line| ["who", "resource", "verdict"].map(|key| line[key].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        said,
        [
            ["service-account-mcp-gateway-m2m", "/mcpgw/mcp", "forbidden"],
            ["-", "/api/agents", "unauthenticated"],
            ["-", "/api/../etc", "forbidden"],
            ["-", "/oauth/token", "refused"],
        ]
    );
    assert!(!text.contains("hunter2") && !text.contains("eyJ") && !text.contains("garbage"), "{text}");
}

/// The trail is written beside the requests, not by them: wait for so many lines.
async fn read_lines(trail: &std::path::Path, count: usize) -> String {
    let written = async {
        loop {
            let text = std::fs::read_to_string(trail).unwrap();
            if text.lines().count() >= count {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), written).await.unwrap()
}
