//! Updating, toggling and deleting.

use serde_json::json;

use crate::common::server::{Reply, Server};
use crate::common::{Desk, SECRET};
use crate::fakes::{card, problem};

/// `/clock` is there with the tag `"t1"`.
fn registry() -> Server {
    Server::new(|request| {
        let line = &*request.line;
        let stale = !matches!(request.header("if-match"), "" | "*" | "\"t1\"");
        match line.split(' ').next().unwrap_or_default() {
            _ if !line.contains("/api/servers/clock") => problem(404, "not_found", "there is no such entry"),
            _ if stale => problem(412, "precondition_failed", "the entry has changed"),
            "GET" => Reply::json(200, &card("/clock")).header("ETag", "\"t1\""),
            "PUT" | "PATCH" => Reply::json(200, &card("/clock")).header("ETag", "\"t2\""),
            "DELETE" => Reply::new(204, ""),
            _ => {
                let on = line.contains("enabled=true");
                Reply::json(200, &json!({"message": "m", "path": "/clock", "is_enabled": on}))
            }
        }
    })
}

#[test]
fn an_update_is_made_from_the_state_of_now() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("card.json", r#"{"description": "Knows the time"}"#);
    let run = desk.at(&registry, &["server", "update", "/clock", "card.json"]).ends(0);
    assert_eq!(run.out, "/clock: updated, now \"t2\"\n");
    desk.write("value", SECRET);
    let words = ["server", "update", "/clock", "card.json", "--patch", "--header", "x-key=@value"];
    desk.at(&registry, &words).ends(0);
    assert_eq!(
        registry.lines(),
        [
            "GET /api/servers/clock",
            "PUT /api/servers/clock",
            "GET /api/servers/clock",
            "PATCH /api/servers/clock"
        ]
    );
    let patch = &registry.all()[3];
    assert_eq!(patch.header("if-match"), "\"t1\"");
    assert_eq!(patch.json(), json!({"description": "Knows the time", "headers": {"x-key": SECRET}}));
}

#[test]
fn who_was_overtaken_is_told_so() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("card.json", "{}");
    let run = desk.at(&registry, &["server", "update", "/clock", "card.json", "--if-match", "t0"]);
    run.says(1, &["(412 Precondition Failed)", "agentctl server get /clock"]);
    assert_eq!(registry.lines(), ["PUT /api/servers/clock"], "the state was said: nothing is read");
}

#[test]
fn a_toggle_says_what_it_is_now() {
    let (desk, registry) = (Desk::new(300), registry());
    assert_eq!(desk.at(&registry, &["server", "toggle", "/clock", "on"]).ends(0).out, "/clock: enabled\n");
    assert_eq!(desk.at(&registry, &["server", "toggle", "/clock", "off"]).ends(0).out, "/clock: disabled\n");
    desk.at(&registry, &["server", "toggle", "/none", "on"]).says(1, &["(404 Not Found)"]);
}

#[test]
fn in_a_pipe_a_delete_needs_yes() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.at(&registry, &["server", "delete", "/clock"]).says(2, &["say --yes"]);
    assert_eq!(registry.lines().len(), 0);
    assert_eq!(desk.at(&registry, &["server", "delete", "/clock", "--yes"]).ends(0).out, "/clock: deleted\n");
    assert_eq!(desk.at(&registry, &["server", "remove", "/clock", "-y"]).ends(0).out, "/clock: deleted\n");
    desk.at(&registry, &["server", "delete", "/none", "--yes"]).ends(1);
}

#[test]
fn a_path_of_several_segments_is_wrong_use() {
    let (desk, registry) = (Desk::new(300), registry());
    for path in ["/team/clock", "clock", "/api", "/clock/mcp"] {
        desk.at(&registry, &["server", "get", path]).ends(2);
    }
    assert_eq!(registry.lines().len(), 0);
}
