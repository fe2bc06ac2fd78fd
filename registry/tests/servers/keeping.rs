//! Registering, reading, changing, toggling, removing.

use poem::Request;
use poem::http::Method;
use serde_json::json;

use crate::common::{NOW, Role, World};
use crate::world::{at, card};

#[tokio::test]
async fn a_server_from_its_registration_to_its_removal() {
    let world = World::new();
    let mut wanted = card("clock");
    wanted["headers"] = json!({"X-Key": "secret"});
    wanted["x-own"] = json!({"kept": "as it is"});
    wanted["is_enabled"] = json!(true);
    wanted["num_tools"] = json!(7);
    let answer = world.server(wanted.clone()).await;
    assert_eq!(answer.header("location"), "/api/servers/clock");
    let told = answer.json();
    assert_eq!((&told["path"], &told["server"]["is_enabled"]), (&json!("/clock"), &json!(false)));
    assert_eq!(told["warnings"][0], "its tools could not be read: it cannot be reached");

    let answer = world.ask(Role::Admin, "GET", "/api/servers/clock", None).await.is(200);
    let read = answer.json();
    for (field, value) in [
        ("server_name", json!("clock")),
        ("proxy_pass_url", json!("http://127.0.0.1:1/mcp")),
        ("tags", json!(["time"])),
        ("num_tools", json!(0)),
        ("tool_list", json!([])),
        ("license", json!("N/A")),
        ("is_enabled", json!(false)),
        ("supported_transports", json!(["streamable-http"])),
        ("headers", json!({"x-key": "***"})),
        ("health_status", json!("disabled")),
        ("last_checked_iso", json!("2025-11-09T10:30:00Z")),
        ("registered_at", json!("2025-11-09T10:30:00Z")),
        ("registered_by", json!("registry-admin")),
        ("x-own", json!({"kept": "as it is"})),
    ] {
        assert_eq!(read[field], value, "{field}");
    }
    world.ask(Role::Admin, "POST", "/api/servers", Some(wanted)).await.is(409);

    let toggled =
        world.ask(Role::Admin, "POST", "/api/servers/clock/toggle?enabled=true", None).await.is(200);
    assert_eq!(toggled.json()["server"]["health_status"], "unhealthy");
    let changed = json!({"description": "Another", "license": "MIT", "path": "clock/"});
    let changed = world.ask(Role::Admin, "PUT", "/api/servers/clock", Some(changed)).await.is(200).json();
    assert_eq!((&changed["description"], &changed["is_enabled"]), (&json!("Another"), &json!(true)));
    let patch = json!({"license": null, "tags": null, "x-own": {"more": 1}});
    let patched = world.ask(Role::Admin, "PATCH", "/api/servers/clock", Some(patch)).await.is(200).json();
    assert_eq!((&patched["license"], &patched["tags"]), (&json!("N/A"), &json!([])));
    assert_eq!(patched["x-own"], json!({"kept": "as it is", "more": 1}));
    world.ask(Role::Admin, "PUT", "/api/servers/clock", Some(json!({"path": "/other"}))).await.is(422);

    world.ask(Role::Admin, "DELETE", "/api/servers/clock", None).await.is(204);
    for (method, target) in [
        ("GET", "/api/servers/clock"),
        ("GET", "/api/servers/clock/tools"),
        ("DELETE", "/api/servers/clock"),
        ("POST", "/api/servers/clock/health"),
        ("POST", "/api/servers/clock/toggle?enabled=true"),
    ] {
        world.ask(Role::Admin, method, target, None).await.is(404);
    }
    let history = world.read("/api/servers/clock/history").await;
    let what = |change: &serde_json::Value| change["what"].as_str().expect("text").to_owned();
    let what: Vec<String> = history["changes"].as_array().expect("a list").iter().map(what).collect();
    assert_eq!(what, ["removed", "updated", "updated", "enabled", "registered"]);
    assert_eq!(history["total_count"], 5);
    world.ask(Role::Admin, "GET", "/api/servers/never/history", None).await.is(404);
}

