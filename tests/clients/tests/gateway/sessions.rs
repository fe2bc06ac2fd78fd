//! A session is its owner's, and so is everything that is taken up again in it.

use clients::gateway::{CALLERS, ECHOER, Era, Ground, Program};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// A request of the older protocol, by hand.
async fn post(ground: &Ground, url: &str, token: &str, session: Option<&str>, body: &Value) -> Response {
    let request = ground.site.ask(Method::POST, "", Some(token));
    let request = session.into_iter().fold(request, |request, session| {
        request.header("Mcp-Session-Id", session).header("MCP-Protocol-Version", "2025-11-25")
    });
    let request = request.header("Accept", "application/json, text/event-stream").json(body);
    let mut request = request.build().expect("a request");
    *request.url_mut() = url.parse().expect("a URL");
    xtask::stack::wait::client().expect("a client").execute(request).await.expect("an answer")
}

async fn open(ground: &Ground, url: &str, token: &str) -> String {
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {},
        "protocolVersion": "2025-11-25", "clientInfo": {"name": "by-hand", "version": "1"}}});
    let answer = post(ground, url, token, None, &hello).await;
    assert_eq!(answer.status().as_u16(), 200);
    let session = answer.headers()["mcp-session-id"].to_str().expect("text").to_owned();
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(post(ground, url, token, Some(&session), &ready).await.status().as_u16(), 202);
    session
}

#[tokio::test]
async fn a_session_of_somebody_else_is_not_there() {
    let Some(ground) = Ground::get().await else { return };
    let (owner, thief) = (ground.site.token(CALLERS[0]).await, ground.site.token(CALLERS[1]).await);
    for server in ["sessions", "json"] {
        for url in ground.addresses(server) {
            for program in [Program::mcp(Era::Old), Program::sdk(Era::Old)] {
                let program = program.with_token(&owner).with("OTHER_TOKEN", &thief);
                let outcomes = ground.play(&program, &url, &["stolen"]);
                let expected = json!({"stolen": [404, 404, 404], "owner": {"text": "mine"}});
                assert_eq!(outcomes.well("stolen"), &expected, "{program:?} at {url}");
            }
        }
    }
}

/// A name that nobody gave opens nothing, also at a server that would not look at it; a session of one server is none
/// of another.
#[tokio::test]
async fn a_session_that_was_never_opened_is_not_there() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(CALLERS[0]).await;
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}});
    let [url, _] = ground.addresses("sessions");
    let session = open(ground, &url, &token).await;
    assert_eq!(post(ground, &url, &token, Some(&session), &list).await.status().as_u16(), 200);
    for (server, session) in [("sessions", "made-up"), ("stateless", "made-up"), ("json", &session)] {
        let [url, _] = ground.addresses(server);
        let answer = post(ground, &url, &token, Some(session), &list).await;
        assert_eq!(answer.status().as_u16(), 404, "{server}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["jsonrpc"], "2.0", "{body}");
        assert!(body["error"]["code"].is_i64(), "{body}");
    }
}

/// An answer that is sent once more is cut once more.
#[tokio::test]
async fn a_list_is_cut_also_when_it_is_taken_up_again() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(ECHOER).await;
    for url in ground.addresses("sessions") {
        let session = open(ground, &url, &token).await;
        let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {}});
        let first = post(ground, &url, &token, Some(&session), &list).await.text().await.expect("text");
        assert_eq!(names(&first), ["echo"], "{first}");
        let id = first.lines().find_map(|line| line.strip_prefix("id: ")).expect("an event's id");
        let request = ground.site.ask(Method::GET, "", Some(&token)).header("Accept", "text/event-stream");
        let request = request.header("Mcp-Session-Id", &session).header("MCP-Protocol-Version", "2025-11-25");
        let mut request = request.header("Last-Event-ID", id).build().expect("a request");
        *request.url_mut() = url.parse().expect("a URL");
        let client = xtask::stack::wait::client().expect("a client");
        let mut answer = client.execute(request).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        let mut again = String::new();
        // It stays open, as the first one would: what is waited for is the answer.
        while names(&again).is_empty() {
            let part = answer.chunk().await.expect("more").expect("it ended before the answer came");
            again.push_str(&String::from_utf8_lossy(&part));
        }
        assert_eq!(names(&again), ["echo"], "{again}");
        assert!(!again.contains("secret_tool"), "{again}");
    }
}

/// The tools in the first answer of a stream of events that is whole.
fn names(stream: &str) -> Vec<String> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut answers = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let tools = answers.find_map(|answer| answer["result"]["tools"].as_array().cloned()).unwrap_or_default();
    tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
}

/// The name of a session of the older transport stands in the address its messages go to.
#[tokio::test]
async fn nobody_else_can_write_into_a_stream_of_2024() {
    let Some(ground) = Ground::get().await else { return };
    let (owner, thief) = (ground.site.token(CALLERS[0]).await, ground.site.token(CALLERS[1]).await);
    for url in ground.addresses("old") {
        let request = ground.site.ask(Method::GET, "", Some(&owner)).header("Accept", "text/event-stream");
        let mut request = request.build().expect("a request");
        *request.url_mut() = url.parse().expect("a URL");
        let client = xtask::stack::wait::client().expect("a client");
        let mut stream = client.execute(request).await.expect("an answer");
        assert_eq!(stream.status().as_u16(), 200, "{url}");
        let mut said = String::new();
        let place = loop {
            let part = stream.chunk().await.expect("more").expect("it ended");
            said.push_str(&String::from_utf8_lossy(&part));
            let whole = said.contains("\n\n") || said.contains("\r\n\r\n");
            let place = said.lines().find_map(|line| line.strip_prefix("data: "));
            if let (true, Some(place)) = (whole, place) {
                break place.to_owned();
            }
        };
        // The clients join it to the address they know, and demand the same origin.
        let messages = url.parse::<reqwest::Url>().expect("a URL").join(&place).expect("a place");
        assert!(messages.as_str().starts_with(&ground.site.gateway()), "{messages}");
        let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        let stolen = post(ground, messages.as_str(), &thief, None, &ping).await;
        assert_eq!(stolen.status().as_u16(), 404, "{messages}");
        let own = post(ground, messages.as_str(), &owner, None, &ping).await;
        assert_eq!(own.status().as_u16(), 202, "{messages}");
    }
}
