//! `identity grant` and `identity revoke`.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::common::server::{Reply, Server};
use crate::fake::{asked, data, directory, keep, keeper, lines, refusal};

/// A directory that keeps the capabilities of one agent.
fn keeping(held: &[&str]) -> Server {
    let held = Arc::new(Mutex::new(json!(held)));
    directory(move |line, request| {
        let mut held = held.lock().expect("nobody panics with it");
        match line {
            "GET /agents/agt_1/scopes" => {}
            "PUT /agents/agt_1/scopes" => *held = request.json()["scopes"].clone(),
            _ => return refusal(404, "not_found", "there is no such agent"),
        }
        data(&json!({"agentId": "agt_1", "scopes": *held}))
    })
}

const READ: &str = "GET /agents/agt_1/scopes";
const WRITE: &str = "PUT /agents/agt_1/scopes";

#[test]
fn a_grant_adds_and_may_be_repeated() {
    let (desk, server) = (keeper(), keeping(&["read:documents"]));
    let words = ["identity", "grant", "agt_1", "mcp:financial", "read:documents", "mcp:financial"];
    let run = keep(&desk, &server, &words).ends(0);
    assert_eq!(
        run.out,
        "granted       mcp:financial\nheld already  read:documents\nagt_1: read:documents, mcp:financial\n"
    );
    assert_eq!(asked(&server)[1].json(), json!({"scopes": ["read:documents", "mcp:financial"]}));
    let run = keep(&desk, &server, &words).ends(0);
    assert_eq!(
        run.out,
        "held already  mcp:financial\nheld already  read:documents\nagt_1: read:documents, mcp:financial\n"
    );
    assert_eq!(lines(&server), [READ, WRITE, READ], "what is so already is not written");
}

#[test]
fn a_revocation_takes_away_and_may_be_repeated() {
    let (desk, server) = (keeper(), keeping(&["read:documents", "mcp:financial"]));
    let words = ["identity", "revoke", "agt_1", "mcp:financial", "a:b"];
    let run = keep(&desk, &server, &words).ends(0);
    assert_eq!(run.out, "revoked       mcp:financial\nnot held      a:b\nagt_1: read:documents\n");
    assert_eq!(asked(&server)[1].json(), json!({"scopes": ["read:documents"]}));
    let run = keep(&desk, &server, &["identity", "revoke", "agt_1", "read:documents"]).ends(0);
    assert_eq!(run.out, "revoked       read:documents\nagt_1: none\n");
    assert_eq!(asked(&server)[3].json(), json!({"scopes": []}));
    let run = keep(&desk, &server, &words).ends(0);
    assert_eq!(run.out, "not held      mcp:financial\nnot held      a:b\nagt_1: none\n");
    assert_eq!(lines(&server), [READ, WRITE, READ, WRITE, READ]);
}

#[test]
fn scripts_are_told_what_changed() {
    let (desk, server) = (keeper(), keeping(&["a:b"]));
    let told = |words: &[&str]| -> Value {
        serde_json::from_str(&keep(&desk, &server, &[words, &["--json"]].concat()).ends(0).out).expect("JSON")
    };
    assert_eq!(
        told(&["identity", "grant", "agt_1", "a:b", "c:d"]),
        json!({"data": {"agentId": "agt_1", "scopes": ["a:b", "c:d"]}, "granted": ["c:d"], "changed": true})
    );
    assert_eq!(
        told(&["identity", "revoke", "agt_1", "e:f"]),
        json!({"data": {"agentId": "agt_1", "scopes": ["a:b", "c:d"]}, "revoked": [], "changed": false})
    );
}

#[test]
fn what_the_server_makes_of_it_is_told() {
    // Somebody else has changed the list meanwhile.
    let server = directory(|line, _| match line {
        READ => data(&json!({"agentId": "agt_1", "scopes": []})),
        _ => data(&json!({"agentId": "agt_1", "scopes": ["x:y\u{1b}[2J"]})),
    });
    let desk = keeper();
    let run = keep(&desk, &server, &["identity", "grant", "agt_1", "a:b"]).ends(0);
    assert_eq!(run.out, "granted       a:b\nagt_1: x:y\\u{1b}[2J\n");
    let words = ["identity", "grant", "none", "a:b"];
    keep(&desk, &keeping(&[]), &words).says(1, &["refused (404 Not Found): there is no such agent"]);
}

#[test]
fn what_another_took_away_meanwhile_is_not_given_back() {
    let held = Arc::new(Mutex::new((1, vec!["a:b".to_owned(), "admin-wants:gone".to_owned()])));
    let kept = Arc::clone(&held);
    let server = Server::new(move |request| {
        let mut held = held.lock().expect("nobody panics with it");
        let tag = format!("\"{}\"", held.0);
        if request.line.starts_with("PUT ") && request.header("if-match") != tag {
            let (status, body) = refusal(412, "precondition_failed", "it was changed");
            return Reply::json(status, &body);
        }
        if request.line.starts_with("PUT ") {
            let scopes = request.json()["scopes"].clone();
            *held = (held.0 + 1, serde_json::from_value(scopes).expect("a list"));
        }
        let (_, body) = data(&json!({"agentId": "agt_1", "scopes": held.1}));
        let reply = Reply::json(200, &body).header("ETag", &format!("\"{}\"", held.0));
        if held.0 == 1 {
            // Somebody else's change, between our reading and our writing.
            *held = (2, vec!["a:b".to_owned()]);
        }
        reply
    });
    let desk = keeper();
    keep(&desk, &server, &["identity", "grant", "agt_1", "c:d", "--org", "default"]).ends(0);
    assert_eq!(kept.lock().expect("nobody panics with it").1, ["a:b", "c:d"]);
    assert_eq!(lines(&server), [READ, WRITE, READ, WRITE]);
}
