//! Following the changes through the gateway: as they come, only what one may see, nothing lost and nothing twice.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use e2e::forge::{self, Provider};
use e2e::{Caller, Shared, upstream};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use xtask::stack::{Stack, StackOptions};

/// A provider that the stack trusts: its tokens end when we want.
static PROVIDER: OnceLock<(Provider, String)> = OnceLock::new();
static STACK: Shared = Shared::new(adjust);

fn adjust(options: &mut StackOptions) {
    let provider = Provider::new("trusted-1");
    let jwks = provider.jwks().to_string();
    let address =
        upstream::on_tcp(move |_| ("200 OK", vec!["Content-Type: application/json".into()], jwks.clone()));
    let issuer = format!("http://{address}/realms/trusted");
    let entry = json!([{"issuer": issuer, "jwks_uri": format!("http://{address}/jwks"), "audiences": ["mcp-registry"]}]);
    let file = options.data.join("issuers.yml");
    std::fs::write(&file, entry.to_string()).expect("the data folder is ours");
    options.issuers = Some(file);
    options.model = None;
    let _ = PROVIDER.set((provider, issuer));
}

/// A stream that is being read.
struct Events {
    response: Response,
    received: String,
}

impl Events {
    async fn follow(stack: &Stack, caller: &Caller, last: Option<u64>) -> Events {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut request = http.get(format!("{}/api/changes", stack.gateway())).bearer_auth(caller.token());
        request = request.header("Accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("x-accel-buffering"), "that is for nginx");
        Events { response, received: String::new() }
    }

    /// From now on: the first thing said is where that is.
    async fn from_now(stack: &Stack, caller: &Caller) -> Events {
        let mut events = Events::follow(stack, caller, None).await;
        let (name, data) = events.next().await.expect("an event");
        assert!(name == "position" && data["last"].is_u64(), "{name} {data}");
        events
    }

    /// The next event's name and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.received = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(data) = field("data: ") {
                    let data = serde_json::from_str(data).expect("JSON");
                    return Some((field("event: ").expect("a name").to_owned(), data));
                }
                continue;
            }
            // Less than a heartbeat: what comes only with the next one was held back on the way.
            let part = tokio::time::timeout(Duration::from_secs(14), self.response.chunk()).await;
            let part = part.expect("it comes in time").expect("the stream is whole")?;
            self.received.push_str(std::str::from_utf8(&part).expect("text"));
        }
    }

    async fn change(&mut self) -> Value {
        let (name, data) = self.next().await.expect("a change");
        assert_eq!(data["what"], name.as_str(), "{data}");
        data
    }
}

fn card(path: &str) -> Value {
    json!({"name": "Card", "description": "A card", "url": "https://agents.example.com/x", "path": path,
        "protocol_version": "1.0", "tags": ["changes"]})
}

async fn patch(admin: &Caller, path: &str, change: &Value) {
    let target = format!("/api/agents{path}");
    admin.send(Method::PATCH, &target, Some(&change.to_string()), &[]).await.must_be(200);
}

#[tokio::test]
async fn changes_are_followed_through_the_gateway() {
    let Some(stack) = STACK.get().await else { return };
    let admin = Caller::sign_in(stack, "registry-admin").await;
    Caller::new(stack.gateway(), None).get("/api/changes").await.must_refuse(401);
    everybody_follows_what_he_sees(stack, &admin).await;
    a_cut_connection_loses_and_repeats_nothing(stack, &admin).await;
    who_has_done_what_can_be_read(&admin).await;
    a_stream_ends_with_the_token(stack).await;
    a_stop_does_not_wait_for_followers(stack, &admin).await;
}

async fn everybody_follows_what_he_sees(stack: &Stack, admin: &Caller) {
    let first = Caller::sign_in(stack, "lob1-bot").await;
    let (mut all, mut some) = (Events::from_now(stack, admin).await, Events::from_now(stack, &first).await);
    admin.post_json("/api/agents/register", &card("/code-reviewer")).await.must_be(201);
    admin.post_json("/api/agents/register", &card("/elsewhere")).await.must_be(201);
    admin.post("/api/agents/code-reviewer/toggle?enabled=true").await.must_be(200);
    for (what, path) in
        [("registered", "/code-reviewer"), ("registered", "/elsewhere"), ("enabled", "/code-reviewer")]
    {
        let told = all.change().await;
        assert_eq!(
            (&told["what"], &told["path"], &told["by"]),
            (&json!(what), &json!(path), &json!("service-account-registry-admin"))
        );
        if path == "/code-reviewer" {
            assert_eq!(some.change().await, told);
        }
    }
    patch(admin, "/code-reviewer", &json!({"visibility": "private"})).await;
    let (hidden, gone) = (all.change().await, some.change().await);
    assert_eq!((&hidden["what"], &hidden["fields"]), (&json!("updated"), &json!(["visibility"])));
    let expected =
        json!({"change": hidden["change"], "at": hidden["at"], "what": "removed", "path": "/code-reviewer"});
    assert_eq!(gone, expected, "no more than that");
    patch(admin, "/code-reviewer", &json!({"description": "Not for everybody"})).await;
    admin.delete("/api/agents/code-reviewer").await.must_be(204);
    assert_eq!(all.change().await["what"], "updated");
    assert_eq!(all.change().await["what"], "removed");
    admin.post_json("/api/agents/register", &card("/test-automation")).await.must_be(201);
    assert_eq!(some.change().await["path"], "/test-automation", "nothing of the hidden one came in between");
}

