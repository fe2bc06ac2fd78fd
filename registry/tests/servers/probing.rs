//! Reading tools from servers of every kind, and from what is none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use registry::servers::Patience;
use registry::{UpstreamRules, Upstreams};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::common::{Role, World};
use crate::fake::{Asked, Fake, Reply, error, newer, older, result, tool, with_tools};
use crate::world::at;

/// Registers the fake and says what its tools are.
async fn registered(world: &World, fake: &Fake) -> (Vec<String>, Value) {
    let answer = world.server(at("clock", &fake.url)).await.json();
    (world.tools("clock").await, answer["warnings"].clone())
}

#[tokio::test]
async fn the_newer_era() {
    let (world, fake) = (World::new(), with_tools(&["now", "zones"]).await);
    assert_eq!(registered(&world, &fake).await, (vec!["now".into(), "zones".into()], Value::Null));
    assert_eq!(fake.rpcs(), ["server/discover", "tools/list"]);
    let list = world.read("/api/servers/clock/tools").await;
    assert_eq!(
        list,
        json!({"server_name": "clock", "path": "/clock", "total_count": 2, "tools": [tool("now"), tool("zones")]}),
        "each exactly as it was told"
    );
    let card = world.read("/api/servers/clock").await;
    assert_eq!((&card["num_tools"], &card["health_status"]), (&json!(2), &json!("disabled")));
    world.ask(Role::Admin, "POST", "/api/servers/clock/toggle?enabled=true", None).await.is(200);
    assert_eq!(world.read("/api/servers/clock").await["health_status"], "healthy");
}

#[tokio::test]
async fn the_older_era_with_its_session() {
    let fake = Fake::start(|asked| {
        older(asked, |asked| match asked.body["params"]["cursor"].as_str() {
            None => result(asked, json!({"tools": [tool("now")], "nextCursor": "2"})),
            Some("2") => result(asked, json!({"tools": [tool("zones")]})),
            Some(_) => error(asked, 400, -32602, "no such page"),
        })
    })
    .await;
    let world = World::new();
    assert_eq!(registered(&world, &fake).await, (vec!["now".into(), "zones".into()], Value::Null));
    let rpcs = ["server/discover", "initialize", "notifications/initialized", "tools/list", "tools/list"];
    assert_eq!(fake.rpcs(), rpcs);
    let last = fake.asked().pop().expect("something");
    assert_eq!(
        (last.method.as_str(), last.header("mcp-session-id")),
        ("DELETE", "s-1"),
        "no session is left"
    );
}

#[tokio::test]
async fn an_answer_in_a_stream_of_events() {
    let fake = Fake::start(|asked| {
        newer(asked, |asked| {
            let answer =
                json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"tools": [tool("now")]}});
            let (sender, parts) = mpsc::unbounded_channel();
            for part in [
                ": hello\r\n\r\n".to_owned(),
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n"
                    .to_owned(),
                "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n\n".to_owned(),
                format!("event: message\rdata: {}", answer.to_string().replacen(',', ",\rdata: ", 1)),
                "\r\r".to_owned(),
            ] {
                sender.send(Bytes::from(part)).expect("open");
            }
            // The stream stays open: the answer is enough.
            std::mem::forget(sender);
            Reply::Stream(parts)
        })
    })
    .await;
    let world = World::new();
    assert_eq!(registered(&world, &fake).await, (vec!["now".into()], Value::Null));
}

/// A server of the oldest transport; its messages go where it says.
async fn sse(messages: &'static str) -> Fake {
    let open: Mutex<Option<mpsc::UnboundedSender<Bytes>>> = Mutex::default();
    Fake::start(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/sse") => {
            let (sender, parts) = mpsc::unbounded_channel();
            sender.send(format!("event: endpoint\ndata: {messages}\n\n").into()).expect("open");
            *open.lock().expect("whole") = Some(sender);
            Reply::Stream(parts)
        }
        ("POST", "/messages?session=1") => {
            let result = match asked.rpc() {
                "initialize" => {
                    json!({"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {"name": "S"}})
                }
                "tools/list" => json!({"tools": [tool("now")]}),
                _ => return Reply::Text(202, "text/plain", "Accepted".into()),
            };
            let answer = json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result});
            let open = open.lock().expect("whole");
            open.as_ref()
                .expect("a stream")
                .send(format!("event: message\ndata: {answer}\n\n").into())
                .expect("open");
            Reply::Text(202, "text/plain", "Accepted".into())
        }
        (_, _) => Reply::Text(404, "text/plain", String::new()),
    })
    .await
}

