//! Servers that are away, silent, busy or broken: said as it is, and beside them a healthy one goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry::upstream::Lookup;
use registry::{UpstreamRules, Upstreams};
use serde_json::json;

use crate::common::Role;
use crate::stage::{Fake, Script, Stage, message, says, with};

#[tokio::test]
async fn each_fault_has_its_answer() {
    let stage = Stage::new().await;
    let fake = Fake::start(|request| {
        let what = request.split(' ').nth(1).unwrap_or_default();
        match what {
            "/redirect" => with("307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\n", ""),
            "/garbage" => Script::Say(b"SSH-2.0-x\r\n".to_vec()),
            "/early" => Script::Say(Vec::new()),
            "/head" => {
                Script::Say(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000)).into_bytes())
            }
            "/html" => says("text/html", "<html>"),
            "/failed" => with("500 Internal Server Error", "Content-Type: text/plain\r\n", "oh"),
            "/guarded" => with("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", ""),
            "/gone" => with("404 Not Found", "Content-Type: text/plain\r\n", "gone"),
            "/said" => with("404 Not Found", "Content-Type: application/json\r\n", r#"{"its":"own"}"#),
            "/silent" => Script::Hold(Vec::new()),
            _ => says("application/json", "{}"),
        }
    })
    .await;
    for (name, status) in [
        ("redirect", 502),
        ("garbage", 502),
        ("early", 502),
        ("head", 502),
        ("html", 502),
        ("failed", 502),
        ("guarded", 502),
        ("gone", 404),
        ("silent", 504),
        ("fine", 200),
    ] {
        let limits = json!({"answer_timeout": 1});
        stage.server(name, &format!("http://{}/{name}", fake.address), limits).await;
        let told = stage.post(Role::Admin, &format!("/mcp/{name}"), "", &message(3, "ping", json!({}))).await;
        let told = told.is(status);
        assert!(!told.head.contains("www-authenticate") && !told.head.contains("location"), "{told:?}");
        if status != 200 {
            told.error(&json!(3));
        }
    }
    stage.server("said", &format!("http://{}/said", fake.address), json!({})).await;
    let told = stage.post(Role::Admin, "/mcp/said", "", &message(3, "ping", json!({}))).await.is(404);
    assert_eq!(told.body, r#"{"its":"own"}"#);

    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    stage.server("down", &format!("http://{nobody}/mcp"), json!({})).await;
    stage.post(Role::Admin, "/mcp/down", "", &message(3, "ping", json!({}))).await.is(502).error(&json!(3));
    stage.server("off", &format!("http://{}/mcp", fake.address), json!({"is_enabled": false})).await;
    stage.post(Role::Admin, "/mcp/off", "", &message(3, "ping", json!({}))).await.is(404).error(&json!(3));
}

/// A server closes what idles, and a call that goes out at that moment would be lost.
#[tokio::test]
async fn a_connection_that_idled_is_not_used_again() {
    let stage = Stage::new().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let fake = Fake::start(move |_| Script::Hold(answer.as_bytes().to_vec())).await;
    stage.server("one", &format!("http://{}/mcp", fake.address), json!({"answer_timeout": 5})).await;
    let ping = message(3, "ping", json!({}));
    stage.post(Role::Admin, "/mcp/one", "", &ping).await.is(200);
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.post(Role::Admin, "/mcp/one", "", &ping).await.is(200);
}

/// Real servers close a connection when what they have accepted fails afterwards: that is not for the next one to feel.
#[tokio::test]
async fn a_connection_on_which_something_was_accepted_or_failed_is_not_used_again() {
    let stage = Stage::new().await;
    let kept = |status: &str, body: &str| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        Script::Hold((head + body).into_bytes())
    };
    let fake = Fake::start(move |request| match request {
        request if request.contains("notifications/") => kept("202 Accepted", ""),
        request if request.contains("tools/call") => kept("500 Internal Server Error", "{}"),
        _ => says("application/json", "{}"),
    })
    .await;
    stage.server("one", &format!("http://{}/mcp", fake.address), json!({"answer_timeout": 5})).await;
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let call = message(2, "tools/call", json!({"name": "broken"}));
    let ping = message(3, "ping", json!({}));
    for (first, status) in [(&note, 202), (&call, 500)] {
        stage.post(Role::Admin, "/mcp/one", "", first).await.is(status);
        stage.post(Role::Admin, "/mcp/one", "", &ping).await.is(200);
    }
}