async fn a_cut_connection_loses_and_repeats_nothing(stack: &Stack, admin: &Caller) {
    const CHANGES: usize = 60;
    let first = Caller::sign_in(stack, "lob1-bot").await;
    let page = first.get("/api/changes").await;
    let start = page.must_be(200)["last"].as_u64().expect("the number of now");
    let writing = async {
        for number in 0..CHANGES {
            // Every other one is not for him.
            patch(admin, "/elsewhere", &json!({"description": number.to_string()})).await;
            patch(admin, "/test-automation", &json!({"description": number.to_string()})).await;
        }
    };
    let reading = async {
        let (mut last, mut numbers) = (start, Vec::new());
        while numbers.len() < CHANGES {
            let mut events = Events::follow(stack, &first, Some(last)).await;
            for _ in 0..7.min(CHANGES - numbers.len()) {
                let told = events.change().await;
                assert_eq!((&told["path"], &told["what"]), (&json!("/test-automation"), &json!("updated")));
                last = told["change"].as_u64().expect("a number");
                numbers.push(last);
            }
        }
        numbers
    };
    let ((), numbers) = tokio::join!(writing, reading);
    let page = first.get(&format!("/api/changes?since={start}&limit=1000")).await;
    let told = page.must_be(200)["changes"].as_array().expect("a list").clone();
    let kept: Vec<u64> = told.iter().map(|told| told["change"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, kept, "what came in pieces is what the page says");
    assert!(numbers.is_sorted_by(|one, next| one < next));
    let future = first.get("/api/changes?since=999999999").await;
    future.must_refuse(410);
    assert_eq!(future.body["last"], page.body["last"]);
}

async fn who_has_done_what_can_be_read(admin: &Caller) {
    admin.post_json("/api/agents/register", &card("/team/reviewer")).await.must_be(201);
    patch(admin, "/team/reviewer", &json!({"description": "x"})).await;
    for spelling in ["/api/agents/team/reviewer/history", "/api/agents/team%2Freviewer/history"] {
        let history = admin.get(spelling).await;
        assert_eq!(
            e2e::column(&history.must_be(200)["changes"], "what"),
            ["updated", "registered"],
            "{spelling}"
        );
        assert_eq!(history.body["path"], "/team/reviewer");
    }
}

async fn a_stream_ends_with_the_token(stack: &Stack) {
    let (provider, issuer) = PROVIDER.get().expect("the stack was started first");
    let now = forge::now();
    // Four seconds are left of the ten by which clocks may differ.
    let claims = json!({"iss": issuer, "aud": "mcp-registry", "sub": "u-1", "preferred_username": "ann",
        "azp": "web", "groups": ["mcp-registry-admin"], "iat": now - 60, "exp": now - 6});
    let caller = Caller::new(stack.gateway(), Some(provider.sign(&claims)));
    let mut events = Events::from_now(stack, &caller).await;
    assert_eq!(events.next().await, None, "it ends, and in order");
    assert!(forge::now() >= now + 4);
    caller.get("/api/changes").await.must_refuse(401);
}

async fn a_stop_does_not_wait_for_followers(stack: &Stack, admin: &Caller) {
    let mut events = Events::from_now(stack, admin).await;
    let (pid, stopped) = (stack.run().registry.pid, Instant::now());
    let told = Command::new("kill").arg(pid.to_string()).status().expect("kill is there");
    assert!(told.success());
    assert_eq!(events.next().await, None, "it ends, and in order");
    assert!(stopped.elapsed() < Duration::from_secs(5), "the grace of a stop is for others");
    stack.restart_registry().await.expect("it starts again");
    assert_eq!(
        admin.get("/api/changes?since=0").await.must_be(200)["changes"][0]["change"],
        1,
        "and remembers"
    );
}
