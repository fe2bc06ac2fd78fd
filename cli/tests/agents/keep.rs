//! Updating, toggling and deleting.

use serde_json::json;

use crate::common::Desk;
use crate::common::server::{Reply, Server};
use crate::fakes::{card, problem};

/// `/a` is there with the tag `"t1"`.
fn registry() -> Server {
    Server::new(|request| {
        let line = &*request.line;
        let stale = !matches!(request.header("if-match"), "" | "*" | "\"t1\"");
        match line.split(' ').next().unwrap_or_default() {
            _ if !line.contains("/api/agents/a") => problem(404, "not_found", "there is no such entry"),
            _ if stale => problem(412, "precondition_failed", "the entry has changed"),
            "GET" => Reply::json(200, &card("/a", "https://h")).header("ETag", "\"t1\""),
            "PUT" | "PATCH" => Reply::json(200, &card("/a", "https://h")).header("ETag", "\"t2\""),
            "DELETE" => Reply::new(204, ""),
            _ => {
                let on = line.contains("enabled=true");
                Reply::json(200, &json!({"message": "m", "path": "/a", "is_enabled": on}))
            }
        }
    })
}

#[test]
fn an_update_is_made_from_the_state_of_now() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("card.json", r#"{"version": "2.0.0", "license": null}"#);
    let run = desk.at(&registry, &["agent", "update", "/a", "card.json"]).ends(0);
    assert_eq!(run.out, "/a: updated, now \"t2\"\n");
    let run = desk.at(&registry, &["agent", "update", "/a", "card.json", "--patch", "--json"]).ends(0);
    assert_eq!(run.out, format!("{}\n", card("/a", "https://h")));
    assert_eq!(
        registry.lines(),
        ["GET /api/agents/a", "PUT /api/agents/a", "GET /api/agents/a", "PATCH /api/agents/a"]
    );
    let patch = &registry.all()[3];
    assert_eq!(patch.header("if-match"), "\"t1\"");
    assert_eq!(patch.json(), json!({"version": "2.0.0", "license": null}));
}

#[test]
fn who_was_overtaken_is_told_so() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("card.json", "{}");
    let run = desk.at(&registry, &["agent", "update", "/a", "card.json", "--if-match", "t0"]).ends(1);
    assert!(
        run.err.contains("(412 Precondition Failed)") && run.err.contains("somebody has changed /a since"),
        "{}",
        run.err
    );
    assert_eq!(registry.lines(), ["PUT /api/agents/a"], "the state was said: nothing is read");
    assert_eq!(registry.all()[0].header("if-match"), "\"t0\"");
    desk.write("list.json", "[]");
    desk.at(&registry, &["agent", "update", "/a", "list.json"]).ends(2);
    assert_eq!(registry.lines().len(), 1);
}

#[test]
fn a_tag_that_no_header_holds_is_wrong_use() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("card.json", "{}");
    for tag in ["a\u{1}b", "a\nX-User: admin", " "] {
        desk.at(&registry, &["agent", "update", "/a", "card.json", "--if-match", tag]).ends(2);
    }
    assert_eq!(registry.lines().len(), 0);
}

#[test]
fn an_answer_that_is_no_json_is_not_printed_as_such() {
    let desk = Desk::new(300);
    desk.write("card.json", "{}");
    let page = Server::answering(200, "<html>\u{1b}[2J".to_owned());
    let words = ["agent", "update", "/a", "card.json", "--if-match", "t1", "--json"];
    let run = desk.at(&page, &words).ends(1);
    assert!(run.out.is_empty() && run.err.contains("is it the gateway?"), "{} {}", run.out, run.err);
}

#[test]
fn a_toggle_says_what_it_is_now() {
    let (desk, registry) = (Desk::new(300), registry());
    assert_eq!(desk.at(&registry, &["agent", "toggle", "/a", "on"]).ends(0).out, "/a: enabled\n");
    assert_eq!(desk.at(&registry, &["agent", "toggle", "/a", "off"]).ends(0).out, "/a: disabled\n");
    let run = desk.at(&registry, &["agent", "toggle", "/none", "on"]).ends(1);
    assert_eq!(run.err, "agentctl: refused (404 Not Found): there is no such entry\n");
    desk.at(&registry, &["agent", "toggle", "/a", "maybe"]).ends(2);
    assert_eq!(registry.lines().len(), 3);
}

#[test]
fn in_a_pipe_a_delete_needs_yes() {
    let (desk, registry) = (Desk::new(300), registry());
    let run = desk.at(&registry, &["agent", "delete", "/a"]).ends(2);
    assert_eq!(run.err, "agentctl: nobody can be asked here: say --yes to delete without a question\n");
    assert_eq!(registry.lines().len(), 0);
    assert_eq!(desk.at(&registry, &["agent", "delete", "/a", "--yes"]).ends(0).out, "/a: deleted\n");
    let run = desk.at(&registry, &["agent", "delete", "/none", "/a", "--yes", "--json"]).ends(1);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[0].contains("not_found") && lines[1] == r#"{"path":"/a","deleted":true}"#, "{lines:?}");
    assert_eq!(run.err, "agentctl: /none: refused (404 Not Found): there is no such entry\n");
}

#[test]
fn paths_of_several_segments_are_one_in_the_address() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.at(&registry, &["agent", "get", "/team/reviewer"]).ends(1);
    assert_eq!(registry.lines(), ["GET /api/agents/team%2Freviewer"]);
}
