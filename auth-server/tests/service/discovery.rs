//! How a client that knows one URL finds out where tokens come from (RFC 9728, RFC 8414).

use serde_json::json;

use crate::stack::Stack;

const RESOURCE: &str = "/.well-known/oauth-protected-resource";

#[tokio::test]
async fn a_challenge_leads_to_the_token_endpoint() {
    for (flag, url, base) in [
        ("--public-url=http://127.0.0.1:8080", "http://127.0.0.1:8080", ""),
        ("--public-url=https://gw.example.com/tools", "https://gw.example.com", "/tools"),
    ] {
        let stack = Stack::cold(&[flag]).await;
        let head = "GET /validate HTTP/1.1\r\nx-original-uri: /team%2Fclock/mcp?x\r\n";
        let challenge = stack.send(head, "").await.header("www-authenticate").to_owned();
        let document = format!("{RESOURCE}{base}/team/clock/mcp");
        assert_eq!(
            challenge,
            format!("Bearer realm=\"registry\", resource_metadata=\"{url}{document}\""),
            "the well-known part comes before the path"
        );
        let answer = stack.get(&document).await;
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let own = format!("{url}{base}/orgs/default/api/v1");
        assert_eq!(
            answer.json(),
            json!({
                "resource": format!("{url}{base}/team/clock/mcp"),
                "authorization_servers": ["http://idp/realms/mcp-gateway", "http://lax", own],
                "bearer_methods_supported": ["header"],
            })
        );
        for name in ["oauth-authorization-server", "openid-configuration"] {
            let at_root = stack.get(&format!("/.well-known/{name}{base}/orgs/default/api/v1")).await;
            let appended = stack.get(&format!("/orgs/default/api/v1/.well-known/{name}")).await;
            assert_eq!((at_root.json(), at_root.status), (appended.json(), 200));
            assert_eq!(at_root.json()["issuer"], own);
        }
        // The gateway as a whole.
        let whole = stack.get(&format!("{RESOURCE}{base}")).await.json();
        assert_eq!(whole["resource"], format!("{url}{base}"));
    }
}

#[tokio::test]
async fn both_forms_of_an_address_have_a_document() {
    let stack = Stack::cold(&["--public-url=https://gw.example.com"]).await;
    for (asked, resource) in [
        ("/mcp/clock", "/mcp/clock"),
        ("/mcp/clock/", "/mcp/clock"),
        ("/mcp/clock/mcp", "/mcp/clock"),
        ("/mcp/clock/sse?session=1", "/mcp/clock"),
        ("/mcp/clock/messages/", "/mcp/clock"),
        ("/clock/mcp", "/clock/mcp"),
        ("/clock/sse", "/clock/sse"),
        ("/mcp/registry", "/mcp/registry"),
    ] {
        let answer = stack.send(&format!("GET /validate HTTP/1.1\r\nx-original-uri: {asked}\r\n"), "").await;
        let document = format!("{RESOURCE}{resource}");
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (
                401,
                &*format!(
                    "Bearer realm=\"registry\", resource_metadata=\"https://gw.example.com{document}\""
                )
            ),
            "{asked}"
        );
        let told = stack.get(&document).await.json();
        assert_eq!(
            told["resource"],
            format!("https://gw.example.com{resource}"),
            "what is named is what is told"
        );
    }
    for nothing in ["/mcp", "/mcp/clock/other", "/mcp/api", "/mcp/.hidden"] {
        assert_eq!(stack.get(&format!("{RESOURCE}{nothing}")).await.status, 404, "{nothing}");
        let head = format!("GET /validate HTTP/1.1\r\nx-original-uri: {nothing}\r\n");
        assert_eq!(stack.send(&head, "").await.header("www-authenticate"), "Bearer realm=\"registry\"");
    }
}

#[tokio::test]
async fn whether_a_server_exists_is_not_told() {
    let stack = Stack::cold(&["--public-url=http://h/tools"]).await;
    for server in ["currenttime/mcp", "no/such/server", "x"] {
        let answer = stack.get(&format!("{RESOURCE}/tools/{server}")).await;
        assert_eq!(answer.json()["resource"], format!("http://h/tools/{server}"));
    }
    for path in [
        format!("{RESOURCE}/currenttime/mcp"),
        format!("{RESOURCE}/toolsx/mcp"),
        format!("{RESOURCE}/tools/api/agents"),
        format!("{RESOURCE}/tools/health"),
        format!("{RESOURCE}/tools/../x"),
        format!("{RESOURCE}/tools//x"),
        format!("{RESOURCE}x/tools/x"),
        "/.well-known/oauth-authorization-server".to_owned(),
        "/.well-known/oauth-authorization-server/orgs/default/api/v1".to_owned(),
        "/.well-known/oauth-authorization-server/tools/orgs/other/api/v1".to_owned(),
        "/.well-known/agent.json".to_owned(),
        "/.well-known/".to_owned(),
    ] {
        let answer = stack.get(&path).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (404, Some("not_found")), "{path}");
    }
    let posted = stack.send(&format!("POST {RESOURCE}/tools/x HTTP/1.1\r\n"), "").await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD"));
}
