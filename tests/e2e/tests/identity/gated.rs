//! A token for an MCP server behind this gateway: at that server's addresses it counts, everywhere else it is
//! nothing.

use e2e::Caller;
use reqwest::Method;
use serde_json::json;

use super::organisation::{BASE, Organisation, refused_plainly, token_of};
use super::shared;

#[tokio::test]
async fn a_token_for_a_server_here_counts_there_and_nowhere_else() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let gateway = organisation.stack.gateway();
    let address = format!("{gateway}/mcp/gated");
    let wanted = json!({"name": "Gated", "slug": "gated", "resource_uri": address,
        "required_capability": "mcp:financial", "scopes_supported": ["mcp:financial"]});
    let made = organisation.admin(Method::POST, "mcp/servers", Some(&wanted)).await;
    let secret = made.must_be(201)["data"]["introspectionSecret"].as_str().expect("shown once");
    organisation.remember(secret);
    let agent = organisation.agent("Gated", json!({})).await;
    let base = organisation.sign_in(&agent).await;
    let token = token_of(&organisation.exchange(&base, &[("resource", &address)]).await);
    let caller = Caller::new(gateway.clone(), Some(token.clone()));
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    // It is the right token, and the policy has no section for its scope: 403, where another one gets 401.
    for path in ["/mcp/gated", "/mcp/gated/sse", "/gated/mcp"] {
        let answer = caller.post_bytes(path, call).await;
        assert_eq!(answer.must_be(403)["jsonrpc"], "2.0", "{path}: {answer:?}");
    }
    let nobody = Caller::new(gateway.clone(), None);
    for (path, resource) in
        [("/mcp/other", "/mcp/other"), ("/mcp/other/sse", "/mcp/other"), ("/other/mcp", "/other/mcp")]
    {
        for caller in [&caller, &nobody] {
            let answer = caller.post_bytes(path, call).await;
            assert_eq!(answer.must_be(401)["jsonrpc"], "2.0", "{path}: {answer:?}");
            let challenge = answer.header("www-authenticate");
            let document = format!("/.well-known/oauth-protected-resource{resource}");
            assert!(challenge.contains(&format!("resource_metadata=\"{gateway}{document}\"")), "{challenge}");
            let told = nobody.get(&document).await;
            assert_eq!(told.must_be(200)["resource"], format!("{gateway}{resource}"));
            let issuers = told.body["authorization_servers"].to_string();
            assert!(issuers.contains(&organisation.issuer()), "{issuers}");
        }
    }
    for path in ["/api/agents", "/api/servers", "/api/changes", "/mcp/gated/other", "/mcp"] {
        let status = caller.get(path).await.status.as_u16();
        assert_eq!(status, if path == "/mcp" { 404 } else { 401 }, "{path}");
    }
    refused_plainly(&organisation.with(&token, Method::GET, "oauth/userinfo", None).await, 401);
    // It ends with the token that it was made from.
    let form = [("token", base.as_str())];
    organisation.form(&format!("{BASE}/oauth/revoke"), &form, &[]).await.must_be(200);
    assert_eq!(caller.post_bytes("/mcp/gated", call).await.must_be(401)["jsonrpc"], "2.0");
}
