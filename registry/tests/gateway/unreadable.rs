//! What has no meaning, or two, reaches no server.

use serde_json::{Value, json};

use crate::common::Role;
use crate::stage::{Fake, Stage, message, says};

async fn stage() -> (Stage, Fake) {
    let stage = Stage::new().await;
    let fake = Fake::start(|_| says("application/json", "{}")).await;
    let tool = json!({"name": "t", "inputSchema": {"properties": {"r": {"type": "string", "x-mcp-header": "Region"}}}});
    stage.server("one", &format!("http://{}/mcp", fake.address), json!({"tool_list": [tool]})).await;
    (stage, fake)
}

#[tokio::test]
async fn bodies() {
    let (stage, fake) = stage().await;
    for (body, status, code) in [
        ("", 400, -32700),
        ("{", 400, -32700),
        ("nope", 400, -32700),
        ("[]", 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#, 400, -32600),
        (r#"{"id":1,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}"#, 400, -32600),
    ] {
        let told = stage.post(Role::Admin, "/mcp/one", "", body).await.is(status);
        assert_eq!(told.json()["error"]["code"], code, "{body}");
    }
    let invalid = stage.post(Role::Admin, "/mcp/one", "", r#"{"jsonrpc":"2.0","id":9,"method":1}"#).await;
    invalid.is(400).error(&json!(9));
    assert_eq!(fake.count(), 0);
}

#[tokio::test]
async fn heads() {
    let (stage, fake) = stage().await;
    let ping = message(1, "ping", json!({}));
    let call = message(1, "tools/call", json!({"name": "t", "arguments": {"r": "eu"}}));
    for (headers, body, status, code) in [
        ("Mcp-Method: tools/call\r\n", &ping, 400, -32020),
        ("Mcp-Method: ping\r\nMcp-Method: ping\r\n", &ping, 400, -32020),
        ("Mcp-Name: u\r\n", &call, 400, -32020),
        ("Mcp-Name: =?base64?dQ==?=\r\n", &call, 400, -32020),
        ("Mcp-Param-Region: us\r\n", &call, 400, -32020),
        ("Mcp-Param-Region: eu\r\nMcp-Param-Region: eu\r\n", &call, 400, -32020),
        ("Content-Type: text/plain\r\n", &ping, 415, -32600),
        ("Content-Encoding: gzip\r\n", &ping, 415, -32600),
    ] {
        let told = stage.post(Role::Admin, "/mcp/one", headers, body).await.is(status);
        assert_eq!(told.json()["error"]["code"], code, "{headers}");
    }
    assert_eq!(fake.count(), 0);
    let agreeing = "Mcp-Method: tools/call\r\nMcp-Name: =?base64?dA==?=\r\nMcp-Param-Region: eu\r\n";
    stage.post(Role::Admin, "/mcp/one", agreeing, &call).await.is(200);
    assert!(fake.last().to_lowercase().contains("mcp-param-region: eu\r\n"));

    for (method, target, allow) in [
        ("PUT", "/mcp/one", "allow: post, get, delete"),
        ("HEAD", "/mcp/one", "allow: post, get, delete"),
        ("POST", "/mcp/one/sse", "allow: get"),
        ("GET", "/mcp/one/messages", "allow: post"),
    ] {
        let head = stage.head(Role::Admin, method, target, "Content-Length: 0\r\n\r\n");
        let told = stage.raw(&head).await.is(405);
        assert!(told.head.contains(allow), "{told:?}");
    }
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn lengths() {
    let (stage, fake) = stage().await;
    let ping = message(1, "ping", json!({}));
    let sent = |declared: usize, body: &str| {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {declared}\r\n\r\n");
        stage.head(Role::Admin, "POST", "/mcp/one", &headers) + body
    };
    // Too short: the client goes before all has come.
    let mut stream = stage.open(&sent(ping.len() + 5, &ping)).await;
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.expect("half closed");
    let mut end = Vec::new();
    drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut end).await);
    assert!(!String::from_utf8_lossy(&end).starts_with("HTTP/1.1 200"));
    // Too long: what is beyond is no part of the body.
    stage.raw(&sent(ping.len() - 1, &ping)).await.is(400).error(&Value::Null);
    stage.raw(&sent(5 << 20, "{")).await.is(413);
    assert_eq!(fake.count(), 0);
}

#[tokio::test]
async fn a_megabyte_in_many_packets() {
    let (stage, fake) = stage().await;
    let body = message(1, "tools/call", json!({"name": "t", "arguments": {"text": "x".repeat(1 << 20)}}));
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = stage.open(&stage.head(Role::Admin, "POST", "/mcp/one", &headers)).await;
    for part in body.as_bytes().chunks(4099) {
        tokio::io::AsyncWriteExt::write_all(&mut stream, part).await.expect("sent");
        tokio::task::yield_now().await;
    }
    assert!(crate::stage::until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    assert_eq!(fake.last().split_once("\r\n\r\n").map(|(_, sent)| sent == body), Some(true));
}
