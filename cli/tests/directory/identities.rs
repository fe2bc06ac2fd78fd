//! `identity list`, `show`, `suspend`, `activate`, `delete` and `usage`.

use serde_json::{Value, json};

use crate::common::terminal::Terminal;
use crate::fake::{agent, agent_with, data, directory, keep, keeper, lines, only, refusal};

#[test]
fn an_agent_in_few_lines() {
    let (desk, server) = (keeper(), directory(|_, _| data(&agent())));
    let run = keep(&desk, &server, &["identity", "show", "research-analyst"]).ends(0);
    assert_eq!(
        run.out,
        "agent          agt_1\n\
         client         agt_1\n\
         slug           research-analyst\n\
         name           Research\\u{9b}2J Analyst\n\
         type           assistant\n\
         status         active\n\
         capabilities   read:documents, mcp:financial\n\
         groups         lob1\n\
         tokens a day   100000\n\
         used today     1200; the day ends in 3 h\n\
         calls an hour  no limit\n\
         owner          anna\n\
         created by     key\n\
         created        2 days ago\n\
         secrets        k1 (made 2 days ago), k0 (ended)\n\
         workload       http://h/orgs/default/api/v1/agents/agt_1\n"
    );
}

#[test]
fn lists_come_in_pages() {
    let server = directory(|line, _| {
        let page = |id: &str, more: bool| {
            let agent = agent_with(&json!({"agentId": id, "slug": format!("s-{id}")}));
            (200, json!({"data": [agent], "meta": {"total": 2}, "pagination": {"has_more": more}}))
        };
        match line {
            "GET /agents?offset=1" => page("agt_2", false),
            "GET /agents?status=suspended&q=a+b" => {
                (200, json!({"data": [], "meta": {"total": 0}, "pagination": {"has_more": false}}))
            }
            _ => page("agt_1", true),
        }
    });
    let desk = keeper();
    let run = keep(&desk, &server, &["identity", "list"]).ends(0);
    let columns =
        |line: Option<&str>| line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rows = run.out.lines();
    assert_eq!(columns(rows.next()), "AGENT SLUG NAME STATUS CAPABILITIES TOKENS TODAY");
    let row = "agt_1 s-agt_1 Research\\u{9b}2J Analyst active read:documents, mcp:financial 1200 of 100000";
    assert_eq!((columns(rows.next()), rows.next()), (row.to_owned(), None));
    assert_eq!(run.err, "agentctl: the first 1 of 2 identities: --all has the rest\n");
    let run = keep(&desk, &server, &["identity", "list", "--all", "--json"]).ends(0);
    let all: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&all["data"][1]["agentId"], &all["meta"]["total"]), (&json!("agt_2"), &json!(2)));
    let run = keep(&desk, &server, &["identity", "list", "--status", "suspended", "--query", "a b"]).ends(0);
    assert_eq!((run.out.lines().count(), &*run.err), (1, "agentctl: no identity fits\n"));
    let turning = directory(|_, _| {
        (200, json!({"data": [agent()], "meta": {"total": 9}, "pagination": {"has_more": true}}))
    });
    keep(&desk, &turning, &["identity", "list", "--all"]).says(1, &["do not end"]);
}

#[test]
fn a_switch_says_what_it_is_now() {
    let server = directory(|line, _| match line {
        "POST /agents/agt_1/deactivate" => data(&agent_with(&json!({"status": "suspended"}))),
        "POST /agents/agt_1/activate" => data(&agent()),
        _ => refusal(404, "not_found", "there is no such agent"),
    });
    let desk = keeper();
    assert_eq!(keep(&desk, &server, &["identity", "suspend", "agt_1"]).ends(0).out, "agt_1: suspended\n");
    assert_eq!(keep(&desk, &server, &["identity", "activate", "agt_1"]).ends(0).out, "agt_1: active\n");
    let run = keep(&desk, &server, &["identity", "suspend", "agt_1", "--json"]).ends(0);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&told["data"]["status"], &told["message"]), (&json!("suspended"), &json!("done")));
    keep(&desk, &server, &["identity", "suspend", "none"]).says(1, &["there is no such agent"]);
}

#[test]
fn a_delete_asks_first() {
    let server = directory(|line, _| match line {
        "DELETE /agents/agt_1" => data(&json!({"agentId": "agt_1"})),
        _ => refusal(404, "not_found", "there is no such agent"),
    });
    let desk = keeper();
    keep(&desk, &server, &["identity", "delete", "agt_1"]).says(2, &["--yes"]);
    assert_eq!(server.lines(), [""; 0]);
    let terminal = |answer: &str, code: i32| {
        let mut command = desk.command(&["identity", "delete", "agt_1"]);
        command.env("AGENTCTL_GATEWAY", &server.url).env("AGENTCTL_ADMIN_KEY_FILE", "admin_key");
        let mut terminal = Terminal::run(command, 80);
        terminal.until("Delete agt_1? [y/N] ");
        terminal.types(answer);
        terminal.ends(code)
    };
    assert!(terminal("n", 1).contains("nothing was deleted"));
    assert_eq!(lines(&server), [""; 0]);
    assert!(terminal("y", 0).contains("agt_1: deleted"));
    let run = keep(&desk, &server, &["identity", "delete", "none", "agt_1", "--yes", "--json"]).ends(1);
    let told: Vec<&str> = run.out.lines().collect();
    assert!(told[0].contains("not_found") && told[1].contains("\"agentId\":\"agt_1\""), "{told:?}");
    assert_eq!(run.err, "agentctl: none: refused (404 Not Found): there is no such agent\n");
    assert_eq!(lines(&server), ["DELETE /agents/agt_1", "DELETE /agents/none", "DELETE /agents/agt_1"]);
}

#[test]
fn usage_is_told_day_by_day() {
    let usage = json!({"agentId": "agt_1", "tokensUsedToday": 100_000, "budgetExhausted": true, "apiCallsThisHour": 7,
        "days": [{"date": "2026-01-02", "tokens": 100_000, "reports": 12, "costUsd": 0.25},
                 {"date": "2026-01-01", "tokens": 5, "reports": 1, "costUsd": null}]});
    let server = directory(move |_, _| data(&usage));
    let desk = keeper();
    let run = keep(&desk, &server, &["identity", "usage", "agt_1"]).ends(0);
    assert_eq!(
        run.out,
        "agent            agt_1\n\
         tokens today     100000: the budget is exhausted\n\
         calls this hour  7\n\
         \n\
         DAY (UTC)   TOKENS  REPORTS  COST IN USD\n\
         2026-01-02  100000  12       0.2500\n\
         2026-01-01  5       1\n"
    );
    assert_eq!(only(&server).line, "GET /agents/agt_1/usage");
    let none = json!({"agentId": "agt_1", "tokensUsedToday": 0, "budgetExhausted": false, "days": []});
    let server = directory(move |_, _| data(&none));
    let run = keep(&desk, &server, &["identity", "usage", "agt_1"]).ends(0);
    assert_eq!(run.err, "agentctl: nothing was reported yet\n");
    assert!(!run.out.contains("DAY") && run.out.contains("tokens today     0\n"), "{}", run.out);
}
