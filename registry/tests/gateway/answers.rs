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
    let id = told.body.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
    assert_ne!(id, "1", "it is the caller's own");
    assert_eq!(told.body, format!(": hi\r\nid: {id}\r\ndata: {CUT}\r\n\r\n"));
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
    stage.fake("mcpgw", &fake).await;
    let told = stage.get(Role::Lob1, "/mcp/currenttime", "").await.is(200);
    let id = told.body.lines().next().and_then(|line| line.strip_prefix("id: ")).expect("an id").to_owned();
    assert_eq!(told.body, format!("id: {id}\ndata: {CUT}\n\ndata: {{}}\n\n"));
    let last = format!("Last-Event-ID: {id}\r\n");
    let told = stage.get(Role::Lob1, "/mcp/currenttime", &last).await.is(200);
    assert!(told.body.contains(CUT) && !told.body.contains("other"), "{told:?}");
    assert!(fake.last().to_lowercase().contains("last-event-id: 5\r\n"));
    // It is his, with this server: nobody else goes on from it, nor does he from what he was not told.
    let before = fake.count();
    for (role, server, last) in [
        (Role::Admin, "currenttime", &*last),
        (Role::Admin, "mcpgw", &*last),
        (Role::Lob1, "currenttime", "Last-Event-ID: 5\r\n"),
        (Role::Lob1, "currenttime", "Last-Event-ID: NQ.AAAA\r\n"),
    ] {
        stage.get(role, &format!("/mcp/{server}"), last).await.is(404);
    }
    assert_eq!(fake.count(), before);
}

#[tokio::test]
async fn no_other_answer_brings_a_hidden_tool() {
    // Servers tell answers apart by the ids of requests: what was asked with one may come with another.
    let stage = Stage::new().await;
    let fake = Fake::start(|request| match request.contains("\"stream\"") {
        true => says("text/event-stream", format!("data: {FULL}\n\n")),
        false => says("application/json", FULL),
    })
    .await;
    stage.fake("currenttime", &fake).await;
    for kind in ["stream", "whole"] {
        let call = json!({"name": "current_time_by_timezone", "arguments": {"as": kind}});
        for body in [message(1, "tools/call", call), message(1, "ping", json!({"as": kind}))] {
            let told = stage.post(Role::Lob1, "/mcp/currenttime", "", &body).await.is(200);
            assert!(told.body.contains(CUT) && !told.body.contains("other"), "{told:?}");
        }
    }
    // In what other readers would read otherwise, too.
    let utf16: Vec<u8> = FULL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let kinds = "Content-Type: text/event-stream\r\nContent-Type: application/json\r\n";
    let codings = "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n";
    for script in [
        says("application/json", &utf16),
        says("application/json; charset=utf-16le", &utf16),
        says("application/json; charset=utf-7", FULL),
        with("200 OK", kinds, FULL),
        with("200 OK", codings, FULL),
    ] {
        list(script).await.is(502);
    }
    let headers = "Content-Type: Application/JSON\r\nCache-Control: public\r\n";
    let told = list(with("200 OK", headers, FULL)).await.is(200);
    assert_eq!(told.body, CUT);
    assert!(told.head.contains("cache-control: private, no-store") && !told.head.contains("public"));
}

#[tokio::test]
async fn the_first_event_of_a_call_is_there_at_once() {
    let stage = Stage::new().await;
    let mut fake = Fake::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: a=b\r\n\r\n";
        Script::Hold(format!("{head}data: {{\"a\":1}}\n\ndata: 2").into_bytes())
    })
    .await;
    stage.fake("currenttime", &fake).await;
    let body = message(1, "tools/call", json!({"name": "current_time_by_timezone"}));
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let head = stage.head(Role::Lob1, "POST", "/currenttime/mcp", &headers);
    let mut stream = stage.open(&(head + &body)).await;
    let told = until(&mut stream, "data: {\"a\":1}\n\n").await.to_lowercase();
    assert!(!told.contains("set-cookie"), "{told}");
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
