//! What has happened to an agent, and following all of them: everybody is told what he may see, and no more.

mod common;

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use access::{LivePolicy, Policy};
use common::{Answer, NOW, Role, SHIPPED, World, card};
use poem::Request;
use poem::http::Method;
use registry::{FollowLimits, Followers};
use serde_json::{Value, json};
use store::HistoryLimits;
use tokio::io::{AsyncRead, AsyncReadExt as _};

async fn register(world: &World, card: Value) {
    world.ask(Role::Guide, "POST", "/api/agents/register", Some(card)).await.is(201);
}

async fn patch(world: &World, path: &str, change: Value) {
    world.ask(Role::Guide, "PATCH", &format!("/api/agents{path}"), Some(change)).await.is(200);
}

async fn remove(world: &World, path: &str) {
    world.ask(Role::Guide, "DELETE", &format!("/api/agents{path}"), None).await.is(204);
}

fn secret(path: &str) -> Value {
    let mut card = card(path, "S", "d");
    card["visibility"] = json!("private");
    card
}

async fn page(world: &World, role: Role, query: &str) -> Value {
    world.ask(role, "GET", &format!("/api/changes{query}"), None).await.is(200).json()
}

/// What a role is told since a number: number, what, path.
async fn told(world: &World, role: Role, since: u64) -> Vec<(u64, String, String)> {
    let page = page(world, role, &format!("?since={since}")).await;
    let text = |change: &Value, key: &str| change[key].as_str().expect(key).to_owned();
    let changes = page["changes"].as_array().expect("a list").iter();
    changes
        .map(|change| (change["change"].as_u64().expect("one"), text(change, "what"), text(change, "path")))
        .collect()
}

fn line(number: u64, what: &str, path: &str) -> (u64, String, String) {
    (number, what.to_owned(), path.to_owned())
}

#[tokio::test]
async fn a_history_says_who_when_and_what() {
    let world = World::new();
    register(&world, card("/team/reviewer", "R", "d")).await;
    world.clock.store(NOW + 60, Ordering::SeqCst);
    let target = "/api/agents/team/reviewer";
    let changed =
        world.ask(Role::Admin, "PATCH", target, Some(json!({"description": "x", "tags": ["t"]}))).await;
    let tag = changed.is(200).header("etag").to_owned();
    world.ask(Role::Guide, "POST", &format!("{target}/toggle?enabled=true"), None).await.is(200);
    world.ask(Role::Guide, "POST", &format!("{target}/toggle?enabled=true"), None).await.is(200);
    let read =
        world.ask(Role::Guide, "GET", "/api/agents/team%2Freviewer/history", None).await.is(200).json();
    assert_eq!((&read["path"], &read["total_count"]), (&json!("/team/reviewer"), &json!(3)));
    let guide = Role::Guide.username();
    let changes = read["changes"].as_array().expect("a list");
    assert_eq!(changes[0]["what"], "enabled", "the latest first; what changes nothing is none");
    assert_eq!(
        changes[1],
        json!({"change": 2, "at": "2025-11-09T10:31:00Z", "by": "registry-admin", "client_id": "registry-admin",
            "what": "updated", "fields": ["description", "tags"], "etag": tag})
    );
    assert_eq!((&changes[2]["what"], &changes[2]["by"]), (&json!("registered"), &json!(guide)));
    // In parts, by both spellings.
    let part =
        world.ask(Role::Guide, "GET", &format!("{target}/history?before=3&limit=1"), None).await.is(200);
    assert_eq!((&part.json()["changes"], &part.json()["total_count"]), (&json!([changes[1]]), &json!(3)));
    for (wrong, status) in [("?limit=0", 422), ("?limit=1001", 422), ("?before=x", 400)] {
        world.ask(Role::Guide, "GET", &format!("{target}/history{wrong}"), None).await.is(status);
    }
    // What is gone has a history still, for those who could read it; and it outlives the process.
    world.ask(Role::Guide, "DELETE", target, None).await.is(204);
    let world = world.restarted();
    let read = world.ask(Role::Admin, "GET", &format!("{target}/history"), None).await.is(200).json();
    assert_eq!(read["total_count"], 4);
    let last = &read["changes"][0];
    assert_eq!((&last["what"], &last["by"], last.get("etag")), (&json!("removed"), &json!(guide), None));
    world.ask(Role::Lob1, "GET", &format!("{target}/history"), None).await.is(403);
    world.ask(Role::Admin, "GET", "/api/agents/never/history", None).await.is(404);
}

