//! Sessions belong to the caller who opened them, in both transports.

use serde_json::json;

use crate::common::Role;
use crate::stage::{Fake, Stage, Told, message, says, with};

fn session(told: &Told) -> String {
    let line = told.head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
    line.expect("a session").to_owned()
}

#[tokio::test]
async fn another_callers_session_is_none() {
    let stage = Stage::new().await;
    let fake = Fake::start(|request| match request.starts_with("DELETE") {
        true => with("200 OK", "", ""),
        false => with("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", "{}"),
    })
    .await;
    stage.fake("one", &fake).await;
    stage.fake("two", &fake).await;
    // Told does not keep the case of what it reads, so the header is read as it came.
    let greeting = message(1, "initialize", json!({}));
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", greeting.len());
    let mut stream = stage.open(&(stage.head(Role::Admin, "POST", "/mcp/one", &headers) + &greeting)).await;
    let head = crate::stage::until(&mut stream, "\r\n\r\n").await;
    let given =
        head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).expect("a session").to_owned();
    assert_ne!(given, "s-1");
    let mine = format!("Mcp-Session-Id: {given}\r\n");
    let ping = message(2, "ping", json!({}));
    stage.post(Role::Admin, "/mcp/one", &mine, &ping).await.is(200);
    assert!(fake.last().to_lowercase().contains("mcp-session-id: s-1\r\n"));
    let before = fake.count();
    for (role, target, given) in [
        (Role::Guide, "/mcp/one", given.as_str()),
        (Role::Admin, "/mcp/two", &given),
        (Role::Admin, "/mcp/one", "s-1"),
        (Role::Admin, "/mcp/one", &given[1..]),
    ] {
        let headers = format!("Mcp-Session-Id: {given}\r\n");
        stage.post(role, target, &headers, &ping).await.is(404).error(&json!(2));
        stage.get(role, target, &headers).await.is(404);
        stage.raw(&(stage.head(role, "DELETE", target, &headers) + "\r\n")).await.is(404);
    }
    assert_eq!(fake.count(), before);
    stage.raw(&(stage.head(Role::Admin, "DELETE", "/mcp/one", &mine) + "\r\n")).await.is(200);
    let told = stage.post(Role::Admin, "/mcp/one", "", &greeting).await;
    assert_eq!(session(&told), given.to_lowercase(), "nothing is kept, so the same is the same");
}

#[tokio::test]
async fn messages_of_the_older_transport_go_where_its_stream_says() {
    let stage = Stage::new().await;
    let fake = Fake::start(|request| match request.starts_with("GET") {
        true => {
            says("text/event-stream", "event: endpoint\r\ndata: /own/messages/?session_id=a%20b&x\r\n\r\n")
        }
        false => with("202 Accepted", "Content-Type: text/plain\r\n", "Accepted"),
    })
    .await;
    let both = json!({"supported_transports": ["sse"]});
    stage.server("one", &format!("http://{}/own/sse", fake.address), both.clone()).await;
    stage.server("two", &format!("http://{}/own/sse", fake.address), both).await;
    let told = stage.get(Role::Admin, "/one/sse", "").await.is(200);
    assert!(fake.last().starts_with("GET /own/sse HTTP/1.1\r\n"));
    let address =
        told.body.lines().find_map(|line| line.strip_prefix("data: ")).expect("an address").to_owned();
    assert!(address.starts_with("/one/messages?session_id="), "{address}");
    let ping = message(2, "ping", json!({}));
    let accepted = stage.post(Role::Admin, &address, "", &ping).await.is(202);
    assert_eq!(accepted.body, "");
    assert!(
        fake.last().starts_with("POST /own/messages/?session_id=a%20b&x HTTP/1.1\r\n"),
        "{}",
        fake.last()
    );
    let before = fake.count();
    stage.post(Role::Guide, &address, "", &ping).await.is(404);
    stage.post(Role::Admin, &address.replace("/one", "/two"), "", &ping).await.is(404);
    stage.post(Role::Admin, "/one/messages?session_id=x", "", &ping).await.is(404);
    stage.post(Role::Admin, "/one/messages", "", &ping).await.is(404);
    stage.post(Role::Admin, "/mcp/one", "", &ping).await.is(404);
    assert_eq!(fake.count(), before);
}

#[tokio::test]
async fn a_stream_that_leads_elsewhere_ends() {
    let stage = Stage::new().await;
    let fake =
        Fake::start(|_| says("text/event-stream", "event: endpoint\ndata: http://127.0.0.1:1/x\n\n")).await;
    let sse = json!({"supported_transports": ["sse"]});
    stage.server("one", &format!("http://{}/sse", fake.address), sse).await;
    let told = stage.get(Role::Admin, "/mcp/one/sse", "").await;
    assert!(!told.whole && !told.body.contains("127.0.0.1"), "{told:?}");
}
