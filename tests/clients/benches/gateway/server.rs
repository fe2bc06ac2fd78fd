//! An MCP server that costs as little as one can: hyper, and answers made before. A process of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// What makes this program the server.
pub(crate) const WORD: &str = "--be-the-server";
/// The call.
pub(crate) const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now","arguments":{"zone":"Europe/Vienna"}}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"2026-11-20T12:00:00+01:00"}],"isError":false}}"#;
const EVENT: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n";

/// A call that is answered by a stream, whose first event comes after so many milliseconds.
pub(crate) fn streaming(think: u64) -> String {
    CALL.replace("now", &format!("stream-{think}"))
}

/// The server's process, and where it listens. It ends when its standard input does.
pub(crate) fn start() -> (Child, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(WORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    (child, line.trim().parse().unwrap())
}

/// Serves until nobody holds the other end of its standard input.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _ = std::io::stdin().lines().last();
        std::process::exit(0);
    });
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = std::str::from_utf8(&body).unwrap();
    // The registry reads the list of tools by itself.
    let whole = |text: &str| {
        let body = Full::new(Bytes::from(text.to_owned())).boxed();
        Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(body).unwrap())
    };
    if body.contains("\"initialize\"") {
        return whole(
            r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"clock","version":"1"}}}"#,
        );
    }
    let Some((_, think)) = body.split_once("stream-") else { return whole(ANSWER) };
    let think: u64 = think.split('"').next().unwrap().parse().unwrap();
    let (mut sender, events) = Channel::new(1);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(think)).await;
        let last = format!("event: message\ndata: {ANSWER}\n\n");
        for event in [Bytes::from_static(EVENT.as_bytes()), Bytes::from(last)] {
            let _ = sender.send_data(event).await;
            // The last event may not ride on the first one's packet.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    Ok(Response::builder().header(CONTENT_TYPE, "text/event-stream").body(events.boxed()).unwrap())
}
