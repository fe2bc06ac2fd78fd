//! The addresses of MCP servers: headers that go on and those that do not, one spelling, streams, and refusals in
//! the form of MCP.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use e2e::shared::folder;
use e2e::upstream::{self, Request};
use e2e::{Answer, Caller, eventually, raw};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::nginx::Upstream;

use super::{
    Running, auth, chunked, dying, gateway, get, header, nginx_is_missing, nobody_listens, registry, start,
};

/// Both forms of a server's address.
const ADDRESSES: [&str; 8] = [
    "/mcp/clock",
    "/mcp/clock/",
    "/mcp/clock/sse",
    "/mcp/clock/messages?session_id=7&x=%2F",
    "/mcp/registry",
    "/clock/mcp",
    "/Clock_2.0-x/sse/",
    "/clock/messages/?session_id=7",
];

/// Who has nothing of a server is told so.
const OUT_OF_REACH: &str = "none of your scopes reaches this MCP server; ask for a group that grants it";

async fn echoing(dir: &str) -> Running {
    start(&gateway(&folder(dir), Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(auth))).await
}

/// A refusal as MCP clients read it.
#[track_caller]
fn must_refuse(answer: &Answer, status: u16, code: i64) {
    answer.must_be(status);
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    is_json_rpc(&answer.body);
    assert_eq!(answer.body["error"]["code"], code, "{answer:?}");
}

#[track_caller]
fn is_json_rpc(body: &Value) {
    assert_eq!((&body["jsonrpc"], body.get("id")), (&json!("2.0"), Some(&Value::Null)), "{body}");
    assert!(body["error"]["code"].is_i64() && body["error"]["message"].is_string(), "{body}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{body}");
}

