//! A target cannot bear our own name: a token for it would be a base token.

use reqwest::Method;
use serde_json::json;

use super::organisation::{MOUNTS, Organisation};
use super::shared;

#[tokio::test]
async fn no_target_has_the_issuers_name() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let mut wrong = Vec::new();
    for mount in MOUNTS {
        let ours = format!("{}{mount}", organisation.stack.gateway());
        for (uri, aliases) in [(ours.as_str(), json!([])), ("https://mcp.example.com/ours", json!([ours]))] {
            let wanted = json!({"name": "Ours", "resource_uri": uri, "aliases": aliases});
            let answer = organisation.admin(Method::POST, "mcp/servers", Some(&wanted)).await;
            if let Some(secret) = answer.body["data"]["introspectionSecret"].as_str() {
                organisation.remember(secret);
            }
            if answer.status != 422 {
                wrong.push((uri.to_owned(), aliases, answer.status));
                let id = answer.body["data"]["id"].as_str().unwrap_or_default();
                organisation.admin(Method::DELETE, &format!("mcp/servers/{id}"), None).await;
            }
        }
    }
    assert_eq!(wrong, [], "taken as names of a target");
}