#[tokio::test]
async fn the_oldest_transport() {
    for (messages, tools) in [
        ("/messages?session=1", vec!["now"]),
        ("messages?session=1", vec!["now"]),
        ("http://127.0.0.2:1/messages?session=1", vec![]),
        ("//127.0.0.2:1/messages", vec![]),
        ("http://[", vec![]),
    ] {
        let (world, fake) = (World::new(), sse(messages).await);
        let mut card = at("clock", &fake.url.replace("/mcp", "/sse"));
        card["supported_transports"] = json!(["sse"]);
        card["headers"] = json!({"X-Key": "hunter2"});
        let answer = world.server(card).await.json();
        assert_eq!(world.tools("clock").await, tools, "{messages}: {answer}");
        assert_eq!(answer["warnings"].is_null(), !tools.is_empty(), "{messages}: {answer}");
        assert!(fake.asked().iter().all(|asked| asked.header("x-key") == "hunter2"));
    }
}

#[tokio::test]
async fn of_two_transports_the_one_that_works() {
    let (world, fake) = (World::new(), sse("/messages?session=1").await);
    let mut card = at("clock", &fake.url);
    card["supported_transports"] = json!("streamable-http,sse");
    world.server(card).await;
    assert_eq!(world.tools("clock").await, ["now"]);
}

#[tokio::test]
async fn credentials_go_with_every_request_and_nothing_else_of_ours() {
    let (world, fake) = (World::new(), with_tools(&["now"]).await);
    let mut card = at("clock", &fake.url);
    card["headers"] = json!({"Authorization": "Bearer for-the-server", "X-Key": "k"});
    world.server(card).await;
    for asked in fake.asked() {
        assert_eq!((asked.header("authorization"), asked.header("x-key")), ("Bearer for-the-server", "k"));
        assert!(asked.headers.keys().all(|name| !name.as_str().starts_with("x-identity")), "{asked:?}");
    }
}

/// A server that is broken in a way that has a name.
type Broken = (&'static str, fn(&Asked) -> Reply);

/// What each answers to the question for its tools, and a part of what the operator is told.
fn broken() -> [Broken; 17] {
    [
        ("no JSON", |_| Reply::Text(200, "application/json", "<html>".into())),
        ("no JSON", |asked| {
            let twice =
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{0},\"id\":{0},\"result\":{{}}}}", asked.body["id"]);
            Reply::Text(200, "application/json", twice)
        }),
        ("something else", |_| {
            Reply::Text(200, "application/json", json!({"jsonrpc": "2.0", "id": 99}).to_string())
        }),
        ("no result", |asked| {
            Reply::Text(
                200,
                "application/json",
                json!({"jsonrpc": "2.0", "id": asked.body["id"]}).to_string(),
            )
        }),
        ("no list of tools", |asked| result(asked, json!({"tools": {}}))),
        ("stream ended", |_| Reply::Text(200, "text/event-stream", "data: {}\n\n".into())),
        ("it sends more than", |_| Reply::Text(200, "application/json", "x".repeat(5 * 1024 * 1024))),
        ("it sends more than", |_| {
            Reply::Text(200, "text/event-stream", "data: ".to_owned() + &"x".repeat(5 * 1024 * 1024))
        }),
        ("no end", |asked| {
            let page = asked.body["id"].to_string();
            result(asked, json!({"tools": [], "nextCursor": page}))
        }),
        ("more than 1024", |asked| {
            let page = asked.body["id"].to_string();
            let tools: Vec<Value> = (0..100).map(|number| tool(&format!("{page}-{number}"))).collect();
            result(asked, json!({"tools": tools, "nextCursor": page}))
        }),
        ("two of its tools are named 'now'", |asked| {
            result(asked, json!({"tools": [tool("now"), tool("now")]}))
        }),
        ("no name", |asked| result(asked, json!({"tools": [{"name": ""}]}))),
        ("redirect", |_| Reply::With(307, "text/plain", String::new(), ("location", "http://127.0.0.1:1/"))),
        ("answered 500", |_| Reply::Text(500, "text/plain", "hunter2".into())),
        ("answered 401", |_| Reply::Text(401, "text/plain", String::new())),
        ("it refused: no cookies (-32000)", |asked| error(asked, 200, -32000, "no\u{1b} cookies")),
        ("compresses", |_| Reply::With(200, "application/json", "{}".into(), ("content-encoding", "gzip"))),
    ]
}