#[tokio::test]
async fn the_callers_headers_go_on_and_his_identity_is_ours() {
    if nginx_is_missing() {
        return;
    }
    let running = echoing("mcp-headers").await;
    let caller = running.caller(Some("good"));
    let forged = [
        ("X-Identity", "forged"),
        ("x-identity", "forged"),
        ("X_Identity", "forged"),
        ("X.Identity", "forged"),
        ("X-User", "forged"),
        ("x-username", "forged"),
        ("X-Client-Id", "forged"),
        ("X-Groups", "forged"),
        ("X-Scopes", "forged"),
        ("X_Scopes", "forged"),
        ("X-Auth-Method", "forged"),
        ("X-Server-Name", "forged"),
        ("X-Tool-Name", "forged"),
        ("X-Original-URI", "forged"),
        ("X-Original-Method", "forged"),
        ("X-Authorization", "Bearer forged"),
        ("Proxy-Authorization", "Basic forged"),
        ("X-API-Key", "forged"),
        ("Cookie", "forged=1"),
        ("Forwarded", "for=forged"),
        ("X-Forwarded-For", "forged"),
        ("X-Forwarded-Host", "forged"),
        ("X-Forwarded-Proto", "forged"),
        ("X-Forwarded-User", "forged"),
        ("X-Real-IP", "forged"),
        ("Connection", "X-Identity, Mcp-Param-City"),
        ("Keep-Alive", "forged"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
    ];
    let passed = [
        ("Accept", "application/json, text/event-stream"),
        ("Content-Type", "application/json"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "now"),
        ("Mcp-Param-City", "Oslo"),
        ("Mcp-Session-Id", "s-1"),
        ("MCP-Protocol-Version", "2025-06-18"),
        ("Last-Event-ID", "7"),
        ("traceparent", "00-a-b-01"),
        ("tracestate", "x=y"),
    ];
    for address in ADDRESSES {
        let headers: Vec<_> = forged.iter().chain(&passed).copied().collect();
        let answer = caller.send(Method::POST, address, Some(r#"{"a":1}"#), &headers).await;
        answer.must_be(200);
        assert_eq!(answer.body["line"], format!("POST {address} HTTP/1.1"));
        assert_eq!(answer.body["body"], r#"{"a":1}"#);
        assert!(!answer.text.contains("forged"), "{answer:?}");
        assert_eq!(header(&answer, "x-identity"), ["the.sealed.identity"]);
        assert_eq!(header(&answer, "x-scopes"), ["a2a-agent-admin, mcp-servers-unrestricted/read"]);
        let asked = format!("POST {address} length=\"\" secret=\"\"");
        assert_eq!(header(&answer, "x-groups"), [asked], "what is permitted is what is asked for");
        for absent in ["authorization", "cookie", "te", "upgrade", "connection", "x-username", "x-client-id"]
        {
            assert!(header(&answer, absent).is_empty(), "{absent}: {answer:?}");
        }
        for (name, value) in passed {
            let held = header(&answer, &name.to_ascii_lowercase());
            assert!(held.contains(&value), "{name}: {answer:?}");
        }
    }
    // What the registry answers itself passes untouched.
    let conflict = caller.get("/mcp/clock?/api/conflict").await;
    assert_eq!(conflict.must_be(409), &json!({"code": "path_taken"}));
}

#[tokio::test]
async fn an_address_has_one_spelling() {
    if nginx_is_missing() {
        return;
    }
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let lines = arrived.clone();
    let upstream = upstream::on_tcp(move |request: &Request| {
        lines.lock().expect("whole").push(request.line.clone());
        registry(request)
    });
    let running =
        start(&gateway(&folder("mcp-spelling"), Upstream::Tcp(upstream), upstream::on_tcp(auth))).await;
    let head = "HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n";
    for path in [
        "/mcp%2Fclock",
        "/mcp/clo%63k",
        "/mcp/clock%2Fmcp",
        "/mcp/clock%2fsse",
        "/%6dcp/clock",
        "/clock%2Fmcp",
        "/clock/%6dcp",
        "/clock/mc%70/",
        "/mcp//clock",
        "/mcp/clock//",
        "/mcp/./clock",
        "/mcp/x/../clock",
        "/mcp/%2e%2e/mcp/clock",
        "/x/../mcp/clock",
        "/x/../clock/mcp",
        "/api/../mcp/clock",
        "/api/..%2fclock/mcp",
        "/mcp/clock#x",
        "/clock/mcp#/../../api",
    ] {
        let reply = raw::send(running.address, format!("GET {path} {head}").as_bytes()).await;
        assert_eq!(reply.status(), 404, "{path}: {reply:?}");
        is_json_rpc(&reply.json());
    }
    for path in [
        "/mcp",
        "//mcp/clock",
        "//clock/mcp",
        "/clock//mcp",
        "/clock",
        "/clock/mcp/x",
        "/orgs/mcp",
        "/t/mcp",
        "/health/mcp",
        "/.well/mcp",
        "/sse/mcp",
        "/messages/sse",
        "/team/clock/mcp",
    ] {
        let reply = raw::send(running.address, format!("GET {path} {head}").as_bytes()).await;
        assert_eq!(reply.status(), 404, "{path}: {reply:?}");
    }
    assert_eq!(*arrived.lock().expect("whole"), Vec::<String>::new(), "nothing of this went on");
    // What is somebody else's goes to him, with his own locations' headers.
    for path in ["/api/mcp", "/api/sse", "/api/clock/mcp"] {
        let answer = running.caller(Some("good")).send(Method::GET, path, None, &[("Mcp-Name", "x")]).await;
        assert!(header(&answer, "mcp-name").is_empty(), "{path}: {answer:?}");
    }
    // Out of the servers' addresses and into the API: the bytes that are asked about are the bytes that go on.
    for path in ["/mcp/../api/agents", "/clock/mcp/../../api/agents"] {
        let reply = raw::send(running.address, format!("GET {path} {head}").as_bytes()).await.json();
        assert_eq!(reply["line"], format!("GET {path} HTTP/1.1"));
        assert!(reply["headers"].to_string().contains(&format!("GET {path} length=")), "{reply}");
    }
}

#[tokio::test]
async fn refusals_are_errors_of_json_rpc() {
    if nginx_is_missing() {
        return;
    }
    let (_held, nobody_listens) = nobody_listens();
    let running = echoing("mcp-refusals").await;
    let away =
        start(&gateway(&folder("mcp-away"), Upstream::Tcp(nobody_listens), upstream::on_tcp(auth))).await;
    let registry = Upstream::Tcp(upstream::on_tcp(registry));
    let no_auth = start(&gateway(&folder("mcp-no-auth"), registry.clone(), nobody_listens)).await;
    let mut slow = gateway(&folder("mcp-slow"), registry, upstream::on_tcp(auth));
    slow.rate = 1;
    let slow = start(&slow).await;
    let large = "x".repeat(4 * 1024 * 1024 + 1);
    for address in ADDRESSES {
        for token in [None, Some("bad")] {
            let answer = running.caller(token).post_bytes(address, "{}").await;
            must_refuse(&answer, 401, -32010);
            let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
            assert_eq!(challenges, ["Bearer realm=\"registry\""]);
        }
        for (token, status, code, sentence, wait) in [
            ("forbidden", 403, -32011, "this request is not allowed", ""),
            ("unreached", 403, -32011, OUT_OF_REACH, ""),
            ("exhausted", 429, -32013, "the agent's budget is used up", "77"),
        ] {
            let answer = running.caller(Some(token)).post_bytes(address, "{}").await;
            must_refuse(&answer, status, code);
            assert_eq!(answer.body["error"]["message"], sentence, "{answer:?}");
            assert_eq!(answer.header("retry-after"), wait, "{answer:?}");
        }
        for (running, token, status) in
            [(&running, "broken", 503), (&no_auth, "good", 503), (&away, "good", 502)]
        {
            let answer = running.caller(Some(token)).post_bytes(address, "{}").await;
            must_refuse(&answer, status, -32014);
            assert_eq!(answer.header("retry-after"), "5");
        }
        must_refuse(&running.caller(Some("good")).post_bytes(address, &large).await, 413, -32600);
        let trace = format!("TRACE {address} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(raw::send(running.address, trace.as_bytes()).await.status(), 405);
    }
    let many = async || {
        let answer = slow.caller(Some("good")).post_bytes("/mcp/clock", "{}").await;
        (answer.status == 429).then_some(answer)
    };
    let answer = eventually("one is too many", many).await;
    must_refuse(&answer, 429, -32013);
    assert_eq!(answer.header("retry-after"), "1");
    // In chunks, nobody knows beforehand how long it gets.
    let chunks = chunked("/mcp/clock", &large).replacen("Host:", "Authorization: Bearer good\r\nHost:", 1);
    let (patient, connections) = by_hand();
    // It reads all of it, and would answer at its end.
    thread::spawn(move || {
        connections.iter().for_each(|mut taken| drop(std::io::copy(&mut taken, &mut std::io::sink())));
    });
    let patient = start(&gateway(&folder("mcp-chunks"), patient, upstream::on_tcp(auth))).await;
    let reply = raw::send(patient.address, chunks.as_bytes()).await;
    assert_eq!(reply.status(), 413, "{reply:?}");
    is_json_rpc(&reply.json());
}

#[tokio::test]
async fn a_larger_body_than_the_apis_goes_through_whole() {
    if nginx_is_missing() {
        return;
    }
    let running = echoing("mcp-large").await;
    let caller = running.caller(Some("good"));
    let large = "x".repeat(3 * 1024 * 1024);
    for address in ADDRESSES {
        let answer = caller.post_bytes(address, &large).await;
        assert_eq!(answer.must_be(200)["body"].as_str().map(str::len), Some(large.len()), "{address}");
    }
    caller.post_bytes("/api/agents/register", &large).await.must_refuse(413);
}

/// A registry whose answers a test writes itself: each connection that it takes is handed over.
fn by_hand() -> (Upstream, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let address: SocketAddr = listener.local_addr().expect("it is bound");
    let (taken, connections): (Sender<TcpStream>, _) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if taken.send(stream).is_err() {
                return;
            }
        }
    });
    (Upstream::Tcp(address), connections)
}

/// Reads until this has come.
fn read_until(stream: &mut TcpStream, part: &str) -> String {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&received).contains(part) {
        let count = stream.read(&mut buffer).expect("bytes");
        assert!(count > 0, "it ended after {:?}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_in_either_direction_and_who_leaves_is_noticed() {
    if nginx_is_missing() {
        return;
    }
    let (registry, connections) = by_hand();
    let running = start(&gateway(&folder("mcp-streams"), registry, upstream::on_tcp(auth))).await;
    let address = running.address;
    let played = tokio::task::spawn_blocking(move || {
        let head = "Host: localhost\r\nAuthorization: Bearer good\r\n";
        for path in ["/mcp/clock", "/clock/mcp"] {
            // Half of a body arrives before the other half is sent.
            let mut client = TcpStream::connect(address).expect("the gateway");
            write!(client, "POST {path} HTTP/1.1\r\n{head}Content-Length: 10\r\n\r\n12345").expect("sent");
            let mut server = connections.recv().expect("a connection");
            let request = read_until(&mut server, "12345");
            assert!(request.to_ascii_lowercase().contains("content-length: 10"), "{request}");
            client.write_all(b"67890").expect("sent");
            read_until(&mut server, "67890");
            // Each event arrives before the next one is made.
            let kind = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
            let more = "X-Accel-Buffering: yes\r\nTransfer-Encoding: chunked\r\n\r\n";
            write!(server, "{kind}{more}").expect("sent");
            for event in ["data: 1", "data: 2", "data: 3"] {
                write!(server, "9\r\n{event}\n\n\r\n").expect("sent");
                read_until(&mut client, event);
            }
            // A stream ends with its client.
            drop(client);
            assert_eq!(server.read(&mut [0; 16]).unwrap_or(0), 0, "the client has gone");
            // So does a tool that has not said a word yet.
            let mut client = TcpStream::connect(address).expect("the gateway");
            write!(client, "POST {path} HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}").expect("sent");
            let mut server = connections.recv().expect("a connection");
            read_until(&mut server, "{}");
            drop(client);
            assert_eq!(server.read(&mut [0; 16]).unwrap_or(0), 0, "the client has gone");
        }
    });
    played.await.expect("it was played to its end");
}

#[tokio::test]
async fn no_call_of_a_tool_is_sent_to_a_second_registry() {
    if nginx_is_missing() {
        return;
    }
    let asked = Arc::new(Mutex::new(Vec::new()));
    for (method, times) in [(Method::POST, 1), (Method::GET, 2), (Method::DELETE, 2)] {
        // A gateway for each: nginx leaves out a registry for a while that has failed.
        let mut gateway = gateway(&folder("mcp-once"), dying(&asked), upstream::on_tcp(auth));
        gateway.registries.push(dying(&asked));
        let running = start(&gateway).await;
        let caller: Caller = running.caller(Some("good"));
        let body = (method == Method::POST).then_some("{}");
        must_refuse(&caller.send(method.clone(), "/mcp/clock", body, &[]).await, 502, -32014);
        let line = format!("{method} /mcp/clock HTTP/1.1");
        assert_eq!(std::mem::take(&mut *asked.lock().expect("whole")), vec![line; times], "{method}");
    }
}

#[tokio::test]
async fn what_a_client_looks_up_before_it_signs_in_is_public() {
    if nginx_is_missing() {
        return;
    }
    let auth_server = upstream::on_tcp(|request| ("200 OK", vec![], request.echo().to_string()));
    let registry = Upstream::Tcp(upstream::on_tcp(registry));
    let running = start(&gateway(&folder("mcp-metadata"), registry, auth_server)).await;
    for resource in ["/mcp/clock", "/clock/mcp", "/mcp/Clock_2.0-x"] {
        let path = format!("/.well-known/oauth-protected-resource{resource}");
        let reply = raw::send(running.address, get(&path).as_bytes()).await;
        assert_eq!(reply.json()["line"], format!("GET {path} HTTP/1.1"), "{reply:?}");
    }
}
