//! The documented job, word for word, against the real app.

mod common;

use common::{Role, World, card};
use poem::Request;
use serde_json::{Value, json};

/// "Putting It All Together", step 1, with the bytes as printed: tags as a comma string.
const PRINTED: &str = include_str!("../../tests/fixtures/guide-card.json");

fn complete() -> Value {
    serde_json::from_str(include_str!("../../deploy/samples/agents/code-reviewer.json"))
        .expect("the guide's card")
}

#[tokio::test]
async fn registering_answers_what_the_guide_prints() {
    let world = World::new();
    let request = Request::builder()
        .method(poem::http::Method::POST)
        .uri("/api/agents/register".parse().expect("a target"))
        .header("X-Identity", world.seal(&world.claims(Role::Guide)))
        .content_type("application/json")
        .body(PRINTED);
    let answer = world.send(request).await.is(201);
    assert_eq!(
        answer.json(),
        json!({
            "message": "Agent registered successfully",
            "path": "/code-reviewer",
            "agent": {
                "name": "Code Reviewer Agent",
                "path": "/code-reviewer",
                "url": "https://agents.example.com/code-reviewer",
                "num_skills": 1,
                "registered_at": "2025-11-09T10:30:00Z",
                "is_enabled": false
            }
        })
    );
    assert_eq!(answer.header("location"), "/api/agents/code-reviewer");
    let card = world.ask(Role::Guide, "GET", "/api/agents/code-reviewer", None).await.is(200);
    assert_eq!(card.header("etag"), answer.header("etag"));
    assert_eq!(card.json()["tags"], json!(["code-review", "security"]));
    let toggled =
        world.ask(Role::Guide, "POST", "/api/agents/code-reviewer/toggle?enabled=true", None).await.is(200);
    assert_eq!(toggled.json()["is_enabled"], true);
    assert_eq!(toggled.json()["agent"]["num_skills"], 1);
    let again = world.ask(Role::Guide, "POST", "/api/agents/register", Some(complete())).await.is(409);
    assert_eq!(again.json()["code"], "path_taken");
}

