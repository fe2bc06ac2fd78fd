//! Questions of every shape, and what an answer says of itself.

use serde_json::{Value, json};

use super::common::{Role, World, card};
use super::{ENTITIES, SEARCH, ask, server, with};

async fn world() -> World {
    let world = World::new();
    let clock = [("current_time", "Tells the time in a zone")];
    with(&world, vec![server("currenttime", "Tells the time", true, &clock)]).await;
    let mut reviewer = card("/code-reviewer", "Code Reviewer", "Reviews Python code for security holes");
    reviewer["tags"] = json!(["python", "security"]);
    world.publish(Role::Admin, reviewer).await;
    world.publish(Role::Admin, card("/baker", "Baker", "Bakes bread")).await;
    world.publish(Role::Admin, card("/iso", "Payments", "Reads ISO20022 messages")).await;
    world
}

#[tokio::test]
async fn odd_questions_are_refused_or_answered() {
    let world = world().await;
    let long = "ü".repeat(512);
    for (query, status) in [
        ("", 422),
        ("   \t\n ", 422),
        (&*"a".repeat(512), 200),
        (&*long, 200),
        (&*format!("  {long}\n"), 200),
        (&*"a".repeat(513), 422),
        (&*"a ".repeat(50_000), 422),
        ("🦀", 200),
        ("🦀🚀👩‍🔬 🇩🇪", 200),
        ("مراجعة الكود \u{202e}", 200),
        ("コードレビュー", 200),
        ("a", 200),
        ("x\0y", 200),
        ("\0", 200),
        ("\u{feff}", 200),
        ("'; DROP TABLE agents; --", 200),
        ("!!! ??? ...", 200),
        ("the of and", 200),
        ("\u{1F}\u{7F}", 200),
    ] {
        for target in [ENTITIES, SEARCH] {
            let answer = world.ask(Role::Admin, "POST", target, Some(json!({"query": query}))).await;
            let answer = answer.is(status).json();
            if status == 422 {
                assert_eq!(answer["errors"][0]["field"], "query", "{answer}");
                assert!(answer.to_string().len() < 500, "a question is not sent back");
            } else {
                assert_eq!(answer["search_mode"], "semantic");
                assert_eq!(answer["agents"].as_array().map(Vec::len), Some(3), "{query:?}");
            }
        }
    }
    for query in [json!(null), json!(7), json!(["a"]), json!({"a": 1}), json!(true)] {
        world.ask(Role::Admin, "POST", SEARCH, Some(json!({"query": query}))).await.is(422);
    }
    world.ask(Role::Admin, "POST", SEARCH, None).await.is(422);
}

#[tokio::test]
async fn every_hit_says_why_it_is_one() {
    let world = world().await;
    let found = ask(&world, Role::Admin, ENTITIES, json!({"query": "Reviews python PYTHON bread"})).await;
    let first = &found["entities"][0];
    assert_eq!(first["path"], "/code-reviewer");
    assert_eq!(first["match"]["terms"], json!(["reviews", "python"]), "as they were asked, each once");
    assert_eq!(found["agents"][0]["match"], first["match"]);
    let of = |hit: &Value, name: &str| hit["match"][name].as_f64().expect("a number");
    for hit in found["entities"].as_array().expect("a list") {
        let (semantic, lexical) = (of(hit, "semantic"), of(hit, "lexical"));
        assert!((0.0..=1.0).contains(&semantic) && (0.0..=1.0).contains(&lexical), "{hit}");
        let score = 1.0 - (1.0 - semantic) * (1.0 - 0.8 * lexical);
        assert!((hit["relevance_score"].as_f64().expect("a number") - score).abs() < 0.0002, "{hit}");
        assert_eq!(lexical > 0.0, hit["match"]["terms"] != json!([]), "{hit}");
    }
    let kinds = ask(&world, Role::Admin, SEARCH, json!({"query": "time"})).await;
    for list in ["servers", "tools", "agents"] {
        assert!(kinds[list][0]["match"]["semantic"].is_number(), "{kinds}");
    }
    assert_eq!(kinds["tools"][0]["match"]["terms"], json!(["time"]));
    assert!(kinds["servers"][0]["matching_tools"][0]["match"]["lexical"].is_number(), "{kinds}");
    assert_eq!(kinds.get("did_you_mean"), None, "it is there only where something was changed");
}

#[tokio::test]
async fn words_are_found_however_they_are_written() {
    let world = world().await;
    for query in ["ISO20022", "iso-20022", "Iso 20022"] {
        let found = ask(&world, Role::Admin, ENTITIES, json!({"query": query, "max_results": 1})).await;
        assert_eq!(found["agents"][0]["path"], "/iso", "{query}");
    }
}

#[tokio::test]
async fn the_word_that_was_meant() {
    let world = world().await;
    for target in [ENTITIES, SEARCH] {
        let found = ask(&world, Role::Admin, target, json!({"query": "Find securty holes!"})).await;
        assert_eq!(found["did_you_mean"], "Find security holes!", "{found}");
        assert_eq!(found["query"], "Find securty holes!");
        assert_eq!(found["agents"][0]["path"], "/code-reviewer");
    }
    // He who may not see the reviewer is not told that anybody writes so.
    let other = ask(&world, Role::Lob2, SEARCH, json!({"query": "Find securty holes!"})).await;
    assert_eq!(other.get("did_you_mean"), None, "{other}");
}
