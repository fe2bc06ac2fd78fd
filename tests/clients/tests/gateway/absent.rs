//! Servers that are not there, not enabled or not reachable, and callers without a token: every answer in a form
//! that the packages understand.

use clients::gateway::{CALLERS, Era, Ground, Outcomes, Program};
use reqwest::Method;
use serde_json::{Value, json};

/// Checks that connecting ended with a JSON-RPC error, and with this status where the package tells it.
#[track_caller]
fn ended(program: &Program, outcomes: &Outcomes, expected: u64) {
    let (status, error) = outcomes.refused("connect");
    assert!(status.is_none_or(|status| status == expected), "{program:?}: {status:?}");
    assert!(error["code"].is_i64() && error["message"].is_string(), "{program:?}: {error}");
    // That is what `mcp` says of itself when it was told nothing.
    assert_ne!(error["message"], "Server returned an error response", "{program:?}");
}

/// The status and the body of an `initialize` by hand.
async fn hello(ground: &Ground, url: &str, token: Option<&str>) -> (reqwest::Response, String) {
    let request = ground.site.ask(Method::POST, "", token);
    let request = request.header("Accept", "application/json, text/event-stream");
    let body = json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {"capabilities": {},
        "protocolVersion": "2025-11-25", "clientInfo": {"name": "by-hand", "version": "1"}}});
    let mut request = request.json(&body).build().expect("a request");
    *request.url_mut() = url.parse().expect("a URL");
    let client = xtask::stack::wait::client().expect("a client");
    let answer = client.execute(request).await.expect("an answer");
    let metadata = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
    let metadata = metadata.unwrap_or_default().to_owned();
    (answer, metadata)
}

#[tokio::test]
async fn what_is_not_there_is_said_so_that_every_client_understands_it() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(CALLERS[0]).await;
    let sessions = &ground.server("sessions").url;
    ground.register("resting", sessions, json!({})).await;
    ground.toggle("resting", false).await;
    // Nobody listens where a listener was a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    drop(listener);
    ground.register("gone", &gone, json!({})).await;
    for (name, status) in [("never-registered", 404), ("resting", 404), ("gone", 502)] {
        for url in ground.addresses(name) {
            let (answer, _) = hello(ground, &url, Some(&token)).await;
            assert_eq!(u64::from(answer.status().as_u16()), status, "{url}");
            let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
            assert!(kind.starts_with("application/json"), "{url}: {kind}");
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!("hello")), "{url}: {body}");
            // Where it is is nobody's business.
            assert!(!body.to_string().contains("127.0.0.1"), "{body}");
        }
        let [url, _] = ground.addresses(name);
        for program in [Program::mcp(Era::Old), Program::sdk(Era::Old), Program::client(Era::Old)] {
            let program = program.with_token(&token);
            ended(&program, &ground.play(&program, &url, &["connect"]), status);
        }
    }
    // Enabled, it is there.
    ground.toggle("resting", true).await;
    let [url, _] = ground.addresses("resting");
    let (answer, _) = hello(ground, &url, Some(&token)).await;
    assert_eq!(answer.status().as_u16(), 200);
    ground.site.is_silent();
}

#[tokio::test]
async fn who_has_no_token_is_told_where_to_get_one() {
    let Some(ground) = Ground::get().await else { return };
    for url in ground.addresses("sessions").into_iter().chain(ground.addresses("never-registered")) {
        for token in [None, Some("nonsense")] {
            let (answer, challenge) = hello(ground, &url, token).await;
            assert_eq!(answer.status().as_u16(), 401, "{url}");
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!(body["jsonrpc"], "2.0", "{url}: {body}");
            assert!(challenge.starts_with("Bearer "), "{url}: {challenge}");
            let metadata =
                challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next());
            let metadata = metadata.unwrap_or_else(|| panic!("{url}: {challenge}"));
            let client = xtask::stack::wait::client().expect("a client");
            let said: Value =
                client.get(metadata).send().await.expect("an answer").json().await.expect("JSON");
            let resource = said["resource"].as_str().unwrap_or_default();
            assert!(url.starts_with(resource) && resource.len() > 10, "{url}: {said}");
            assert_eq!(said["authorization_servers"], json!([ground.site.issuer()]), "{said}");
        }
    }
    let [url, _] = ground.addresses("sessions");
    for program in Program::all() {
        ended(&program, &ground.play(&program, &url, &["connect"]), 401);
    }
}
