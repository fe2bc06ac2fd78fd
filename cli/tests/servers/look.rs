//! Listing, showing, checking.

use serde_json::{Value, json};

use crate::common::Desk;
use crate::common::server::{Reply, Server};
use crate::fakes::{card, problem, summary};

/// Two servers on pages of one.
fn pages() -> Server {
    Server::new(|request| {
        if request.line.contains("cursor=%2Fclock") {
            let servers = [summary("/fetch", "Fetch\u{1b}[31m", false)];
            return Reply::json(200, &json!({"servers": servers, "total_count": 2}));
        }
        let servers = [summary("/clock", "Clock", true)];
        Reply::json(200, &json!({"servers": servers, "total_count": 2, "next_cursor": "/clock"}))
    })
}

#[test]
fn a_table_of_all_pages() {
    let (desk, registry) = (Desk::new(300), pages());
    let run = desk.at(&registry, &["server", "list", "--all"]).ends(0);
    assert_eq!(
        run.out,
        "PATH    NAME             TOOLS  TAGS  HEALTH   ENABLED\n\
         /clock  Clock            2      time  unknown  yes\n\
         /fetch  Fetch\\u{1b}[31m  2      time  unknown  no\n"
    );
    assert_eq!(registry.lines(), ["GET /api/servers", "GET /api/servers?cursor=%2Fclock"]);
    let run = desk.at(&registry, &["server", "list"]).ends(0);
    assert_eq!(run.err, "agentctl: the first 1 of 2 servers: --all has the rest\n");
    let all = desk.at(&registry, &["server", "list", "--all", "--json"]).ends(0).out;
    let all: Value = serde_json::from_str(&all).expect("JSON");
    assert_eq!((all["servers"].as_array().map(Vec::len), &all["total_count"]), (Some(2), &json!(2)));
}

#[test]
fn a_filter_goes_to_the_server() {
    let desk = Desk::new(300);
    let registry = Server::answering(200, json!({"servers": [], "total_count": 0}).to_string());
    let run =
        desk.at(&registry, &["server", "list", "--query", "a b", "--enabled-only", "--tag", "x"]).ends(0);
    assert_eq!(registry.lines(), ["GET /api/servers?query=a+b&enabled_only=true&tag=x"]);
    assert_eq!(run.err, "agentctl: no MCP server fits, or none that you may see\n");
    let agents = Server::answering(200, json!({"agents": [], "total_count": 0}).to_string());
    desk.at(&agents, &["server", "list"]).says(1, &["there is no list of servers", "is it the gateway?"]);
}

#[test]
fn a_card_is_shown_or_handed_on() {
    let desk = Desk::new(300);
    let registry = Server::new(|_| Reply::json(200, &card("/clock")).header("ETag", "\"t1\""));
    for word in ["get", "show"] {
        let run = desk.at(&registry, &["server", word, "/clock"]).ends(0);
        assert_eq!(
            run.out,
            "path         /clock\nname         Clock\ndescription  Says the time\n\
             url          http://127.0.0.1:8001/mcp\ntransports   streamable-http\nheaders      authorization\n\
             tags         time\nlicense      N/A\nenabled      yes\nhealth       healthy\n\
             checked at   2026-11-20T12:00:00Z\netag         \"t1\"\n\n\
             TOOL  DESCRIPTION\nnow   Says the time. In a zone.\n"
        );
    }
    let json = desk.at(&registry, &["server", "get", "/clock", "--json"]).ends(0).out;
    assert_eq!(json, format!("{}\n", card("/clock")));
}

#[test]
fn the_tools_one_may_call() {
    let desk = Desk::new(300);
    let body = json!({"server_name": "Clock", "path": "/clock", "tools": card("/clock")["tool_list"],
        "total_count": 1});
    let registry = Server::answering(200, body.to_string());
    let run = desk.at(&registry, &["server", "tools", "/clock"]).ends(0);
    assert_eq!(run.out, "TOOL  DESCRIPTION\nnow   Says the time. In a zone.\n");
    assert_eq!(registry.asked().line, "GET /api/servers/clock/tools");
    assert_eq!(desk.at(&registry, &["server", "tools", "/clock", "--json"]).ends(0).out, format!("{body}\n"));
    let none = Server::answering(200, json!({"tools": [], "total_count": 0}).to_string());
    let run = desk.at(&none, &["server", "tools", "/clock"]).ends(0);
    assert_eq!(run.err, "agentctl: it has no tool, or none that you may call\n");
}

#[test]
fn a_check_that_finds_it_ill_is_a_no() {
    let desk = Desk::new(300);
    let health = |status: &str, reason: Option<&str>| {
        let mut body = json!({"path": "/clock", "health_status": status, "num_tools": 3,
            "last_checked_iso": "2026-11-20T12:00:00Z"});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        Server::answering(200, body.to_string())
    };
    let registry = health("healthy", None);
    let run = desk.at(&registry, &["server", "check", "/clock"]).ends(0);
    assert_eq!(run.out, "status      healthy\ntools       3\nchecked at  2026-11-20T12:00:00Z\n");
    assert_eq!(registry.asked().line, "POST /api/servers/clock/health");
    let registry = health("unhealthy", Some("connection\u{7}refused"));
    let run = desk.at(&registry, &["server", "check", "/clock"]).ends(1);
    assert!(run.out.contains("reason      connection\\u{7}refused\n"), "{}", run.out);
    let run = desk.at(&registry, &["server", "check", "/clock", "--json"]).ends(1);
    assert!(run.out.contains("\"unhealthy\""), "{}", run.out);
    let refused =
        Server::new(|_| problem(403, "forbidden", "your scopes do not grant 'health_check_service'"));
    desk.at(&refused, &["server", "check", "/clock"]).says(1, &["(403 Forbidden)", "health_check_service"]);
}

#[test]
fn a_history_is_a_table() {
    let desk = Desk::new(300);
    let change = |number: u64, what: &str, fields: &[&str]| json!({"change": number, "at": "2026-11-20T12:00:00Z", "by": "anna", "what": what, "fields": fields});
    let changes = [change(7, "updated", &["tags", "headers"]), change(3, "registered", &[])];
    let body = json!({"path": "/clock", "changes": changes, "total_count": 5});
    let registry = Server::answering(200, body.to_string());
    let run = desk.at(&registry, &["server", "history", "/clock", "--limit", "2"]).ends(0);
    assert_eq!(
        run.out,
        "CHANGE  AT                    BY    WHAT        FIELDS\n\
         7       2026-11-20T12:00:00Z  anna  updated     tags, headers\n\
         3       2026-11-20T12:00:00Z  anna  registered\n"
    );
    assert_eq!(run.err, "agentctl: the last 2 of 5 changes: --before 3 has older ones\n");
    desk.at(&registry, &["server", "history", "/clock", "--before", "3"]).ends(0);
    assert_eq!(
        registry.lines(),
        ["GET /api/servers/clock/history?limit=2", "GET /api/servers/clock/history?before=3"]
    );
}