#[tokio::test]
async fn whatever_is_broken_is_said_and_the_tools_stay() {
    for (said, reply) in broken() {
        let well = std::sync::Arc::new(AtomicUsize::new(1));
        let now = well.clone();
        let fake = Fake::start(move |asked| {
            newer(asked, |asked| match now.load(Ordering::SeqCst) {
                1 => result(asked, json!({"tools": [tool("first")]})),
                _ => reply(asked),
            })
        })
        .await;
        let world = World::new();
        assert_eq!(registered(&world, &fake).await, (vec!["first".into()], Value::Null));
        well.store(0, Ordering::SeqCst);
        let health = world.check("clock").await;
        assert_eq!(health["health_status"], "unhealthy", "{said}: {health}");
        let reason = health["reason"].as_str().expect("a reason");
        assert!(reason.contains(said), "{said}: {reason}");
        assert!(
            !reason.contains("127.0.0.1") && !reason.contains("hunter2") && !reason.contains('\u{1b}'),
            "{reason}"
        );
        assert_eq!(world.tools("clock").await, ["first"], "{said}: the old list stays");
        well.store(1, Ordering::SeqCst);
        let before = world.read("/api/servers/clock/history").await["total_count"].clone();
        assert_eq!(world.check("clock").await["health_status"], "healthy", "{said}: and back");
        assert_eq!(
            world.read("/api/servers/clock/history").await["total_count"],
            before,
            "nothing was written"
        );
    }
}

#[tokio::test]
async fn a_server_without_tools_is_well() {
    for status in [200, 404] {
        let list = move |asked: &Asked| error(asked, status, -32601, "Method not found");
        let fake = Fake::start(move |asked| newer(asked, list)).await;
        let world = World::new();
        assert_eq!(registered(&world, &fake).await, (Vec::new(), Value::Null), "{status}");
        assert_eq!(world.check("clock").await["health_status"], "healthy", "{status}");
    }
}

#[tokio::test]
async fn a_silent_server_does_not_hold_its_registration_up() {
    let fake = Fake::start(|_| Reply::Silence).await;
    let short = Patience { check: Duration::from_millis(100), registration: Duration::from_millis(10) };
    let world = World::with(|app| app.health.patience = short);
    let answer = world.server(at("clock", &fake.url)).await.json();
    assert!(answer["warnings"][0].as_str().expect("a warning").contains("reading them goes on"), "{answer}");
    let health = world.check("clock").await;
    assert!(health["reason"].as_str().expect("a reason").contains("within 0 seconds"), "{health}");
}

#[tokio::test]
async fn other_tools_are_kept_under_the_name_of_the_registry_and_survive_a_restart() {
    let tools = std::sync::Arc::new(Mutex::new(vec![tool("one")]));
    let told = tools.clone();
    let fake = Fake::start(move |asked| {
        let tools = told.lock().expect("whole").clone();
        newer(asked, move |asked| result(asked, json!({"tools": tools})))
    })
    .await;
    let world = World::new();
    world.server(at("clock", &fake.url)).await;
    let etag = world.ask(Role::Admin, "GET", "/api/servers/clock", None).await.header("etag").to_owned();
    world.check("clock").await;
    assert_eq!(
        world.ask(Role::Admin, "GET", "/api/servers/clock", None).await.header("etag"),
        etag,
        "nothing new"
    );
    *tools.lock().expect("whole") = vec![tool("two"), tool("three")];
    assert_eq!(world.check("clock").await["num_tools"], 2);
    let history = world.read("/api/servers/clock/history").await;
    assert_eq!(
        (&history["changes"][0]["by"], &history["changes"][0]["fields"]),
        (&json!("registry"), &json!(["num_tools", "tool_list"]))
    );
    assert_eq!(history["total_count"], 3);
    let world = world.restarted();
    assert_eq!(world.tools("clock").await, ["two", "three"]);
    assert_eq!(world.read("/api/servers/clock").await["last_checked_iso"], Value::Null, "health is not kept");
}

#[tokio::test]
async fn addresses_that_are_not_called() {
    let fake = with_tools(&["now"]).await;
    let closed = Upstreams::new(UpstreamRules { allow_private: false }).expect("a client");
    let world = World::with(|app| app.upstreams = closed);
    let answer = world.server(at("clock", &fake.url)).await.json();
    assert!(answer["warnings"][0].as_str().expect("a warning").contains("not called from here"), "{answer}");
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_moves_is_asked_where_it_lives_now() {
    let (world, old, new) = (World::new(), with_tools(&["old"]).await, with_tools(&["new"]).await);
    world.server(at("clock", &old.url)).await;
    let mut changes = world.app.servers.follow();
    changes.mark_unchanged();
    world
        .ask(Role::Admin, "PATCH", "/api/servers/clock", Some(json!({"proxy_pass_url": new.url})))
        .await
        .is(200);
    // The change itself, and then its tools.
    let before = *changes.borrow_and_update();
    while world.tools("clock").await != ["new"] {
        changes.changed().await.expect("the store lives");
    }
    assert!(*changes.borrow() >= before);
}
