//! How requests are read and refused: paths, bodies, conditions, one error form.

mod common;

use std::sync::Arc;

use common::{Answer, Role, World, card};
use poem::Request;
use poem::http::{HeaderName, HeaderValue, Method};
use serde_json::json;

#[tokio::test]
async fn plain_and_encoded_paths_are_the_same_agent() {
    let world = World::new();
    let answer =
        world.ask(Role::Guide, "POST", "/api/agents/register", Some(card("/team/reviewer", "R", "d"))).await;
    assert_eq!(answer.is(201).header("location"), "/api/agents/team%2Freviewer");
    for target in ["/api/agents/team/reviewer", "/api/agents/team%2Freviewer", "/api/agents/team%2freviewer"]
    {
        let found = world.ask(Role::Guide, "GET", target, None).await.is(200).json();
        assert_eq!(found["path"], "/team/reviewer");
    }
    for target in
        ["/api/agents/team/reviewer/toggle?enabled=true", "/api/agents/team%2Freviewer/toggle?enabled=false"]
    {
        world.ask(Role::Guide, "POST", target, None).await.is(200);
    }
    let mut accented = card("/équipe/評価", "É", "d");
    accented["url"] = json!("https://example.com");
    world.ask(Role::Guide, "POST", "/api/agents/register", Some(accented)).await.is(201);
    let found = world
        .ask(Role::Guide, "GET", "/api/agents/%C3%A9quipe/%E8%A9%95%E4%BE%A1", None)
        .await
        .is(200)
        .json();
    assert_eq!(found["path"], "/équipe/評価");
}