#[tokio::test]
async fn the_complete_card_comes_back_with_nothing_lost() {
    let world = World::new();
    world.ask(Role::Guide, "POST", "/api/agents/register", Some(complete())).await.is(201);
    let kept = world.ask(Role::Admin, "GET", "/api/agents/code-reviewer", None).await.is(200).json();
    let mut expected = complete();
    expected["is_enabled"] = json!(false);
    expected["updated_at"] = json!("2025-11-09T10:30:00Z");
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn semantic_search_answers_in_the_guides_form() {
    let world = World::new();
    world.publish(Role::Guide, complete()).await;
    world.publish(Role::Guide, card("/cook", "Cook", "plans dinners")).await;
    let question = json!({
        "query": "I need an agent that can review Python code for security vulnerabilities",
        "max_results": 5, "entity_types": ["a2a_agent"]
    });
    let answer = world
        .ask(Role::Guide, "POST", "/api/agents/discover/semantic", Some(question.clone()))
        .await
        .is(200)
        .json();
    let mut first = answer["entities"][0].clone();
    let score = first["relevance_score"].clone();
    // The guide prints no reasons.
    assert!(first["match"].take()["terms"].to_string().contains("\"python\""), "{answer}");
    first.as_object_mut().expect("an object").remove("match");
    assert_eq!(
        first,
        json!({
            "entity_type": "a2a_agent",
            "name": "Code Reviewer Agent",
            "path": "/code-reviewer",
            "description": "Analyzes Python and JavaScript code for bugs, style issues, and security vulnerabilities",
            "url": "https://agents.example.com/code-reviewer",
            "relevance_score": score,
            "skills": ["review-python-code", "review-javascript-code"],
            "trust_level": "community"
        })
    );
    assert_eq!(answer["query"], question["query"]);
    let full = &answer["agents"][0];
    assert_eq!(full["provider"], json!({"organization": "Acme Corp", "url": null}));
    assert_eq!(full["security_schemes"]["bearer"]["bearer_format"], "JWT");
    assert_eq!(full["skills"][0]["id"], "review-python-code");
    assert_eq!(full["score"], score);
    let scores: Vec<f64> = answer["entities"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|e| e["relevance_score"].as_f64())
        .collect();
    assert!(scores.len() == 2 && scores[0] >= scores[1] && (0.0..=1.0).contains(&scores[0]), "{scores:?}");
    let servers = json!({"query": "review code", "entity_types": ["mcp_server"]});
    let none =
        world.ask(Role::Guide, "POST", "/api/agents/discover/semantic", Some(servers)).await.is(200).json();
    assert_eq!((&none["entities"], &none["agents"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn skills_and_tags_score_as_documented() {
    let world = World::new();
    world.publish(Role::Guide, complete()).await;
    let mut other = card("/another", "Another", "d");
    other["skills"] = json!([{"id": "x", "name": "Review Python code", "description": "d"}]);
    world.publish(Role::Guide, other).await;
    let wish = json!({"skills": ["review-python-code"], "tags": ["security", "python"], "max_results": 10});
    let answer = world.ask(Role::Guide, "POST", "/api/agents/discover", Some(wish)).await.is(200).json();
    let agents = answer["agents"].as_array().expect("a list");
    assert_eq!(agents.len(), 1, "{answer}");
    assert_eq!(agents[0]["relevance_score"], json!(0.84), "0.6 + 0.2 + 0.2 x 0.2");
    assert_eq!(agents[0]["matched_skills"], json!(["review-python-code"]));
    assert_eq!(agents[0]["matching_skills"], json!(["review-python-code"]));
    let by_name = json!({"skills": "REVIEW PYTHON CODE"});
    let answer = world.ask(Role::Guide, "POST", "/api/agents/discover", Some(by_name)).await.is(200).json();
    let paths: Vec<&str> =
        answer["agents"].as_array().expect("a list").iter().filter_map(|a| a["path"].as_str()).collect();
    assert_eq!(paths, ["/code-reviewer", "/another"], "0.64 before 0.6");
    let by_tag = world
        .ask(Role::Guide, "POST", "/api/agents/discover?tags=static-analysis", None)
        .await
        .is(200)
        .json();
    assert_eq!(by_tag["agents"][0]["relevance_score"], json!(0.24));
    world.ask(Role::Guide, "POST", "/api/agents/discover", Some(json!({}))).await.is(400);
    world.ask(Role::Guide, "POST", "/api/agents/discover", Some(json!({"skills": [1]}))).await.is(422);
}

#[tokio::test]
async fn values_come_from_query_json_or_form() {
    let world = World::new();
    world.publish(Role::Guide, complete()).await;
    let send = |target: &str, kind: Option<&str>, body: &'static str| {
        let mut request =
            Request::builder().method(poem::http::Method::POST).uri(target.parse().expect("a target"));
        request = request.header("X-Identity", world.seal(&world.claims(Role::Guide)));
        if let Some(kind) = kind {
            request = request.content_type(kind);
        }
        world.send(request.body(body))
    };
    let toggle = "/api/agents/code-reviewer/toggle";
    for (target, kind, body, status, enabled) in [
        (format!("{toggle}?enabled=False"), None, "", 200, false),
        (toggle.into(), Some("application/json"), "{\"enabled\": true}", 200, true),
        (toggle.into(), Some("application/x-www-form-urlencoded"), "enabled=off", 200, false),
        (format!("{toggle}?enabled=1"), Some("application/json"), "", 200, true),
        (format!("{toggle}?enabled=0"), Some("application/json"), "{\"enabled\": true}", 200, false),
        (toggle.into(), None, "", 422, false),
        (toggle.into(), Some("application/json"), "{\"enabled\": 3}", 422, false),
        (toggle.into(), Some("text/plain"), "enabled=true", 415, false),
        (toggle.into(), Some("application/json"), "{", 400, false),
        (format!("{toggle}?enabled=maybe"), None, "", 400, false),
    ] {
        let answer = send(&target, kind, body).await.is(status);
        if status == 200 {
            assert_eq!(answer.json()["is_enabled"], enabled, "{target} {body}");
        }
    }
    let semantic = "/api/agents/discover/semantic";
    world.ask(Role::Guide, "POST", "/api/agents/code-reviewer/toggle?enabled=true", None).await.is(200);
    let form = Some("application/x-www-form-urlencoded");
    for (target, kind, body) in [
        (format!("{semantic}?query=review%20python&max_results=1"), None, ""),
        (semantic.into(), form, "query=review+python&max_results=1"),
        (semantic.into(), Some("application/json"), "{\"query\": \"review python\", \"max_results\": 1}"),
    ] {
        let answer = send(&target, kind, body).await.is(200).json();
        assert_eq!(answer["entities"][0]["path"], "/code-reviewer");
    }
    for body in [
        "{\"query\": \"\"}",
        "{}",
        "{\"query\": \"x\", \"max_results\": 0}",
        "{\"query\": \"x\", \"max_results\": 101}",
        "{\"query\": 1}",
        "{\"query\": \"x\", \"entity_types\": [\"cat\"]}",
    ] {
        send(semantic, Some("application/json"), body).await.is(422);
    }
}

#[tokio::test]
async fn a_restart_keeps_everything_and_finds_it() {
    let world = World::new();
    world.publish(Role::Guide, complete()).await;
    let before = world.ask(Role::Guide, "GET", "/api/agents/code-reviewer", None).await.is(200);
    let world = world.restarted();
    let after = world.ask(Role::Guide, "GET", "/api/agents/code-reviewer", None).await.is(200);
    assert_eq!((&before.text, before.header("etag")), (&after.text, after.header("etag")));
    let found = world
        .ask(Role::Guide, "POST", "/api/agents/discover/semantic?query=review", None)
        .await
        .is(200)
        .json();
    assert_eq!(found["entities"][0]["path"], "/code-reviewer");
    world.ask(Role::Guide, "DELETE", "/api/agents/code-reviewer", None).await.is(204);
    let found = world
        .ask(Role::Guide, "POST", "/api/agents/discover/semantic?query=review", None)
        .await
        .is(200)
        .json();
    assert_eq!(found["entities"], json!([]), "deleted ones leave nothing behind");
}