#[tokio::test]
async fn a_form_at_the_address_that_others_know() {
    let world = World::new();
    let form = "name=Current+Time&description=Tells&proxy_pass_url=http%3A%2F%2F127.0.0.1%3A1%2F&tags=a%2C+b&\
        num_tools=0&license=MIT&path=%2Fcurrenttime%2F&headers=%5B%7B%22X-Key%22%3A%22v%22%7D%5D&supported_transports=";
    for (kind, body, status) in [
        ("application/x-www-form-urlencoded", form, 201),
        ("application/x-www-form-urlencoded", form, 409),
        ("application/x-www-form-urlencoded", "name=x", 422),
        ("text/plain", form, 415),
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "", 400),
    ] {
        let request = Request::builder().method(Method::POST).uri_str("/api/servers/register");
        let request = request.header("X-Identity", world.seal(&world.claims(Role::Admin)));
        let answer = world.send(request.content_type(kind).body(body)).await;
        assert_eq!(answer.status.as_u16(), status, "{kind} {body}: {}", answer.text);
    }
    let read = world.read("/api/servers/currenttime").await;
    assert_eq!((&read["tags"], &read["license"]), (&json!(["a", "b"]), &json!("MIT")));
    assert_eq!(read["headers"], json!({"x-key": "***"}));

    let huge = json!({"server_name": "Huge", "x": "y".repeat(1024 * 1024)});
    world.ask(Role::Admin, "POST", "/api/servers", Some(huge)).await.is(413);
    let long = json!({"server_name": "Long", "description": "d", "proxy_pass_url": "https://x/", "x": "y".repeat(300_000)});
    world.ask(Role::Admin, "POST", "/api/servers", Some(long)).await.is(422);
    let faults = json!({"server_name": "", "proxy_pass_url": "http://169.254.169.254/?x", "path": "/a/b", "headers": {"Host": "x"}});
    let faults = world.ask(Role::Admin, "POST", "/api/servers", Some(faults)).await.is(422).json();
    let fields: Vec<&str> = faults["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|fault| fault["field"].as_str().expect("text"))
        .collect();
    for field in ["server_name", "description", "proxy_pass_url", "path", "headers.host"] {
        assert!(fields.contains(&field), "{field} is not among {fields:?}");
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let world = World::new();
    for name in ["alpha", "beta", "gamma"] {
        world.server(card(name)).await;
    }
    world.ask(Role::Admin, "POST", "/api/servers/beta/toggle", Some(json!({"enabled": true}))).await.is(200);
    world.ask(Role::Admin, "PATCH", "/api/servers/gamma", Some(json!({"tags": ["zone"]}))).await.is(200);
    for (query, expected, total) in [
        ("", vec!["/alpha", "/beta", "/gamma"], 3),
        ("?enabled_only=true", vec!["/beta"], 1),
        ("?tag=ZONE", vec!["/gamma"], 1),
        ("?query=ALPH", vec!["/alpha"], 1),
        ("?limit=2", vec!["/alpha", "/beta"], 3),
        ("?limit=2&cursor=/beta", vec!["/gamma"], 3),
    ] {
        let page = world.read(&format!("/api/servers{query}")).await;
        let paths: Vec<&str> = page["servers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["path"].as_str().expect("text"))
            .collect();
        assert_eq!((paths, &page["total_count"]), (expected, &json!(total)), "{query}");
    }
    assert_eq!(world.read("/api/servers?limit=2").await["next_cursor"], "/beta");
    world.ask(Role::Admin, "GET", "/api/servers?limit=0", None).await.is(422);
    world.ask(Role::Admin, "GET", "/api/servers?cursor=x", None).await.is(422);
}

#[tokio::test]
async fn a_tag_is_of_what_is_kept_and_of_what_was_shown() {
    let world = World::new();
    world.server(card("clock")).await;
    let with = |method: Method, name: &str, tag: &str| {
        let request = Request::builder().method(method).uri_str("/api/servers/clock");
        let request = request.header("X-Identity", world.seal(&world.claims(Role::Admin))).header(name, tag);
        world.send(request.content_type("application/json").body("{}"))
    };
    let first = world.ask(Role::Admin, "GET", "/api/servers/clock", None).await.header("etag").to_owned();
    with(Method::GET, "If-None-Match", &first).await.is(304);
    world.clock.store(NOW + 60, std::sync::atomic::Ordering::SeqCst);
    world.check("clock").await;
    let second = with(Method::GET, "If-None-Match", &first).await.is(200).header("etag").to_owned();
    assert_ne!(first, second, "what is shown has changed");
    let changed = with(Method::PUT, "If-Match", &first).await.is(200);
    assert_ne!(changed.header("etag"), second, "the card has not, until now");
    let stale = with(Method::PUT, "If-Match", &first).await.is(412);
    with(Method::PUT, "If-Match", stale.header("etag")).await.is(200);
    with(Method::DELETE, "If-Match", &first).await.is(412);
    with(Method::DELETE, "If-Match", "nonsense").await.is(400);
    with(Method::DELETE, "If-Match", "*").await.is(204);
}

#[tokio::test]
async fn a_server_and_an_agent_of_one_path_are_two() {
    let world = World::new();
    world.server(at("clock", "http://127.0.0.1:1/")).await;
    world.ask(Role::Admin, "GET", "/api/agents/clock", None).await.is(404);
    world.publish(Role::Admin, crate::common::card("/clock", "An agent", "d")).await;
    world.ask(Role::Admin, "DELETE", "/api/agents/clock", None).await.is(204);
    world.ask(Role::Admin, "GET", "/api/servers/clock", None).await.is(200);
}