#[tokio::test]
async fn a_caller_who_leaves_is_noticed_before_any_answer() {
    let stage = Stage::new().await;
    let mut fake = Fake::start(|_| Script::Hold(Vec::new())).await;
    stage.fake("one", &fake).await;
    let body = message(1, "tools/call", json!({"name": "slow"}));
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let stream = stage.open(&(stage.head(Role::Admin, "POST", "/mcp/one", &headers) + &body)).await;
    fake.has_seen(1).await;
    drop(stream);
    fake.is_left().await;
}

#[tokio::test]
async fn a_slow_server_fills_its_own_places() {
    let stage = Stage::new().await;
    let mut slow = Fake::start(|_| Script::Hold(Vec::new())).await;
    let fine = Fake::start(|_| says("application/json", "{}")).await;
    stage.server("slow", &format!("http://{}/mcp", slow.address), json!({"max_concurrency": 1})).await;
    stage.fake("fine", &fine).await;
    let call = message(2, "tools/call", json!({"name": "slow"}));
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", call.len());
    let held = stage.open(&(stage.head(Role::Admin, "POST", "/mcp/slow", &headers) + &call)).await;
    slow.has_seen(1).await;
    let ping = message(3, "ping", json!({}));
    let told = stage.post(Role::Admin, "/mcp/slow", "", &ping).await.is(503);
    assert!(told.head.contains("retry-after:"));
    told.error(&json!(3));
    stage.post(Role::Admin, "/mcp/fine", "", &ping).await.is(200);
    drop(held);
    slow.is_left().await;
    assert_eq!(slow.count(), 1);
}

#[tokio::test]
async fn addresses_that_are_not_called() {
    let turns = Arc::new(AtomicUsize::new(0));
    let fake = Fake::start(|_| says("application/json", "{}")).await;
    let good = SocketAddr::new(fake.address.ip(), 0);
    let lookup: Lookup = Arc::new(move |name| {
        let turn = turns.fetch_add(1, Ordering::SeqCst);
        let metadata: SocketAddr = "169.254.169.254:0".parse().expect("an address");
        let found = match name.as_str() {
            // Good when it was registered, and something else ever after.
            "fickle.test" => vec![if turn == 0 { good } else { metadata }],
            "mixed.test" => vec![good, metadata],
            _ => Vec::new(),
        };
        Box::pin(async move { Ok(found) })
    });
    let stage = Stage::with(|app| {
        app.upstreams = Upstreams::resolving(UpstreamRules::default(), lookup).expect("a client");
    })
    .await;
    let port = fake.address.port();
    let ping = message(3, "ping", json!({}));
    for (name, host, statuses) in [
        ("fickle", "fickle.test", [200, 502]),
        ("mixed", "mixed.test", [502, 502]),
        ("nobody", "nobody.test", [502, 502]),
        ("metadata", "169.254.169.254", [502, 502]),
        ("mapped", "[::ffff:169.254.169.254]", [502, 502]),
        ("zero", "0.0.0.0", [502, 502]),
    ] {
        stage.server(name, &format!("http://{host}:{port}/mcp"), json!({})).await;
        for status in statuses {
            stage.post(Role::Admin, &format!("/mcp/{name}"), "", &ping).await.is(status);
        }
    }
    assert_eq!(fake.count(), 1);
    let closed = Stage::with(|app| {
        app.upstreams = Upstreams::new(UpstreamRules { allow_private: false }).expect("a client");
    })
    .await;
    closed.fake("one", &fake).await;
    closed.post(Role::Admin, "/mcp/one", "", &ping).await.is(502);
    assert_eq!(fake.count(), 1);
}
