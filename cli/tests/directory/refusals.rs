//! What is said when the directory says no, or is no directory.

use serde_json::{Value, json};

use crate::common::Desk;
use crate::common::server::{Reply, Server};
use crate::fake::{ADMIN, directory, keep, keeper, lines, refusal};

/// Every verb, with all that it needs.
const VERBS: [&[&str]; 17] = [
    &["identity", "create", "A"],
    &["identity", "list"],
    &["identity", "show", "a"],
    &["identity", "grant", "a", "b:c"],
    &["identity", "revoke", "a", "b:c"],
    &["identity", "budget", "a", "--reset"],
    &["identity", "rotate", "a"],
    &["identity", "suspend", "a"],
    &["identity", "activate", "a"],
    &["identity", "delete", "a", "--yes"],
    &["identity", "usage", "a"],
    &["mcp-target", "create", "A", "--resource-uri", "https://h"],
    &["mcp-target", "list"],
    &["mcp-target", "show", "a"],
    &["mcp-target", "update", "a", "--name", "B"],
    &["mcp-target", "delete", "a", "--yes"],
    &["mcp-target", "rotate", "a"],
];

#[test]
fn every_verb_says_why_it_was_refused() {
    let desk = keeper();
    for (status, code, message, parts) in [
        (401, "unauthorized", "a credential is needed", &["401 Unauthorized", "see --admin-key-file"][..]),
        (403, "forbidden", "not you", &["403 Forbidden", "not you"]),
        (404, "not_found", "no such\u{1b}[2J agent", &["404 Not Found", "no such\\u{1b}[2J agent"]),
        (409, "conflict", "the slug is taken", &["409 Conflict", "the slug is taken"]),
        (503, "unavailable", "the store is away", &["503 Service Unavailable", "the store is away"]),
    ] {
        let server = directory(move |_, _| refusal(status, code, message));
        for words in VERBS {
            keep(&desk, &server, words).says(1, parts);
            let run = keep(&desk, &server, &[words, &["--json"]].concat()).ends(1);
            let told: Value = serde_json::from_str(&run.out).expect("the server's own JSON");
            assert_eq!(told["code"], code, "{words:?}");
        }
        assert_eq!(lines(&server).len(), 2 * VERBS.len(), "nothing follows a refusal");
    }
}

#[test]
fn every_fault_is_told() {
    let desk = keeper();
    let faults = |faults: Value| {
        directory(move |_, _| {
            (
                422,
                json!({"error": "invalid", "message": "the agent has faults", "status": 422, "code": "invalid",
                "faults": faults}),
            )
        })
    };
    let words = ["identity", "create", "A", "--capability", "x:y"];
    let one = faults(json!([{"field": "capabilities[0]", "message": "must be verb:noun"}]));
    keep(&desk, &one, &words)
        .says(1, &["refused (422 Unprocessable Entity): capabilities[0]: must be verb:noun\n"]);
    let two = faults(json!([{"field": "capabilities[0]", "message": "must be verb:noun"},
        {"field": "", "message": "is too\nlong"}]));
    let run = keep(&desk, &two, &words).ends(1);
    assert_eq!(
        run.err,
        "agentctl: refused (422 Unprocessable Entity): 2 faults\n  capabilities[0]: must be verb:noun\n  \
         is too\\u{a}long\n"
    );
    keep(&desk, &faults(json!([])), &words).says(1, &["the agent has faults"]);
}

#[test]
fn who_comes_with_a_token_is_told_of_the_key() {
    let desk = Desk::new(300);
    for (status, part) in [(401, "get a new token"), (403, "403 Forbidden")] {
        let server = directory(move |_, _| refusal(status, "no", "no"));
        desk.at(&server, &["identity", "list"]).says(1, &[part, "--admin-key-file"]);
    }
}

#[test]
fn what_is_no_directory_is_told_apart() {
    let desk = keeper();
    for (status, body) in [(404, "<html>"), (404, ""), (302, ""), (500, "{}")] {
        let server = Server::new(move |request| match request.line.contains(ADMIN) {
            true => Reply::new(status, body).header("Location", "http://127.0.0.1:9/"),
            false => Reply::json(404, &Value::Null),
        });
        let words = ["identity", "list", "--org", "default"];
        keep(&desk, &server, &words).says(1, &[&status.to_string(), "is there a directory of agents?"]);
        keep(&desk, &server, &[&words[..], &["--json"]].concat()).says(1, &[]);
    }
    // A page for everything; and an answer with a secret in a place where none is expected.
    for body in
        ["<html>", "{}", "[]", r#"{"data": "ags_k_word"}"#, r#"{"data": {"agentId": {"x": "ags_k_word"}}}"#]
    {
        let server = Server::answering(200, body.to_owned());
        for words in VERBS.iter().filter(|words| words[1] != "delete" || !body.contains("data")) {
            let run = keep(&desk, &server, &[*words, &["--org", "default"]].concat()).says(1, &["cannot "]);
            assert!(run.err.contains("is it the directory?") && !run.err.contains("word"), "{run:?}");
        }
    }
}