#[tokio::test]
async fn a_history_is_told_to_nobody_who_may_not_read_the_entry() {
    let world = World::new();
    let history = async |role: Role| {
        let mut answer = world.ask(role, "GET", "/api/agents/code-reviewer/history", None).await;
        answer.headers.remove("x-request-id");
        (answer.status.as_u16(), format!("{:?}", answer.headers), answer.text)
    };
    let absent = history(Role::Lob1).await;
    assert_eq!(absent.0, 404);
    // Private, changed, gone: never a word.
    register(&world, secret("/code-reviewer")).await;
    assert_eq!(history(Role::Lob1).await, absent);
    patch(&world, "/code-reviewer", json!({"description": "x"})).await;
    assert_eq!(history(Role::Lob1).await, absent);
    assert_eq!(history(Role::Admin).await.0, 200);
    remove(&world, "/code-reviewer").await;
    assert_eq!(history(Role::Lob1).await, absent);
    // A public life is told, and it stays all that is told when a private one follows at the same path.
    register(&world, card("/code-reviewer", "P", "d")).await;
    let of = |told: &(u16, String, String)| -> Vec<u64> {
        let read: Value = serde_json::from_str(&told.2).expect("JSON");
        let changes = read["changes"].as_array().expect("a list").iter();
        changes.map(|change| change["change"].as_u64().expect("a number")).collect()
    };
    assert_eq!(of(&history(Role::Lob1).await), [4]);
    remove(&world, "/code-reviewer").await;
    let public_life = history(Role::Lob1).await;
    assert_eq!(of(&public_life), [5, 4]);
    register(&world, secret("/code-reviewer")).await;
    assert_eq!(history(Role::Lob1).await, public_life);
    assert_eq!(of(&history(Role::Admin).await), [6, 5, 4, 3, 2, 1]);
    // An entry that is hidden takes its history with it, and shows it whole when it comes back.
    patch(&world, "/code-reviewer", json!({"visibility": "public"})).await;
    assert_eq!(of(&history(Role::Lob1).await), [7, 6, 5, 4]);
    patch(&world, "/code-reviewer", json!({"visibility": "private"})).await;
    assert_eq!(history(Role::Lob1).await, public_life);
}

#[tokio::test]
async fn everybody_is_told_what_he_may_see() {
    let world = World::new();
    register(&world, card("/code-reviewer", "C", "d")).await; // 1
    register(&world, secret("/test-automation")).await; // 2
    patch(&world, "/test-automation", json!({"description": "x"})).await; // 3
    patch(&world, "/test-automation", json!({"visibility": "public"})).await; // 4
    patch(&world, "/test-automation", json!({"description": "y"})).await; // 5
    world.ask(Role::Guide, "POST", "/api/agents/code-reviewer/toggle?enabled=true", None).await.is(200); // 6
    register(&world, card("/data-analysis", "D", "d")).await; // 7
    let expected = [
        line(1, "registered", "/code-reviewer"),
        line(4, "registered", "/test-automation"),
        line(5, "updated", "/test-automation"),
        line(6, "enabled", "/code-reviewer"),
    ];
    assert_eq!(told(&world, Role::Lob1, 0).await, expected);
    assert_eq!(told(&world, Role::Lob1, 4).await, expected[2..]);
    assert_eq!(told(&world, Role::Lob2, 0).await, [line(7, "registered", "/data-analysis")]);
    assert_eq!(told(&world, Role::Stranger, 0).await, []);
    assert_eq!(told(&world, Role::Admin, 0).await.len(), 7);
    let page = page(&world, Role::Lob1, "?since=4&limit=1").await;
    let change = &page["changes"][0];
    assert_eq!((&page["last"], &page["more"]), (&json!(5), &json!(true)));
    assert_eq!(change["at"], "2025-11-09T10:30:00Z");
    assert_eq!((&change["by"], &change["fields"]), (&json!(Role::Guide.username()), &json!(["description"])));
    let now = world.ask(Role::Lob1, "GET", "/api/agents/test-automation", None).await.is(200);
    assert_eq!(change["etag"], now.header("etag"));
}

