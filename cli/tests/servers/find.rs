//! `agentctl search`: all kinds in one table.

use serde_json::json;

use crate::common::Desk;
use crate::common::server::Server;

#[test]
fn the_best_stands_first_whatever_it_is() {
    let desk = Desk::new(300);
    let body = json!({
        "query": "q",
        "agents": [{"path": "/poet", "name": "Poet", "description": "Writes", "relevance_score": 0.4}],
        "servers": [{"path": "/clock", "server_name": "Clock", "description": "Says the\ntime",
            "relevance_score": 0.71234, "tags": [], "num_tools": 1, "matching_tools": []}],
        "tools": [{"server_path": "/clock", "server_name": "Clock", "tool_name": "now", "description": "Now",
            "relevance_score": 0.9}],
        "total_servers": 1, "total_tools": 1, "total_agents": 1,
    });
    let registry = Server::answering(200, body.to_string());
    let run = desk.at(&registry, &["search", "what time is it?", "--max", "3"]).ends(0);
    assert_eq!(
        run.out,
        "SCORE   KIND    PATH    NAME   DESCRIPTION\n\
         0.9000  tool    /clock  now    Now\n\
         0.7123  server  /clock  Clock  Says the time\n\
         0.4000  agent   /poet   Poet   Writes\n"
    );
    let asked = registry.asked();
    assert_eq!(asked.line, "POST /api/search/semantic");
    assert_eq!(asked.json(), json!({"query": "what time is it?", "max_results": 3}));
    let run = desk.at(&registry, &["search", "x", "--kind", "server", "--kind", "tool", "--json"]).ends(0);
    assert_eq!(run.out, format!("{body}\n"));
    assert_eq!(registry.all()[1].json()["entity_types"], json!(["mcp_server", "tool"]));
    let narrow =
        ["--tag", "a", "--tag", "b", "--skill", "s", "--trust", "verified", "--visibility", "private"];
    desk.at(&registry, &[&["search", "x", "--min-score", "0.5"], &narrow[..]].concat()).ends(0);
    assert_eq!(
        registry.all()[2].json(),
        json!({"query": "x", "max_results": 10, "tags": ["a", "b"], "skills": ["s"], "trust_level": ["verified"],
            "visibility": ["private"], "min_score": 0.5})
    );
    desk.at(&registry, &["search", "x", "--kind", "poem"]).ends(2);
    desk.at(&registry, &["search", "x", "--trust", "poem"]).ends(2);
    let none = Server::answering(200, json!({"query": "x"}).to_string());
    let run = desk.at(&none, &["search", "x"]).ends(0);
    assert_eq!(run.err, "agentctl: nothing was found, or nothing that you may see\n");
    let meant = json!({"query": "tiem", "did_you_mean": "time", "search_mode": "lexical"});
    let run = desk.at(&Server::answering(200, meant.to_string()), &["search", "tiem"]).ends(0);
    assert_eq!(
        run.err,
        "agentctl: also looked for 'time'\n\
         agentctl: the registry has no model now: only words were looked for\n\
         agentctl: nothing was found, or nothing that you may see\n"
    );
}
