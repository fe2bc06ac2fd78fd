//! Answers come as they come, and lists of tools only as far as the caller may call them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::common::{Role, SHIPPED};
use crate::stage::{Fake, Script, Stage, message, says, until, with};

const FULL: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"current_time_by_timezone"},{"name":"other"}],"nextCursor":"n"}}"#;
const CUT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"current_time_by_timezone"}],"nextCursor":"n"}}"#;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("to memory");
    encoder.finish().expect("to memory")
}

async fn list(script: Script) -> crate::stage::Told {
    let stage = Stage::new().await;
    let fake = Fake::start(move |_| script.clone()).await;
    stage.fake("currenttime", &fake).await;
    let told = stage
        .post(
            Role::Lob1,
            "/mcp/currenttime",
            "Accept-Encoding: gzip\r\n",
            &message(1, "tools/list", json!({})),
        )
        .await;
    assert!(fake.last().to_lowercase().contains("accept-encoding: identity\r\n"));
    told
}

#[tokio::test]
async fn lists_of_tools_in_every_form() {
    assert_eq!(list(says("application/json; charset=utf-8", FULL)).await.is(200).body, CUT);
    let stream = format!(": hi\r\nid: 1\r\ndata: {FULL}\r\n\r\n");
    let told = list(says("text/event-stream", &stream)).await.is(200);
    assert_eq!(told.body, format!(": hi\r\nid: 1\r\ndata: {CUT}\r\n\r\n"));
    assert!(told.head.contains("x-accel-buffering: no"));
    for (kind, text, expected) in [
        ("application/json", FULL.to_owned(), CUT.to_owned()),
        ("text/event-stream", format!("data:{FULL}\n\n"), format!("data: {CUT}\n\n")),
    ] {
        let headers = format!("Content-Type: {kind}\r\nContent-Encoding: gzip\r\n");
        let told = list(with("200 OK", &headers, gzip(&text))).await.is(200);
        assert_eq!(told.body, expected);
        assert!(!told.head.contains("content-encoding"));
        list(with("200 OK", &headers.replace("gzip", "br"), "x")).await.is(502);
        let broken = list(with("200 OK", &headers, text)).await;
        assert!(broken.status == 502 || !broken.whole, "{broken:?}");
        assert!(!broken.body.contains("other"));
    }
    list(says("text/html", FULL)).await.is(502);
    list(says("application/json", &FULL[..FULL.len() - 1])).await.is(502);
    list(says("application/json", format!("{{\"result\":{{\"tools\":[]}},{}", &FULL[1..]))).await.is(502);
    list(says("application/json", format!("[\"{}\"]", "x".repeat(9 << 20)))).await.is(502);
    let told = list(says("text/event-stream", format!("data: {}\n\n", &FULL[..FULL.len() - 1]))).await;
    assert!(!told.whole && !told.body.contains("other"), "{told:?}");
}

#[tokio::test]
async fn a_stream_and_its_replay_are_cut_too() {
    let stage = Stage::new().await;
    let fake =
        Fake::start(|_| says("text/event-stream", format!("id: 5\ndata: {FULL}\n\ndata: {{}}\n\n"))).await;
    stage.fake("currenttime", &fake).await;
    let told = stage.get(Role::Lob1, "/mcp/currenttime", "Last-Event-ID: 4\r\n").await.is(200);
    assert_eq!(told.body, format!("id: 5\ndata: {CUT}\n\ndata: {{}}\n\n"));
    assert!(fake.last().to_lowercase().contains("last-event-id: 4\r\n"));
}

#[tokio::test]
async fn a_call_passes_as_it_is_and_the_first_event_at_once() {
    let stage = Stage::new().await;
    let mut fake = Fake::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: a=b\r\n\r\n";
        Script::Hold(format!("{head}data: {FULL}\n\ndata: 1").into_bytes())
    })
    .await;
    stage.fake("currenttime", &fake).await;
    let body = message(1, "tools/call", json!({"name": "current_time_by_timezone"}));
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let head = stage.head(Role::Lob1, "POST", "/currenttime/mcp", &headers);
    let mut stream = stage.open(&(head + &body)).await;
    let told = until(&mut stream, "data: 1").await;
    assert!(told.contains(FULL), "what a tool says is not looked at");
    assert!(!told.to_lowercase().contains("set-cookie"));
    drop(stream);
    fake.is_left().await;
}

#[tokio::test]
async fn a_grant_that_is_taken_away_ends_a_stream() {
    let stage = Stage::new().await;
    let (tell, told) = tokio::sync::mpsc::unbounded_channel::<()>();
    let told = std::sync::Arc::new(tokio::sync::Mutex::new(told));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.expect("a caller");
        drop(stream.read(&mut [0; 4096]).await);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        drop(stream.write_all(format!("{head}data: {FULL}\n\n").as_bytes()).await);
        told.lock().await.recv().await;
        drop(stream.write_all(b"data: later\n\n").await);
        drop(stream.read(&mut [0; 64]).await);
    });
    stage.server("currenttime", &format!("http://{address}/mcp"), json!({})).await;
    let mut stream = stage.open(&(stage.head(Role::Lob1, "GET", "/mcp/currenttime", "") + "\r\n")).await;
    until(&mut stream, CUT).await;
    stage.policy(&SHIPPED.replace("server: currenttime", "server: elsewhere"));
    tell.send(()).expect("it listens");
    let mut rest = Vec::new();
    drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await);
    assert!(!String::from_utf8_lossy(&rest).contains("later"));
}
