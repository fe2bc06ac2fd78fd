//! Registering: what is sent, what is told, and what is never sent.

use serde_json::{Value, json};

use crate::common::Desk;
use crate::common::server::{Reply, Server};
use crate::fakes::{card, problem};

/// Takes what has a name, except at `/taken`.
fn registry() -> Server {
    Server::new(|request| {
        let line = &*request.line;
        if line.contains("/toggle?") {
            let on = line.contains("enabled=true");
            return Reply::json(200, &json!({"message": "m", "path": "/a", "is_enabled": on, "agent": {}}));
        }
        match request.json()["path"].as_str() {
            Some("/taken") => problem(409, "path_taken", "an agent is registered at '/taken'"),
            Some(path) => {
                let body =
                    json!({"message": "m", "path": path, "agent": {}, "warnings": ["no\u{1b}[2Jcard"]});
                Reply::json(201, &body).header("Location", "/api/agents/a")
            }
            None => Reply::json(
                422,
                &json!({"code": "validation_failed", "message": "name: is required; url: is required",
                "errors": [{"field": "name", "message": "is required"}, {"field": "url", "message": "is required"}]}),
            ),
        }
    })
}

fn written(desk: &Desk, name: &str, card: &Value) {
    desk.write(name, card);
}

#[test]
fn a_card_is_registered_disabled_and_said_to_be() {
    let (desk, registry) = (Desk::new(300), registry());
    written(&desk, "a.json", &card("/a", "https://h/a"));
    let run = desk.at(&registry, &["agent", "register", "a.json"]).ends(0);
    assert_eq!(
        run.out,
        "/a: registered, disabled until: agentctl agent toggle /a on\n/a: warning: no\\u{1b}[2Jcard\n"
    );
    let asked = registry.asked();
    assert_eq!(asked.line, "POST /api/agents/register");
    assert_eq!(asked.header("authorization"), format!("Bearer {}", desk.token));
    assert_eq!(asked.json(), card("/a", "https://h/a"));
}

#[test]
fn enable_toggles_what_was_registered() {
    let (desk, registry) = (Desk::new(300), registry());
    written(&desk, "a.json", &card("/a", "https://h/a"));
    let run = desk.at(&registry, &["agent", "register", "a.json", "--enable"]).ends(0);
    assert!(run.out.starts_with("/a: registered\n") && run.out.ends_with("/a: enabled\n"), "{}", run.out);
    assert_eq!(registry.lines(), ["POST /api/agents/register", "POST /api/agents/a/toggle?enabled=true"]);
    let run = desk.at(&registry, &["agent", "register", "a.json", "--enable", "--json"]).ends(0);
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["message"], &lines[1]["is_enabled"]), (&json!("m"), &json!(true)));
}

#[test]
fn one_refusal_of_several_is_told_and_the_rest_is_done() {
    let (desk, registry) = (Desk::new(300), registry());
    for (name, path) in [("a.json", "/a"), ("t.json", "/taken"), ("b.json", "/b")] {
        written(&desk, name, &card(path, "https://h/a"));
    }
    let words = ["agent", "register", "a.json", "t.json", "b.json"];
    let run = desk.at(&registry, &words).ends(1);
    assert_eq!(run.err, "agentctl: t.json: refused (409 Conflict): an agent is registered at '/taken'\n");
    assert!(run.out.contains("/a: registered") && run.out.contains("/b: registered"), "{}", run.out);
    let run = desk.at(&registry, &[&words[..], &["--json"]].concat()).ends(1);
    let codes: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["code"].clone())
        .collect();
    assert_eq!(codes, [Value::Null, json!("path_taken"), Value::Null]);
}

#[test]
fn faults_of_all_cards_are_told_and_nothing_is_sent() {
    let (desk, registry) = (Desk::new(300), registry());
    written(&desk, "a.json", &card("/a", "https://h/a"));
    written(&desk, "b.json", &json!({"name": "", "description": "d", "url": "h", "path": "/b/../c"}));
    desk.write("c.json", "[1]");
    desk.write("d.json", "{");
    let words = ["agent", "register", "a.json", "b.json", "c.json", "d.json", "none.json"];
    let run = desk.at(&registry, &words).ends(2);
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(lines[0], "agentctl: nothing was sent (--unchecked lets the server judge):");
    for (line, expected) in lines[1..].iter().zip([
        "  b.json: name: must not be blank",
        "  b.json: url: must be an absolute http or https URL with a host",
        "  b.json: path: ",
        "  c.json: a card is a JSON object",
        "  d.json: not JSON: EOF",
        "  none.json: No such file",
    ]) {
        assert!(line.starts_with(expected), "{line} {expected}");
    }
    assert_eq!((lines.len(), registry.lines().len()), (7, 0));
    assert_eq!(run.out, "");
}

#[test]
fn what_only_an_operator_can_allow_is_for_the_server_to_judge() {
    let (desk, registry) = (Desk::new(300), registry());
    written(&desk, "plain.json", &card("/a", "http://agents.example.com/a"));
    desk.at(&registry, &["agent", "register", "plain.json"]).ends(0);
    // The rules of a newer server are not known here.
    desk.write("new.json", r#"{"supportedInterfaces": []}"#);
    desk.at(&registry, &["agent", "register", "new.json"]).ends(2);
    assert_eq!(registry.lines().len(), 1);
    let run = desk.at(&registry, &["agent", "register", "new.json", "--unchecked"]).ends(1);
    assert_eq!(
        run.err,
        "agentctl: new.json: refused (422 Unprocessable Entity): 2 faults\n  name: is required\n  url: is required\n"
    );
    // What is no JSON is never sent.
    desk.write("no.json", "nope");
    desk.at(&registry, &["agent", "register", "no.json", "--unchecked"]).ends(2);
    assert_eq!(registry.lines().len(), 2);
}

#[test]
fn a_card_may_come_through_a_pipe() {
    let (desk, registry) = (Desk::new(300), registry());
    let run =
        desk.at_with_input(&registry, &["agent", "register", "-"], &card("/a", "https://h").to_string());
    assert!(run.ends(0).out.starts_with("/a: registered"));
    desk.at(&registry, &["agent", "register", "-", "-"]).ends(2);
    assert_eq!(registry.lines().len(), 1);
}
