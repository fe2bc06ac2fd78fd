//! What is asked for: spellings of a target that two readers could read differently, and where it is asked.

use e2e::raw;
use xtask::stack::Stack;

use super::{Caller, MARK, STACK, admin_with, bearer, get_raw, sealed_identity};

/// The statuses of a target: through nginx as lob1 (to whom /code-reviewer is granted), as the
/// administrator and as nobody; as the administrator at the auth-server and at the registry themselves.
pub(crate) type Statuses = [u16; 5];

/// Asks for these targets everywhere; all of them aim at `/third-secret` of the administrator.
pub(crate) async fn must_be_refused(stack: &Stack, tricks: &[(&str, Statuses)]) {
    let admin = admin_with(stack, "/third-secret").await;
    admin_with(stack, "/code-reviewer").await;
    let lob = Caller::sign_in(stack, "lob1-bot").await;
    let seal = sealed_identity(stack, &admin).await;
    let (gateway, registry, auth_server) = (stack.gateway(), stack.registry_url(), stack.auth_url());
    let as_admin = bearer(admin.token());
    // Spelled honestly it is there, and the doors used below open.
    let honest = "/api/agents/third-secret";
    assert!(get_raw(&gateway, honest, &as_admin).await.text.contains(MARK));
    assert!(get_raw(&registry, honest, &format!("X-Identity: {seal}\r\n")).await.text.contains(MARK));
    assert_eq!(get_raw(&gateway, honest, &bearer(lob.token())).await.status(), 403);

    let mut wrong = Vec::new();
    for (target, expected) in tricks {
        let original = format!("{as_admin}X-Original-Method: GET\r\nX-Original-URI: {target}\r\n");
        let replies = [
            get_raw(&gateway, target, &bearer(lob.token())).await,
            get_raw(&gateway, target, &as_admin).await,
            get_raw(&gateway, target, "").await,
            get_raw(&auth_server, "/validate", &original).await,
            get_raw(&registry, target, &format!("X-Identity: {seal}\r\n")).await,
        ];
        for (reply, expected) in replies.iter().zip(expected) {
            assert!(*expected == 200 || !reply.text.contains(MARK), "{target}: {reply:?}");
        }
        let statuses = replies.each_ref().map(raw::Reply::status);
        if statuses != *expected {
            wrong.push((*target, statuses));
        }
    }
    assert_eq!(wrong, [], "statuses other than expected");
}

#[tokio::test]
async fn dot_dot_segments_lead_nowhere() {
    let Some(stack) = STACK.get().await else { return };
    must_be_refused(
        stack,
        &[
            ("/x/../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/health/../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/docs/../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer/../third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/./third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/third-secret/.", [403, 403, 403, 403, 400]),
            ("/../../api/agents/third-secret", [400, 400, 400, 403, 400]),
        ],
    )
    .await;
}

#[tokio::test]
async fn encoded_dots_lead_nowhere() {
    let Some(stack) = STACK.get().await else { return };
    must_be_refused(
        stack,
        &[
            ("/api/agents/code-reviewer/%2e%2e/third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer/%2E%2E/third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer/.%2e/third-secret", [403, 403, 403, 403, 400]),
            ("/docs/%2e%2e/api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer/..%2fthird-secret", [403, 403, 403, 403, 400]),
            ("/health/..%2fapi/agents/third-secret", [403, 403, 403, 403, 400]),
        ],
    )
    .await;
}

#[tokio::test]
async fn double_encoding_leads_nowhere() {
    let Some(stack) = STACK.get().await else { return };
    must_be_refused(
        stack,
        &[
            ("/api/agents/code-reviewer/..%252fthird-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer/%252e%252e/third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/third%252dsecret", [403, 403, 403, 403, 400]),
            ("/api/agents/third-secret%2500", [403, 403, 403, 403, 400]),
        ],
    )
    .await;
}

#[tokio::test]
async fn repeated_slashes_lead_nowhere() {
    let Some(stack) = STACK.get().await else { return };
    must_be_refused(
        stack,
        &[
            ("//api/agents/third-secret", [404, 404, 404, 403, 400]),
            ("/api//agents/third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents//third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/%2fthird-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/third-secret//", [403, 403, 403, 403, 400]),
            ("//localhost/api/agents/third-secret", [404, 404, 404, 403, 400]),
        ],
    )
    .await;
}

#[tokio::test]
async fn bytes_that_end_or_split_a_path_lead_nowhere() {
    let Some(stack) = STACK.get().await else { return };
    must_be_refused(
        stack,
        &[
            ("/api/agents/third-secret%00", [400, 400, 400, 403, 400]),
            ("/api/agents/code-reviewer%00/../third-secret", [400, 400, 400, 403, 400]),
            ("/api/agents/code-reviewer\\..\\third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer%5c..%5cthird-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer;/../third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/code-reviewer%3f/../third-secret", [403, 403, 403, 403, 400]),
            ("/api/agents/third-secret%", [400, 400, 400, 403, 400]),
            ("/api/agents/third-secret%zz", [400, 400, 400, 403, 400]),
            ("/api/agents/third-secret%c0%ae", [403, 403, 403, 403, 400]),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_absolute_form_target_opens_what_its_path_opens_and_no_more() {
    let Some(stack) = STACK.get().await else { return };
    // RFC 9112 section 3.2.2 bids servers to take it: nginx passes on its path alone, and its host
    // is the one that counts. The gatekeeper is never shown one.
    must_be_refused(
        stack,
        &[
            ("http://localhost/api/agents/third-secret", [403, 200, 401, 403, 200]),
            ("http://localhost//api/agents/third-secret", [404, 404, 404, 403, 400]),
            ("http://localhost/x/../api/agents/third-secret", [403, 403, 403, 403, 400]),
            ("http://localhost/api/agents/code-reviewer/%2e%2e/third-secret", [403, 403, 403, 403, 400]),
            ("http://evil.example/api/agents/third-secret", [0, 0, 0, 403, 200]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_wrong_host_gets_no_answer() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/hosts-secret").await;
    let send = async |url: &str, bytes: String| raw::send(raw::address(url), bytes.as_bytes()).await;
    let token = bearer(admin.token());
    for host in ["rebound.example", "localhost.evil.example", "evil.example:80", "127.0.0.1.evil.example"] {
        for lines in [String::new(), token.clone()] {
            let bytes = format!("GET /api/agents/hosts-secret HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
            assert_eq!(send(&stack.gateway(), bytes).await.text, "", "{host}");
        }
        // The servers themselves ask nobody for a name: what counts there is the seal, and the token.
        let bytes = format!("GET /api/agents/hosts-secret HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(send(&stack.registry_url(), bytes).await.status(), 401, "{host}");
        let bytes = format!("GET /validate HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(send(&stack.auth_url(), bytes).await.status(), 401, "{host}");
    }
    for (lines, status) in [
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host: localhost/evil.example\r\n", 400),
        ("Host: \r\n", 400),
    ] {
        let bytes = format!("GET /api/agents/hosts-secret HTTP/1.1\r\n{token}{lines}\r\n");
        let reply = send(&stack.gateway(), bytes).await;
        assert_eq!(reply.status(), status, "{lines:?}: {reply:?}");
    }
}