#[tokio::test]
async fn of_what_is_hidden_only_its_going_is_told() {
    let world = World::new();
    register(&world, card("/code-reviewer", "C", "d")).await; // 1
    patch(&world, "/code-reviewer", json!({"description": "x"})).await; // 2
    assert_eq!(told(&world, Role::Lob1, 0).await.len(), 2);
    patch(&world, "/code-reviewer", json!({"visibility": "private"})).await; // 3
    patch(&world, "/code-reviewer", json!({"description": "secret"})).await; // 4
    let hidden = page(&world, Role::Lob1, "?since=0").await;
    let going =
        json!({"change": 3, "at": "2025-11-09T10:30:00Z", "what": "removed", "path": "/code-reviewer"});
    assert_eq!(hidden, json!({"changes": [going], "last": 4, "more": false}));
    remove(&world, "/code-reviewer").await; // 5
    assert_eq!(page(&world, Role::Lob1, "?since=0").await["changes"], json!([going]), "its end adds nothing");
    // A life that ends in the open is told, its end without its author; a secret one at its place adds nothing.
    register(&world, card("/code-reviewer", "C", "d")).await; // 6
    remove(&world, "/code-reviewer").await; // 7
    let open = page(&world, Role::Lob1, "?since=5").await["changes"].clone();
    assert_eq!((&open[0]["what"], &open[0]["by"]), (&json!("registered"), &json!(Role::Guide.username())));
    assert_eq!((&open[1]["what"], open[1].get("by"), open[1].get("fields")), (&json!("removed"), None, None));
    register(&world, secret("/code-reviewer")).await; // 8
    assert_eq!(page(&world, Role::Lob1, "?since=5").await["changes"], open);
    let all = told(&world, Role::Admin, 0).await;
    let what: Vec<&str> = all.iter().map(|(_, what, _)| what.as_str()).collect();
    assert_eq!(
        what,
        ["registered", "updated", "updated", "updated", "removed", "registered", "removed", "registered"]
    );
}

#[tokio::test]
async fn who_may_list_and_not_read_is_told_that_and_no_more() {
    let policy = "group_mappings: {a2a-agent-admin: [a2a-agent-admin], registry-users-lob1: [lister]}\n\
        UI-Scopes: {lister: {list_agents: [all]}}\n";
    let world = World::with(|app| {
        app.policy = LivePolicy::new(Policy::parse(policy).expect("a policy"), false, NOW);
    });
    register(&world, card("/a", "A", "d")).await;
    patch(&world, "/a", json!({"description": "x"})).await;
    let told = page(&world, Role::Lob1, "?since=1").await;
    let bare = json!({"change": 2, "at": "2025-11-09T10:30:00Z", "what": "updated", "path": "/a"});
    assert_eq!(told["changes"], json!([bare]));
    world.ask(Role::Lob1, "GET", "/api/agents/a/history", None).await.is(403);
}

#[tokio::test]
async fn a_number_that_is_not_known_is_told_so() {
    let world = World::remembering(HistoryLimits { total: 3, per_entry: 100 }, |_| {});
    assert_eq!(page(&world, Role::Guide, "").await, json!({"changes": [], "last": 0, "more": false}));
    for number in 0..5 {
        register(&world, card(&format!("/a{number}"), "A", "d")).await;
    }
    for since in [0, 1, 6, u64::MAX] {
        let answer =
            world.ask(Role::Guide, "GET", &format!("/api/changes?since={since}"), None).await.is(410).json();
        assert_eq!((&answer["code"], &answer["last"]), (&json!("changes_forgotten"), &json!(5)), "{since}");
        assert!(
            answer["message"].as_str().is_some_and(|text| text.contains("then follow from 5")),
            "{answer}"
        );
        let mut stream = follow(&world, Role::Guide, &format!("?since={since}"), None).await;
        assert_eq!(stream.next().await, Some(event(5, "reset", json!({"last": 5}))));
    }
    assert_eq!(told(&world, Role::Guide, 2).await.len(), 3);
    for (wrong, status) in
        [("?since=x", 400), ("?since=-1", 400), ("?since=0&limit=0", 422), ("?limit=1001", 422)]
    {
        world.ask(Role::Guide, "GET", &format!("/api/changes{wrong}"), None).await.is(status);
    }
}

/// An event: id, name, data.
type Event = (String, String, Value);

fn event(id: u64, name: &str, data: Value) -> Event {
    (id.to_string(), name.to_owned(), data)
}