#[tokio::test]
async fn every_refusal_has_the_one_form() {
    let world = World::new();
    for (method, target, body, status, code) in [
        ("GET", "/nothing/here", None, 404, "not_found"),
        ("GET", "/api/agents/absent", None, 404, "not_found"),
        ("DELETE", "/api/agents", None, 405, "method_not_allowed"),
        ("PUT", "/api/agents/register", None, 405, "method_not_allowed"),
        ("POST", "/api/agents/x", None, 405, "method_not_allowed"),
        ("GET", "/api/agents/../x", None, 400, "bad_request"),
        ("GET", "/api/agents/%2e%2e", None, 400, "bad_request"),
        ("GET", "/api/agents/a%00", None, 400, "bad_request"),
        ("GET", "/api/agents/toggle", None, 400, "bad_request"),
        ("GET", "/api//agents", None, 400, "bad_request"),
        ("GET", "/api/agents?limit=x", None, 400, "bad_request"),
        ("GET", "/api/agents?limit=0", None, 422, "validation_failed"),
        ("GET", "/api/agents?visibility=x", None, 422, "validation_failed"),
        ("POST", "/api/agents/register", Some(json!([])), 400, "bad_request"),
        ("POST", "/api/agents/register", Some(json!({})), 422, "validation_failed"),
    ] {
        let answer = world.ask(Role::Guide, method, target, body).await.is(status);
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{method} {target}");
        assert_eq!(problem["message"], problem["detail"]);
        assert!(answer.header("content-type").starts_with("application/json"));
        if status == 405 {
            assert!(
                !answer.header("allow").is_empty() && !answer.header("allow").contains(method),
                "{target}"
            );
        }
    }
    let faults = world.ask(Role::Guide, "POST", "/api/agents/register", Some(json!({}))).await.json();
    let fields: Vec<&str> = faults["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|fault| fault["field"].as_str())
        .collect();
    assert_eq!(fields, ["name", "description", "url"]);
}

#[tokio::test]
async fn bodies_that_are_no_cards() {
    let world = World::new();
    let send = |kind: Option<&str>, body: Vec<u8>| {
        let mut request =
            Request::builder().method(Method::POST).uri("/api/agents/register".parse().expect("a target"));
        request = request.header("X-Identity", world.seal(&world.claims(Role::Guide)));
        if let Some(kind) = kind {
            request = request.content_type(kind);
        }
        world.send(request.body(body))
    };
    let good = card("/a", "A", "d").to_string().into_bytes();
    let big = vec![b' '; 1024 * 1024 + 1];
    for (kind, body, status) in [
        (Some("application/json"), b"{".to_vec(), 400),
        (Some("application/json"), Vec::new(), 400),
        (Some("application/json"), br#"{"name": "a", "name": "b"}"#.to_vec(), 422),
        (Some("application/json"), "[".repeat(5000).into_bytes(), 422),
        (Some("application/json"), big, 413),
        (Some("text/plain"), good.clone(), 415),
        (Some("application/x-www-form-urlencoded"), good.clone(), 415),
        (Some("application/vnd.a2a+json; charset=utf-8"), good.clone(), 201),
        (None, good, 409),
    ] {
        let note = format!("{kind:?} {}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        assert_eq!(send(kind, body).await.status, status, "{note}");
    }
}

#[tokio::test]
async fn conditions_guard_reads_and_writes() {
    let world = World::new();
    world.ask(Role::Guide, "POST", "/api/agents/register", Some(card("/a", "A", "one"))).await.is(201);
    let first = world.ask(Role::Guide, "GET", "/api/agents/a", None).await.header("etag").to_owned();
    let with = |method: Method, name: &str, tag: &str, body: Option<serde_json::Value>| {
        let request = Request::builder().method(method).uri("/api/agents/a".parse().expect("a target"));
        let request = request.header("X-Identity", world.seal(&world.claims(Role::Guide))).header(name, tag);
        let body = body.map_or_else(String::new, |body| body.to_string());
        world.send(request.content_type("application/json").body(body))
    };
    let unchanged = with(Method::GET, "If-None-Match", &first, None).await.is(304);
    assert_eq!((unchanged.text.as_str(), unchanged.header("etag")), ("", first.as_str()));
    let change = || Some(json!({"description": "two"}));
    let second = with(Method::PUT, "If-Match", &first, change()).await.is(200).header("etag").to_owned();
    assert_ne!(first, second);
    for (method, body) in [(Method::PUT, change()), (Method::PATCH, change()), (Method::DELETE, None)] {
        let stale = with(method, "If-Match", &first, body).await.is(412);
        assert_eq!((stale.header("etag"), &stale.json()["etag"]), (&*second, &json!(second)));
    }
    with(Method::GET, "If-None-Match", &first, None).await.is(200);
    with(Method::DELETE, "If-Match", &second, None).await.is(204);
}

/// A request with several lines of one header.
async fn sent(world: &World, method: &str, target: &str, name: &str, lines: &[&[u8]]) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = Request::builder().method(method).uri(target.parse().expect("a target"));
    let request = request.header("X-Identity", world.seal(&world.claims(Role::Guide)));
    let mut request = request.content_type("application/json").body(r#"{"description": "new"}"#);
    for line in lines {
        let line = HeaderValue::from_bytes(line).expect("a value");
        request.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), line);
    }
    world.send(request).await
}

#[tokio::test]
async fn every_write_says_the_new_tag_and_heeds_a_condition() {
    let world = World::new();
    let registered =
        world.ask(Role::Guide, "POST", "/api/agents/register", Some(card("/a", "A", "d"))).await.is(201);
    let mut tag = registered.header("etag").to_owned();
    let toggle = |enabled: bool| format!("/api/agents/a/toggle?enabled={enabled}");
    for (method, target) in [
        ("PUT", "/api/agents/a".to_owned()),
        ("PATCH", "/api/agents/a".to_owned()),
        ("POST", toggle(true)),
        ("POST", toggle(true)),
        ("POST", toggle(false)),
    ] {
        let before = tag.clone();
        world.clock.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let refused = sent(&world, method, &target, "If-Match", &[b"\"another\""]).await.is(412);
        assert_eq!(
            (refused.header("etag"), &refused.json()["etag"]),
            (&*tag, &json!(tag)),
            "{method} {target}"
        );
        assert!(refused.json()["message"].as_str().is_some_and(|message| message.contains(&tag)));
        tag =
            sent(&world, method, &target, "If-Match", &[tag.as_bytes()]).await.is(200).header("etag").into();
        assert!(!tag.is_empty());
        let now = world.ask(Role::Guide, "GET", "/api/agents/a", None).await.is(200);
        assert_eq!(now.header("etag"), tag, "{method} {target}");
        if method == "PUT" {
            assert_ne!(before, tag);
        }
    }
}

#[tokio::test]
async fn a_condition_is_read_whole_and_never_taken_for_none() {
    let world = World::new();
    let made =
        world.ask(Role::Guide, "POST", "/api/agents/register", Some(card("/a", "A", "d"))).await.is(201);
    let tag = made.header("etag").to_owned();
    let (weak, two) = (format!("W/{tag}"), format!("\"x,y\", {tag}"));
    for (lines, status) in [
        (&[b"*".as_slice()][..], 204),
        (&[tag.as_bytes()], 204),
        (&[two.as_bytes()], 204),
        // Two lines are one list.
        (&[b"\"x\"", tag.as_bytes()], 204),
        (&[weak.as_bytes()], 412),
        (&[b"\"x\"", b"\"y\""], 412),
        // No text, but a tag all the same; and one that is not the entry's.
        (&[b"\"\xe9\""], 412),
        (&[b"\xe9"], 400),
        (&[b""], 400),
        (&[&tag.as_bytes()[1..]], 400),
        (&[b"\"x\"", b"*"], 400),
        (&[tag.as_bytes(), b"garbage"], 400),
    ] {
        for (method, target) in [("DELETE", "/api/agents/a"), ("POST", "/api/agents/a/toggle?enabled=true")] {
            let removes = method == "DELETE" && status == 204;
            let expected = if status == 204 && method == "POST" { 200 } else { status };
            if method == "POST" && status == 204 {
                continue;
            }
            let note = format!(
                "{method} {:?}",
                lines.iter().map(|line| line.escape_ascii().to_string()).collect::<Vec<_>>()
            );
            let answer = sent(&world, method, target, "If-Match", lines).await;
            assert_eq!(answer.status.as_u16(), expected, "{note}: {}", answer.text);
            if removes {
                // The same card at the same second has the same tag.
                world
                    .ask(Role::Guide, "POST", "/api/agents/register", Some(card("/a", "A", "d")))
                    .await
                    .is(201);
            }
        }
    }
    let read =
        async |lines: &[&[u8]]| sent(&world, "GET", "/api/agents/a", "If-None-Match", lines).await.status;
    assert_eq!(read(&[b"\"x\"", weak.as_bytes()]).await, 304, "two lines, weak comparison");
    assert_eq!(read(&[b"garbage", tag.as_bytes()]).await, 200, "what cannot be read spares nothing");
}

#[tokio::test]
async fn a_put_answers_with_the_card_and_a_wrong_one_changes_nothing() {
    let world = World::new();
    world.publish(Role::Guide, card("/a", "A", "one")).await;
    world.clock.fetch_add(300, std::sync::atomic::Ordering::SeqCst);
    let put = json!({"name": "B", "description": "two", "url": "https://agents.example.com/b"});
    let changed = world.ask(Role::Guide, "PUT", "/api/agents/a", Some(put)).await.is(200).json();
    assert_eq!((&changed["name"], &changed["is_enabled"]), (&json!("B"), &json!(true)));
    assert_eq!(changed["registered_at"], "2025-11-09T10:30:00Z");
    assert_eq!(changed["updated_at"], "2025-11-09T10:35:00Z");
    for wrong in [json!({"url": "nope"}), json!({"path": "/b"}), json!({"visibility": "group-restricted"})] {
        world.ask(Role::Guide, "PUT", "/api/agents/a", Some(wrong)).await.is(422);
    }
    assert_eq!(world.ask(Role::Guide, "GET", "/api/agents/a", None).await.json(), changed);
}

#[tokio::test]
async fn lists_filter_and_page() {
    let world = World::new();
    for number in 0..5 {
        let mut agent = card(&format!("/a{number}"), &format!("Agent {number}"), "d");
        agent["tags"] = json!([if number % 2 == 0 { "even" } else { "odd" }]);
        world.ask(Role::Guide, "POST", "/api/agents/register", Some(agent)).await.is(201);
    }
    world.ask(Role::Guide, "POST", "/api/agents/a3/toggle?enabled=true", None).await.is(200);
    for (filter, count) in [
        ("", 5),
        ("?tag=EVEN", 3),
        ("?query=agent+4", 1),
        ("?query=ODD", 2),
        ("?enabled_only=true", 1),
        ("?visibility=private", 0),
    ] {
        let listed =
            world.ask(Role::Guide, "GET", &format!("/api/agents{filter}"), None).await.is(200).json();
        assert_eq!(listed["total_count"], count, "{filter}");
    }
    let mut seen = Vec::new();
    let mut target = "/api/agents?limit=2".to_owned();
    loop {
        let page = world.ask(Role::Guide, "GET", &target, None).await.is(200).json();
        assert_eq!(page["total_count"], 5);
        seen.extend(page["agents"].as_array().expect("a list").iter().map(|agent| agent["path"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        target = format!("/api/agents?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["/a0", "/a1", "/a2", "/a3", "/a4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_without_conditions_all_count() {
    let world = Arc::new(World::new());
    world.ask(Role::Guide, "POST", "/api/agents/register", Some(card("/a", "A", "d"))).await.is(201);
    let patch = |number: usize| {
        let world = world.clone();
        tokio::spawn(async move {
            let change = json!({ format!("x-{number}"): number });
            world.ask(Role::Guide, "PATCH", "/api/agents/a", Some(change)).await.is(200);
        })
    };
    for task in (0..40).map(patch).collect::<Vec<_>>() {
        task.await.expect("answered 200");
    }
    let card = world.ask(Role::Guide, "GET", "/api/agents/a", None).await.is(200).json();
    for number in 0..40 {
        assert_eq!(card[format!("x-{number}")], number, "no change is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_with_conditions_never_overwrite_each_other() {
    let world = Arc::new(World::new());
    let mut counter = card("/a", "A", "d");
    counter["x-count"] = json!(0);
    world.ask(Role::Guide, "POST", "/api/agents/register", Some(counter)).await.is(201);
    let increment = |number: usize| {
        let world = world.clone();
        tokio::spawn(async move {
            let mut lost = 0;
            loop {
                let read = world.ask(Role::Guide, "GET", "/api/agents/a", None).await.is(200);
                let count = read.json()["x-count"].as_u64().expect("a count");
                let body = json!({"x-count": count + 1}).to_string();
                let method = if number.is_multiple_of(2) { Method::PUT } else { Method::PATCH };
                let request =
                    Request::builder().method(method).uri("/api/agents/a".parse().expect("a target"));
                let request = request.header("X-Identity", world.seal(&world.claims(Role::Guide)));
                let request =
                    request.header("If-Match", read.header("etag")).content_type("application/json");
                let answer = world.send(request.body(body)).await;
                match answer.status.as_u16() {
                    200 => return lost,
                    412 => lost += 1,
                    status => panic!("{status}: {}", answer.text),
                }
            }
        })
    };
    let mut lost = 0;
    for task in (0..50).map(increment).collect::<Vec<_>>() {
        lost += task.await.expect("it ends");
    }
    let card = world.ask(Role::Guide, "GET", "/api/agents/a", None).await.is(200).json();
    assert_eq!(card["x-count"], 50, "after {lost} refusals");
}

#[tokio::test]
async fn without_a_model_everything_else_works() {
    let world = World::with(|app| app.index.turn_off("no model here: run `make model`"));
    world.publish(Role::Guide, card("/a", "A", "d")).await;
    let health = world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json();
    assert_eq!(
        health["search"],
        json!({"state": "unavailable", "reason": "no model here: run `make model`"})
    );
    let found =
        world.ask(Role::Guide, "POST", "/api/agents/discover/semantic?query=a", None).await.is(200).json();
    assert_eq!(found["search_mode"], "lexical");
    world.ask(Role::Guide, "POST", "/api/agents/discover?skills=x", None).await.is(200);
}

#[tokio::test]
async fn a_look_at_the_agent_warns_and_never_fails_the_registration() {
    let agent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = agent.local_addr().expect("an address");
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let Ok((mut stream, _)) = agent.accept().await else { return };
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let good = String::from_utf8_lossy(&request[..read])
                .starts_with("GET /good/.well-known/agent-card.json ");
            let answer = if good {
                "200 OK\r\ncontent-length: 2\r\n\r\n{}"
            } else {
                "302 Found\r\nlocation: /good\r\n\r\n"
            };
            let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
        }
    });
    let world = World::new();
    let register = async |path: &str, url: String, verify: &str| {
        let mut card = card(path, "A", "d");
        card["url"] = json!(url);
        world
            .ask(Role::Guide, "POST", &format!("/api/agents/register{verify}"), Some(card))
            .await
            .is(201)
            .json()
    };
    let good = register("/good", format!("http://{address}/good"), "?verify_endpoint=true").await;
    assert!(good.get("warnings").is_none(), "{good}");
    let bad = register("/bad", format!("http://{address}/bad"), "?verify_endpoint=True").await;
    assert!(bad["warnings"][0].as_str().is_some_and(|warning| warning.contains("answered 302")), "{bad}");
    let metadata = register("/metadata", "https://169.254.169.254/latest".into(), "?verify_endpoint=1").await;
    assert!(metadata["warnings"][0].as_str().is_some_and(|warning| warning.contains("not called from here")));
    let unasked = register("/unasked", format!("http://{address}/bad"), "").await;
    assert!(unasked.get("warnings").is_none());
    serving.abort();
}

#[tokio::test]
async fn who_may_not_publish_learns_nothing_about_his_card() {
    let world = World::new();
    for (role, body) in [
        (Role::Stranger, json!({})),
        (Role::Stranger, json!({"name": "x", "url": "nope"})),
        (Role::Lob1, json!({"path": "/elsewhere", "url": "nope"})),
    ] {
        world.ask(role, "POST", "/api/agents/register", Some(body)).await.is(403);
    }
    world.ask(Role::Lob1, "POST", "/api/agents/register", Some(json!({}))).await.is(422);
}
