//! What an answer is narrowed by, alone and together.

use access::Visibility;
use serde_json::{Value, json};

use super::common::{Role, World, card};
use super::{ENTITIES, SEARCH, ask, server, with};

/// Agents, a server and its tools that all fit one question.
async fn world() -> World {
    let world = World::new();
    let mut clock =
        server("clock", "Tells the time", true, &[("tell", "Tells the time"), ("set", "Tells the time")]);
    clock = tagged(&clock, &["Time", "zones"]);
    with(&world, vec![clock, server("calendar", "Tells the time of a day", true, &[])]).await;
    let agent = |path: &str, tags: Value, skills: Value, trust: &str, visibility: &str| {
        let mut card = card(path, "Agent", "Tells the time");
        card["tags"] = tags;
        card["skills"] = skills;
        card["trust_level"] = json!(trust);
        card["visibility"] = json!(visibility);
        if visibility == "group-restricted" {
            card["allowed_groups"] = json!(["mcp-registry-admin"]);
        }
        card
    };
    let skill = |id: &str, name: &str, tags: Value| json!([{"id": id, "name": name, "description": "d", "tags": tags}]);
    for card in [
        agent("/a", json!(["time", "python"]), json!([]), "unverified", "public"),
        agent("/b", json!(["Time"]), skill("tell", "Telling", json!(["Zones"])), "community", "private"),
        agent("/c", json!([]), skill("say", "Tell", json!([])), "verified", "group-restricted"),
        agent("/d", json!(["Größe"]), json!([]), "trusted", "public"),
    ] {
        world.publish(Role::Admin, card).await;
    }
    world
}

fn tagged(server: &catalog::ServerEntry, tags: &[&str]) -> catalog::ServerEntry {
    use catalog::Entry as _;
    let mut card = server.card();
    card.insert("tags".to_owned(), json!(tags));
    catalog::ServerEntry::from_card(server.path.clone(), card).expect("a server")
}

fn paths(entities: &Value) -> Vec<String> {
    let mut paths = super::all(entities, "path");
    paths.sort();
    paths
}

#[tokio::test]
async fn each_alone_and_together() {
    let world = world().await;
    let all = ["/a", "/b", "/c", "/calendar", "/clock", "/clock/tools/set", "/clock/tools/tell", "/d"];
    let table: Vec<(Value, Vec<&str>)> = vec![
        (json!({}), all.to_vec()),
        (
            json!({"tags": [], "skills": null, "min_score": 0, "visibility": [], "trust_level": ""}),
            all.to_vec(),
        ),
        (json!({"tags": ["TIME"]}), vec!["/a", "/b", "/clock", "/clock/tools/set", "/clock/tools/tell"]),
        (json!({"tags": "time, zones"}), vec!["/b", "/clock", "/clock/tools/set", "/clock/tools/tell"]),
        (json!({"tags": ["größe"]}), vec!["/d"]),
        (json!({"tags": ["tim"]}), vec![]),
        (json!({"skills": ["tell"]}), vec!["/b", "/c", "/clock/tools/tell"]),
        (json!({"skills": ["TELL", "telling"]}), vec!["/b"]),
        (json!({"trust_level": "verified"}), vec!["/c"]),
        (json!({"trust_level": ["trusted", "unverified", "trusted"]}), vec!["/a", "/d"]),
        (json!({"visibility": "private"}), vec!["/b"]),
        (json!({"visibility": ["group", "private"]}), vec!["/b", "/c"]),
        (json!({"visibility": ["public"], "entity_types": ["mcp_server"]}), vec!["/calendar", "/clock"]),
        (json!({"tags": ["time"], "visibility": ["public"], "trust_level": ["unverified"]}), vec!["/a"]),
        (json!({"tags": ["time"], "skills": ["tell"], "entity_types": "tool"}), vec!["/clock/tools/tell"]),
        (json!({"skills": ["tell"], "entity_types": ["mcp_server"]}), vec![]),
        (json!({"min_score": 1}), vec![]),
    ];
    for (filter, expected) in table {
        let mut body =
            json!({"query": "tells the time", "entity_types": ["a2a_agent", "mcp_server", "tool"]});
        for (name, value) in filter.as_object().expect("an object") {
            body[name] = value.clone();
        }
        // Twice: the second time its rows are kept.
        for _ in 0..2 {
            let found = ask(&world, Role::Admin, ENTITIES, body.clone()).await;
            assert_eq!(paths(&found["entities"]), expected, "{filter}");
            let kinds = ask(&world, Role::Admin, SEARCH, body.clone()).await;
            let mut lists = [paths(&kinds["agents"]), paths(&kinds["servers"])].concat();
            let tools = kinds["tools"].as_array().expect("tools").iter();
            lists.extend(tools.map(|tool| {
                format!(
                    "{}/tools/{}",
                    tool["server_path"].as_str().unwrap(),
                    tool["tool_name"].as_str().unwrap()
                )
            }));
            lists.sort();
            assert_eq!(lists, expected, "{filter}");
        }
    }
    let names = [Visibility::Public, Visibility::Private, Visibility::GroupRestricted].map(Visibility::name);
    assert_eq!(names, ["public", "private", "group-restricted"]);
}