/// A stream that is being read.
struct Stream {
    body: Pin<Box<dyn AsyncRead + Send>>,
    received: String,
}

impl Stream {
    /// The next block of lines; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.received = rest;
                return Some(block);
            }
            let mut bytes = [0; 4096];
            let read = tokio::time::timeout(Duration::from_secs(30), self.body.read(&mut bytes)).await;
            match read.expect("something comes in time").expect("readable") {
                0 => return None,
                count => self.received.push_str(std::str::from_utf8(&bytes[..count]).expect("text")),
            }
        }
    }

    /// The next event.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field =
                |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            if !field("data: ").is_empty() {
                let data = serde_json::from_str(field("data: ")).expect("JSON");
                return Some((field("id: ").to_owned(), field("event: ").to_owned(), data));
            }
        }
    }

    /// The next change: number, what, path.
    async fn change(&mut self) -> (u64, String, String) {
        let (id, name, data) = self.next().await.expect("an event");
        assert_eq!(
            (id, &name),
            (data["change"].to_string(), &data["what"].as_str().expect("one").to_owned())
        );
        (data["change"].as_u64().expect("a number"), name, data["path"].as_str().expect("one").to_owned())
    }
}

async fn asked(world: &World, role: Role, query: &str, last: Option<&str>) -> poem::Response {
    let target = format!("/api/changes{query}").parse().expect("a target");
    let mut request =
        Request::builder().method(Method::GET).uri(target).header("Accept", "text/event-stream");
    request = request.header("X-Identity", world.seal(&world.claims(role)));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    world.respond(request.finish()).await
}

async fn follow(world: &World, role: Role, query: &str, last: Option<&str>) -> Stream {
    let mut response = asked(world, role, query, last).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.content_type(), Some("text/event-stream"));
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    let body = Box::pin(response.take_body().into_async_read());
    let mut stream = Stream { body, received: String::new() };
    assert_eq!(stream.block().await.as_deref(), Some("retry: 2000"));
    stream
}

#[tokio::test]
async fn a_stream_tells_what_happens_and_goes_on_where_it_was_cut() {
    let world = World::new();
    register(&world, card("/code-reviewer", "C", "d")).await; // 1
    let mut first = follow(&world, Role::Lob1, "", None).await;
    let mut second = follow(&world, Role::Lob2, "", None).await;
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.next().await, Some(event(1, "position", json!({"last": 1}))), "it begins now");
    }
    register(&world, card("/data-analysis", "D", "d")).await; // 2
    patch(&world, "/code-reviewer", json!({"description": "x"})).await; // 3
    assert_eq!(first.change().await, line(3, "updated", "/code-reviewer"));
    patch(&world, "/code-reviewer", json!({"visibility": "private"})).await; // 4
    assert_eq!(first.change().await, line(4, "removed", "/code-reviewer"));
    assert_eq!(second.change().await, line(2, "registered", "/data-analysis"));
    drop(second);
    for number in 0..3 {
        patch(&world, "/data-analysis", json!({"description": number.to_string()})).await; // 5, 6, 7
    }
    // What has come counts, whatever `since` says.
    let mut second = follow(&world, Role::Lob2, "?since=0", Some("5")).await;
    assert_eq!(second.change().await, line(6, "updated", "/data-analysis"));
    assert_eq!(second.change().await, line(7, "updated", "/data-analysis"));
    let page = world.ask(Role::Lob2, "GET", "/api/changes?since=5", None).await.is(200).json();
    assert_eq!(page["changes"].as_array().map(Vec::len), Some(2), "the page says the same");
    // Hundreds at once arrive all, in their order.
    for number in 0..400 {
        patch(&world, "/data-analysis", json!({"description": format!("more {number}")})).await;
    }
    for number in 308..=407 {
        // The oldest of one entry are forgotten: a hundred are kept.
        assert_eq!(second.change().await.0, number);
    }
    let refused = asked(&world, Role::Lob2, "", Some("seven")).await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn a_stream_is_decided_by_the_policy_of_now_and_ends_with_the_identity() {
    let world = World::new();
    let mut stream = follow(&world, Role::Lob1, "?since=0", None).await;
    register(&world, card("/code-reviewer", "C", "d")).await;
    assert_eq!(stream.change().await.0, 1);
    let narrowed = SHIPPED.replace("/code-reviewer", "/elsewhere");
    world.app.policy.offer(&narrowed, NOW);
    patch(&world, "/code-reviewer", json!({"description": "x"})).await;
    register(&world, card("/elsewhere", "E", "d")).await;
    assert_eq!(
        stream.change().await,
        line(3, "registered", "/elsewhere"),
        "the second is not for him any more"
    );
    // He is known for 60 s, and 10 s more for clocks that differ.
    world.clock.store(NOW + 69, Ordering::SeqCst);
    patch(&world, "/elsewhere", json!({"description": "x"})).await;
    assert_eq!(stream.change().await.0, 4);
    world.clock.store(NOW + 70, Ordering::SeqCst);
    patch(&world, "/elsewhere", json!({"description": "y"})).await;
    assert_eq!(stream.next().await, None, "nothing is told to a caller of yesterday");
    assert_eq!(open(&world).await, 0);
}

