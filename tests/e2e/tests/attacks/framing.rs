//! Where a request ends: a second one hidden in its body, a header in its trailers, another protocol.

use e2e::raw;
use xtask::stack::Stack;

use super::{Caller, MARK, STACK, admin_with, card, get_raw, sealed_identity};

/// The statuses of all answers at nginx, at the registry and at the auth-server. The last request of each
/// connection is `GET /health`: a 200 at the end says that the connection outlived the attack.
type Statuses<'s> = [&'s [u16]; 3];

/// Sends a request that ends in this way, with another hidden in it that would delete an agent, were it
/// read. Whoever can send a seal to the registry needs no disguise, so past nginx the hidden one has none.
async fn hides_nothing(stack: &Stack, ending: &str, expected: Statuses<'_>) {
    let path = "/api/agents/kept";
    let admin = admin_with(stack, "/kept").await;
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let seal = sealed_identity(stack, &admin).await;
    let hidden = |lines: &str| format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let discover = "POST /api/agents/discover HTTP/1.1\r\nHost: localhost\r\n";
    let with_token = format!("Authorization: Bearer {stranger}\r\n");
    let identity = format!("X-Identity: {seal}\r\n");
    let doors = [
        (stack.gateway(), format!("{discover}{with_token}"), hidden(&identity)),
        (stack.registry_url(), discover.to_owned(), hidden("")),
        (
            stack.auth_url(),
            format!("POST /validate HTTP/1.1\r\nHost: localhost\r\nX-Original-URI: {path}\r\n"),
            hidden(&with_token).replace(path, "/validate"),
        ),
    ];
    let mut found = Vec::new();
    for (url, head, hidden) in &doors {
        let bytes = format!("{head}{}", ending.replace("HIDDEN", hidden).replace("SEAL", &seal));
        let reply = raw::send_to_the_end(raw::address(url), bytes.as_bytes()).await;
        assert!(
            !reply.text.contains(MARK) && !reply.text.to_lowercase().contains("x-identity:"),
            "{reply:?}"
        );
        found.push(reply.statuses());
        admin.get(path).await.must_be(200);
    }
    assert_eq!(found, expected, "{ending:?}");
}

#[tokio::test]
async fn content_length_beside_transfer_encoding_hides_nothing() {
    let Some(stack) = STACK.get().await else { return };
    let te = "Transfer-Encoding: chunked\r\n";
    for ending in [
        format!("Content-Length: 4\r\n{te}\r\n0\r\n\r\nHIDDEN"),
        format!("{te}Content-Length: 4\r\n\r\n0\r\n\r\nHIDDEN"),
    ] {
        // Past nginx, hyper goes by the coding and ends the connection (RFC 9112 section 6.3).
        hides_nothing(stack, &ending, [&[400], &[401], &[401]]).await;
    }
}

#[tokio::test]
async fn two_content_lengths_hide_nothing() {
    let Some(stack) = STACK.get().await else { return };
    let ending = "Content-Length: 4\r\nContent-Length: 0\r\n\r\nHIDDEN";
    hides_nothing(stack, ending, [&[400], &[400], &[400]]).await;
    hides_nothing(stack, "Content-Length: -1\r\n\r\nHIDDEN", [&[400], &[400], &[400]]).await;
    hides_nothing(stack, "Content-Length: 4, 0\r\n\r\nHIDDEN", [&[400], &[400], &[400]]).await;
}

#[tokio::test]
async fn a_disguised_transfer_encoding_hides_nothing() {
    let Some(stack) = STACK.get().await else { return };
    let space = "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\nHIDDEN";
    hides_nothing(stack, space, [&[400], &[400], &[400]]).await;
    let unknown = "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nHIDDEN";
    hides_nothing(stack, unknown, [&[501], &[400], &[400]]).await;
    let bad_size = "Transfer-Encoding: chunked\r\n\r\nzz\r\nHIDDEN";
    hides_nothing(stack, bad_size, [&[400], &[401], &[401]]).await;
}

#[tokio::test]
async fn a_folded_header_line_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    // RFC 9112 section 5.2: one reader sees a longer value, another a header of its own.
    for fold in [" ", "\t"] {
        let ending = format!("X-A: b\r\n{fold}X-Identity: SEAL\r\nContent-Length: 0\r\n\r\nHIDDEN");
        hides_nothing(stack, &ending, [&[400], &[400], &[400]]).await;
        let ending = format!("Transfer-Encoding:\r\n{fold}chunked\r\n\r\n0\r\n\r\nHIDDEN");
        hides_nothing(stack, &ending, [&[400], &[400], &[400]]).await;
    }
}