#[tokio::test]
async fn no_hit_is_below_the_least_score_and_none_above_is_left_out() {
    let world = world().await;
    let scores = |found: &Value| -> Vec<f64> {
        let list = found["entities"].as_array().expect("a list").iter();
        list.map(|entity| entity["relevance_score"].as_f64().expect("a number")).collect()
    };
    let all = scores(&ask(&world, Role::Admin, ENTITIES, json!({"query": "tells the time of a day"})).await);
    assert!(all.len() > 3);
    for least in &all {
        let body = json!({"query": "tells the time of a day", "min_score": least});
        let found = scores(&ask(&world, Role::Admin, ENTITIES, body).await);
        assert_eq!(found, all.iter().copied().filter(|score| score >= least).collect::<Vec<_>>(), "{least}");
    }
}

#[tokio::test]
async fn a_filter_sees_what_has_changed() {
    let world = world().await;
    let body = json!({"query": "tells the time", "tags": ["python"]});
    assert_eq!(paths(&ask(&world, Role::Admin, ENTITIES, body.clone()).await["entities"]), ["/a"]);
    for (path, tags, expected) in
        [("d", json!(["PYTHON"]), vec!["/a", "/d"]), ("a", json!([]), vec!["/d"]), ("d", json!([]), vec![])]
    {
        let target = format!("/api/agents/{path}");
        world.ask(Role::Admin, "PATCH", &target, Some(json!({"tags": tags}))).await.is(200);
        assert_eq!(paths(&ask(&world, Role::Admin, ENTITIES, body.clone()).await["entities"]), expected);
    }
}

#[tokio::test]
async fn they_stand_in_the_query_string_and_in_forms() {
    let world = world().await;
    for target in [
        "?query=tells&tags=time,zones&visibility=private&min_score=0.0",
        "?query=tells&tags=time&tags=zones&trust_level=community&trust_level=verified",
        "?query=tells&skills=telling",
    ] {
        let found = world.ask(Role::Admin, "POST", &format!("{ENTITIES}{target}"), None).await.is(200).json();
        let agents = found["agents"].as_array().expect("agents").iter().map(|agent| agent["path"].clone());
        assert_eq!(agents.collect::<Vec<_>>(), ["/b"], "{target}");
    }
    let seal = world.seal(&world.claims(Role::Admin));
    let request =
        poem::Request::builder().method(poem::http::Method::POST).uri(ENTITIES.parse().expect("a target"));
    let request = request.header("X-Identity", seal).content_type("application/x-www-form-urlencoded");
    let found = world.send(request.body("query=tells&trust_level=trusted&min_score=")).await.is(200).json();
    assert_eq!(super::all(&found["agents"], "path"), ["/d"]);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_field() {
    let world = World::new();
    let many: Vec<String> = (0..33).map(|number| format!("t{number}")).collect();
    for (filter, field) in [
        (json!({"tags": 7}), "tags"),
        (json!({"tags": ["a", 7]}), "tags"),
        (json!({"tags": many}), "tags"),
        (json!({"tags": "é".repeat(257)}), "tags"),
        (json!({"skills": ["a", "s".repeat(100_000)]}), "skills"),
        (json!({"skills": {"id": "a"}}), "skills"),
        (json!({"skills": many}), "skills"),
        (json!({"min_score": -0.1}), "min_score"),
        (json!({"min_score": 1.01}), "min_score"),
        (json!({"min_score": "NaN"}), "min_score"),
        (json!({"min_score": "much"}), "min_score"),
        (json!({"min_score": [0.5]}), "min_score"),
        (json!({"visibility": "secret"}), "visibility"),
        (json!({"visibility": ["public", "Private"]}), "visibility"),
        (json!({"trust_level": ["verified", "x"]}), "trust_level"),
        (json!({"trust_level": 3}), "trust_level"),
    ] {
        for target in [ENTITIES, SEARCH] {
            let mut body = json!({"query": "x"});
            for (name, value) in filter.as_object().expect("an object") {
                body[name] = value.clone();
            }
            let refused = world.ask(Role::Admin, "POST", target, Some(body)).await.is(422).json();
            assert_eq!(refused["errors"][0]["field"], field, "{filter}");
            assert_eq!(refused["errors"].as_array().map(Vec::len), Some(1), "{filter}");
        }
    }
    let all = json!({"query": "", "max_results": 0, "tags": 1, "skills": 1, "min_score": 2, "visibility": "x",
        "trust_level": "x", "entity_types": "x"});
    let refused = world.ask(Role::Admin, "POST", SEARCH, Some(all)).await.is(422).json();
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(8), "all faults at once: {refused}");
}

/// Each word is looked for at every entry.
#[tokio::test]
async fn lists_are_bounded_without_a_question_too() {
    let world = World::new();
    let many: Vec<String> = (0..33).map(|number| format!("t{number}")).collect();
    for body in [json!({"skills": many}), json!({"tags": "é".repeat(257)})] {
        world.ask(Role::Admin, "POST", "/api/agents/discover", Some(body)).await.is(422);
    }
}
