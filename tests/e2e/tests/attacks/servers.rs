//! The addresses of MCP servers: the callers' headers go on there, and must bring nobody anything.

use e2e::Caller;
use reqwest::Method;

use super::paths::must_be_refused;
use super::{STACK, admin_with, bearer, get_raw, sealed_identity};

/// Of a server that the policy gives lob1 nothing of but its sight.
const ADDRESSES: [&str; 4] = ["/mcp/mcpgw", "/mcp/mcpgw/sse", "/mcpgw/mcp", "/mcpgw/messages/"];

#[tokio::test]
async fn forged_identities_open_no_server() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/servers-secret").await;
    let seal = sealed_identity(stack, &admin).await;
    let lob = Caller::sign_in(stack, "lob1-bot").await;
    let gateway = stack.gateway();
    let mut forged: Vec<String> = ["X-Identity", "x-identity", "X_Identity", "X.Identity", "X-IDENTITY"]
        .iter()
        .map(|name| format!("{name}: {seal}\r\n"))
        .collect();
    for name in ["X-User", "X-Username", "X-Client-Id", "X-Groups", "X-Scopes", "X_Scopes", "X-Server-Name"] {
        forged.push(format!("{name}: mcp-registry-admin\r\n"));
    }
    forged.push(format!("Connection: X-Identity\r\nX-Identity: {seal}\r\n"));
    forged.push("X-Original-URI: /mcp/currenttime\r\n".to_owned());
    forged.push(format!("X-Authorization: {}", bearer(admin.token()).trim_start_matches("Authorization: ")));
    for address in ADDRESSES {
        for line in &forged {
            for lines in [line.clone(), format!("{line}{line}")] {
                let nobody = get_raw(&gateway, address, &lines).await;
                assert_eq!(nobody.status(), 401, "{address} {lines}: {nobody:?}");
                let lob = get_raw(&gateway, address, &(bearer(lob.token()) + &lines)).await;
                assert_eq!(lob.status(), 403, "{address} {lines}: {lob:?}");
                assert_eq!(lob.json()["error"]["code"], -32011, "{lob:?}");
            }
        }
        // Two tokens are two identities.
        let two = bearer(lob.token()) + &bearer(admin.token());
        assert_eq!(get_raw(&gateway, address, &two).await.status(), 400, "{address}");
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let answer = lob.send(Method::POST, "/mcp/mcpgw", Some(body), &[("X-Identity", &*seal)]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]["code"]),
        (403, &(-32011).into()),
        "{answer:?}"
    );
}

#[tokio::test]
async fn no_way_leads_through_a_servers_address_into_the_api() {
    let Some(stack) = STACK.get().await else { return };
    must_be_refused(
        stack,
        &[
            ("/mcp/../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/mcp/x/../../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/mcp/%2e%2e/api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/mcp/..%2fapi/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/currenttime/mcp/../../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/currenttime/mcp/..%2f..%2fapi/agents/third-secret", [403, 403, 403, 403, 400]),
            ("//mcp/../api/agents/third-secret", [404, 404, 404, 403, 400]),
        ],
    )
    .await;
}