#[tokio::test]
async fn trailers_of_a_chunked_body_are_no_headers() {
    let Some(stack) = STACK.get().await else { return };
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let seal = sealed_identity(stack, &admin).await;
    let body = card("/trailed").to_string();
    let rest = format!(
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Identity, Authorization\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\nX-Identity: {seal}\r\nAuthorization: Bearer {}\r\n\r\n",
        body.len(),
        admin.token(),
    );
    let register = "POST /api/agents/register HTTP/1.1\r\nHost: localhost\r\n";
    let validate = "POST /validate HTTP/1.1\r\nHost: localhost\r\n";
    for (url, head, statuses) in [
        (stack.gateway(), format!("{register}Authorization: Bearer {stranger}\r\n"), [403, 200]),
        (stack.gateway(), register.to_owned(), [401, 200]),
        (stack.registry_url(), register.to_owned(), [401, 200]),
        (stack.auth_url(), validate.to_owned(), [401, 200]),
    ] {
        let reply = raw::send_to_the_end(raw::address(&url), format!("{head}{rest}").as_bytes()).await;
        assert_eq!(reply.statuses(), statuses, "{head}: {reply:?}");
        admin.get("/api/agents/trailed").await.must_be(404);
    }
    // The same bytes with the seal among the headers do register: it is their place that is refused.
    let head = format!("{register}X-Identity: {seal}\r\n");
    let reply =
        raw::send_to_the_end(raw::address(&stack.registry_url()), format!("{head}{rest}").as_bytes()).await;
    assert_eq!(reply.statuses(), [201, 200], "{reply:?}");
    admin.delete("/api/agents/trailed").await.must_be(204);
}

#[tokio::test]
async fn what_follows_a_whole_body_is_a_request_like_any_other() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/whole").await;
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let seal = sealed_identity(stack, &admin).await;
    let hidden =
        format!("DELETE /api/agents/whole HTTP/1.1\r\nHost: localhost\r\nX-Identity: {seal}\r\n\r\n");
    let head = format!(
        "POST /api/agents/discover HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stranger}\r\n\
         Content-Type: application/json\r\n"
    );
    let length = hidden.len();
    for (bytes, statuses) in [
        (format!("{head}Content-Length: {length}\r\n\r\n{hidden}"), &[400, 200][..]),
        // Behind the body stands a request without a token.
        (format!("{head}Content-Length: 2\r\n\r\n{{}}{hidden}"), &[400, 401, 200]),
    ] {
        let reply = raw::send_to_the_end(raw::address(&stack.gateway()), bytes.as_bytes()).await;
        assert_eq!(reply.statuses(), statuses, "{reply:?}");
        admin.get("/api/agents/whole").await.must_be(200);
    }
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_not_made() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/upgrades-secret").await;
    let seal = sealed_identity(stack, &admin).await;
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let with_token = format!("Authorization: Bearer {stranger}\r\n");
    for upgrade in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    ] {
        // Through an upgraded connection everything would go past nginx; so what follows is tried, too.
        let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let hidden = format!(
            "GET /api/agents/upgrades-secret HTTP/1.1\r\nHost: localhost\r\nX-Identity: {seal}\r\n\r\n"
        );
        for (url, target, lines, status) in [
            (stack.gateway(), "/api/agents", format!("{with_token}{upgrade}"), 200),
            (stack.gateway(), "/api/agents", upgrade.to_owned(), 401),
            (stack.gateway(), "/health", upgrade.to_owned(), 200),
            (stack.registry_url(), "/api/agents", upgrade.to_owned(), 401),
            (stack.auth_url(), "/validate", upgrade.to_owned(), 401),
        ] {
            let reply = get_raw(&url, target, &lines).await;
            assert_eq!(reply.status(), status, "{url} {lines}: {reply:?}");
            assert!(!reply.text.contains(MARK), "{reply:?}");
            let bytes = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
            if url == stack.gateway() {
                for (behind, statuses) in [(preface, &[status, 400][..]), (&hidden, &[status, 401, 200])] {
                    let bytes = format!("{bytes}{behind}");
                    let reply = raw::send_to_the_end(raw::address(&url), bytes.as_bytes()).await;
                    assert_eq!(reply.statuses(), statuses, "{lines}{behind}: {reply:?}");
                    assert!(!reply.text.contains(MARK), "{lines}{behind}: {reply:?}");
                }
            }
        }
    }
}
