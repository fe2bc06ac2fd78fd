//! Everybody sees exactly what he may: in lists, reads, discovery and search.

mod common;

use common::{Role, World, card};
use serde_json::{Value, json};

fn paths(list: &Value) -> Vec<String> {
    let mut paths: Vec<String> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|agent| agent["path"].as_str().expect("a path").into())
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_line_of_business_sees_exactly_its_agents() {
    let world = World::new();
    let sentence = "review python code for security";
    // 200 agents nearer to the question than his own two.
    for number in 0..200 {
        let mut other = card(&format!("/other/{number}"), sentence, sentence);
        other["skills"] = json!([{"id": "s", "name": "wanted", "description": sentence}]);
        world.publish(Role::Guide, other).await;
    }
    for path in ["/code-reviewer", "/test-automation", "/data-analysis"] {
        let mut own = card(path, path, "something quite different");
        own["skills"] = json!([{"id": "s", "name": "wanted", "description": "d"}]);
        world.publish(Role::Guide, own).await;
    }
    let mine = ["/code-reviewer", "/test-automation"];
    let listed = world.ask(Role::Lob1, "GET", "/api/agents", None).await.is(200).json();
    assert_eq!(paths(&listed["agents"]), mine);
    assert_eq!(listed["total_count"], 2);
    let question = json!({"query": sentence, "max_results": 10});
    let found =
        world.ask(Role::Lob1, "POST", "/api/agents/discover/semantic", Some(question)).await.is(200).json();
    assert_eq!(paths(&found["entities"]), mine);
    assert_eq!(paths(&found["agents"]), mine);
    let wish = json!({"skills": ["wanted"], "max_results": 100});
    let found = world.ask(Role::Lob1, "POST", "/api/agents/discover", Some(wish)).await.is(200).json();
    assert_eq!(paths(&found["agents"]), mine);
    world.ask(Role::Lob1, "GET", "/api/agents/code-reviewer", None).await.is(200);
    world.ask(Role::Lob1, "GET", "/api/agents/data-analysis", None).await.is(403);
    let nothing = world.ask(Role::Stranger, "GET", "/api/agents", None).await.is(200).json();
    assert_eq!(nothing, json!({"agents": [], "total_count": 0}));
}

/// Everything but the request's id.
fn headers(answer: &common::Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id").expect("every answer says its id");
    format!("{headers:?}")
}

#[tokio::test]
async fn an_outsiders_answers_are_the_same_whether_or_not_something_is_there() {
    let world = World::new();
    world.publish(Role::Guide, card("/secret-project", "S", "d")).await;
    for (method, suffix, body) in [
        ("GET", "", None),
        ("PUT", "", Some(json!({"description": "x"}))),
        ("PATCH", "", Some(json!({"description": "x"}))),
        ("DELETE", "", None),
        ("POST", "/toggle?enabled=true", None),
    ] {
        let answers = ["secret-project", "secret-absence"].map(|path| format!("/api/agents/{path}{suffix}"));
        let present = world.ask(Role::Lob1, method, &answers[0], body.clone()).await.is(403);
        let absent = world.ask(Role::Lob1, method, &answers[1], body).await.is(403);
        assert_eq!(present.text, absent.text, "{method}");
        assert_eq!(headers(&present), headers(&absent), "{method}");
    }
    let present =
        world.ask(Role::Lob1, "POST", "/api/agents/register", Some(card("/secret-project", "S", "d"))).await;
    let absent =
        world.ask(Role::Lob1, "POST", "/api/agents/register", Some(card("/secret-absence", "S", "d"))).await;
    assert_eq!((present.is(403).text), absent.is(403).text);
}

#[tokio::test]
async fn private_and_group_restricted_agents() {
    let world = World::new();
    let mut private = card("/code-reviewer", "P", "d");
    private["visibility"] = json!("private");
    world.publish(Role::Guide, private).await;
    world.ask(Role::Lob1, "GET", "/api/agents/code-reviewer", None).await.is(404);
    world.ask(Role::Lob1, "DELETE", "/api/agents/code-reviewer", None).await.is(404);
    world.ask(Role::Admin, "GET", "/api/agents/code-reviewer", None).await.is(200);
    let mut grouped = card("/test-automation", "G", "d");
    grouped["visibility"] = json!("group-restricted");
    grouped["allowed_groups"] = json!(["somebody-elses"]);
    world.publish(Role::Guide, grouped).await;
    let listed = world.ask(Role::Lob1, "GET", "/api/agents", None).await.is(200).json();
    assert_eq!(listed["agents"], json!([]));
    let open = json!({"allowed_groups": ["registry-users-lob1"]});
    world.ask(Role::Guide, "PATCH", "/api/agents/test-automation", Some(open)).await.is(200);
    let listed = world.ask(Role::Lob1, "GET", "/api/agents", None).await.is(200).json();
    assert_eq!(paths(&listed["agents"]), ["/test-automation"]);
    let found =
        world.ask(Role::Lob1, "POST", "/api/agents/discover/semantic?query=g", None).await.is(200).json();
    assert_eq!(paths(&found["entities"]), ["/test-automation"]);
}

#[tokio::test]
async fn only_an_admin_vouches_and_names_the_registrant() {
    let world = World::new();
    let mut vouched = card("/code-reviewer", "C", "d");
    vouched["trust_level"] = json!("trusted");
    vouched["registered_by"] = json!("somebody");
    let refused =
        world.ask(Role::Lob1, "POST", "/api/agents/register", Some(vouched.clone())).await.is(403).json();
    assert!(refused["message"].as_str().expect("a text").contains("trust_level"), "{refused}");
    vouched["trust_level"] = json!("community");
    world.ask(Role::Lob1, "POST", "/api/agents/register", Some(vouched)).await.is(201);
    let kept = world.ask(Role::Lob1, "GET", "/api/agents/code-reviewer", None).await.is(200).json();
    assert_eq!(kept["registered_by"], "lob1-bot", "what a client says of this is ignored");
    let given = json!({"trust_level": "verified", "registered_by": "team-1"});
    world.ask(Role::Lob1, "PATCH", "/api/agents/code-reviewer", Some(given.clone())).await.is(403);
    world.ask(Role::Admin, "PATCH", "/api/agents/code-reviewer", Some(given)).await.is(200);
    // Whoever may modify keeps what an admin gave, and cannot raise it.
    let changed = world
        .ask(Role::Lob1, "PATCH", "/api/agents/code-reviewer", Some(json!({"description": "new"})))
        .await;
    let changed = changed.is(200).json();
    assert_eq!((&changed["trust_level"], &changed["registered_by"]), (&json!("verified"), &json!("team-1")));
    let raised = json!({"trust_level": "trusted"});
    world.ask(Role::Lob1, "PUT", "/api/agents/code-reviewer", Some(raised)).await.is(403);
}