async fn open(world: &World) -> u64 {
    let metrics = Request::builder().uri("/metrics".parse().expect("a target")).finish();
    let mut response = poem::Endpoint::get_response(&registry::operators_endpoint(&world.app), metrics).await;
    let text = response.take_body().into_string().await.expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("registry_change_streams "));
    line.expect("the metric").parse().expect("a number")
}

#[tokio::test]
async fn streams_are_few_and_end_at_once_at_a_stop() {
    let world = World::new();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(follow(&world, Role::Lob1, "?since=0", None).await);
    }
    let mut response = asked(&world, Role::Lob1, "", None).await;
    let text = response.take_body().into_string().await.expect("text");
    let refused = Answer { status: response.status(), headers: response.headers().clone(), text }.is(429);
    assert_eq!((&refused.json()["code"], refused.header("retry-after")), (&json!("too_many_streams"), "5"));
    assert!(refused.json()["message"].as_str().is_some_and(|text| text.starts_with("16 streams")));
    let mut other = follow(&world, Role::Lob2, "?since=0", None).await;
    assert_eq!(open(&world).await, 17);
    drop(streams.pop());
    assert_eq!(open(&world).await, 16, "who goes away frees his place at once");
    world.app.followers.end();
    for stream in &mut streams {
        assert_eq!(stream.block().await, None);
    }
    assert_eq!(other.block().await, None);
    assert_eq!(
        follow(&world, Role::Lob1, "", None).await.next().await.map(|(_, name, _)| name),
        Some("position".into())
    );
    assert_eq!(open(&world).await, 0);
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_there_and_where() {
    let brisk = FollowLimits { heartbeat: Duration::from_millis(20), ..FollowLimits::default() };
    let world = World::with(|app| app.followers = Followers::new(brisk));
    let mut stream = follow(&world, Role::Stranger, "", None).await;
    assert_eq!(stream.next().await, Some(event(0, "position", json!({"last": 0}))));
    assert_eq!(stream.block().await.as_deref(), Some(": still here"));
    register(&world, card("/a", "A", "d")).await;
    // Nothing for him; but he would come back from here.
    assert_eq!(stream.next().await, Some(event(1, "position", json!({"last": 1}))));
}

#[tokio::test]
async fn health_and_metrics_say_how_the_store_is() {
    let world = World::new();
    register(&world, card("/a", "A", "d")).await;
    let health = world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json();
    assert_eq!(
        health["store"],
        json!({"kind": "file", "writable": true, "lag_seconds": 0.0, "stale": false})
    );
    let metrics = Request::builder().uri("/metrics".parse().expect("a target")).finish();
    let mut response = poem::Endpoint::get_response(&registry::operators_endpoint(&world.app), metrics).await;
    let text = response.take_body().into_string().await.expect("text");
    for line in ["registry_store_writable 1", "registry_store_lag_seconds 0.0", "registry_last_change 1"] {
        assert!(text.lines().any(|held| held == line), "{line}: {text}");
    }
    assert!(text.contains("registry_journal_bytes "), "{text}");
    // What cannot be kept is said to be so, and reading goes on.
    world.app.store.close().await;
    let refused =
        world.ask(Role::Guide, "POST", "/api/agents/register", Some(card("/b", "B", "d"))).await.is(503);
    assert_eq!(refused.json()["code"], "store_unavailable");
    assert!(refused.header("retry-after") == "5" && refused.text.contains("reading works"), "{refused:?}");
    world.ask(Role::Guide, "GET", "/api/agents/a", None).await.is(200);
}
