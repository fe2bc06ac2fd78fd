//! Listing, searching and showing: tables in a pipe, JSON as it came.

use serde_json::{Value, json};

use crate::common::Desk;
use crate::common::server::{Reply, Server};
use crate::fakes::{registry, summary};

/// Three agents on pages of two.
fn pages() -> Server {
    Server::new(|request| {
        if request.line.contains("cursor=%2Fb") {
            let agents = [summary("/team/c", "Cee", &[], true)];
            return Reply::json(200, &json!({"agents": agents, "total_count": 3}));
        }
        let long = "A name that no terminal of eighty columns would show in full beside its skills";
        let agents = [
            summary("/a", long, &["Review Python Code", "Find Secrets"], true),
            summary("/b", "Bee\u{1b}[31m", &["Sing"], false),
        ];
        Reply::json(200, &json!({"agents": agents, "total_count": 3, "next_cursor": "/b"}))
    })
}

#[test]
fn a_table_in_a_pipe_is_whole_and_without_escapes() {
    let (desk, registry) = (Desk::new(300), pages());
    let run = desk.at(&registry, &["agent", "list", "--all"]).ends(0);
    assert_eq!(
        run.out,
        "PATH     NAME                                                                            SKILLS                            TRUST       VISIBILITY  ENABLED\n\
         /a       A name that no terminal of eighty columns would show in full beside its skills  Review Python Code, Find Secrets  unverified  public      yes\n\
         /b       Bee\\u{1b}[31m                                                                   Sing                              unverified  public      no\n\
         /team/c  Cee                                                                                                               unverified  public      yes\n"
    );
    assert_eq!(run.err, "");
    assert_eq!(registry.lines(), ["GET /api/agents", "GET /api/agents?cursor=%2Fb"]);
}

#[test]
fn one_page_says_that_there_is_more() {
    let (desk, registry) = (Desk::new(300), pages());
    let run = desk.at(&registry, &["agent", "list"]).ends(0);
    assert_eq!(run.out.lines().count(), 3);
    assert_eq!(run.err, "agentctl: the first 2 of 3 agents: --all has the rest\n");
    let one: Value =
        serde_json::from_str(&desk.at(&registry, &["agent", "list", "--json"]).ends(0).out).expect("JSON");
    assert_eq!(one["next_cursor"], "/b");
    let all = desk.at(&registry, &["agent", "list", "--all", "--json"]).ends(0).out;
    let all: Value = serde_json::from_str(&all).expect("JSON");
    assert_eq!((all["agents"].as_array().map(Vec::len), &all["total_count"]), (Some(3), &json!(3)));
}

#[test]
fn pages_without_an_end_end() {
    let desk = Desk::new(300);
    let registry = Server::answering(200, json!({"agents": [], "next_cursor": "/b"}).to_string());
    let run = desk.at(&registry, &["agent", "list", "--all"]).ends(1);
    assert!(run.err.contains("do not end"), "{}", run.err);
    assert_eq!(registry.lines().len(), 2);
}

#[test]
fn a_filter_goes_to_the_server() {
    let (desk, registry) = (Desk::new(300), registry(Vec::new()));
    let words = ["--query", "a b&c", "--enabled-only", "--visibility", "private", "--tag", "x"];
    let run = desk.at(&registry, &[&["agent", "list"][..], &words].concat()).ends(0);
    assert_eq!(
        registry.lines(),
        ["GET /api/agents?query=a+b%26c&enabled_only=true&visibility=private&tag=x"]
    );
    assert_eq!(run.err, "agentctl: no agent fits, or none that you may see\n");
    desk.at(&registry, &["agent", "list", "--visibility", "secret"]).ends(2);
}

#[test]
fn a_search_shows_the_best_first() {
    let desk = Desk::new(300);
    let entity = |path: &str, score: f64| {
        json!({"entity_type": "a2a_agent", "path": path, "name": "N", "relevance_score": score,
            "trust_level": "verified", "skills": ["review", "scan"]})
    };
    let body = json!({"entities": [entity("/a", 0.66941), entity("/b", 0.4)], "agents": [], "query": "q"});
    let registry = Server::answering(200, body.to_string());
    let run = desk.at(&registry, &["agent", "search", "review code", "--max", "2"]).ends(0);
    assert_eq!(
        run.out,
        "SCORE   PATH  NAME  SKILLS        TRUST\n\
         0.6694  /a    N     review, scan  verified\n\
         0.4000  /b    N     review, scan  verified\n"
    );
    let asked = registry.asked();
    assert_eq!(asked.line, "POST /api/agents/discover/semantic");
    assert_eq!(
        asked.json(),
        json!({"query": "review code", "max_results": 2, "entity_types": ["a2a_agent"]})
    );
    assert_eq!(desk.at(&registry, &["agent", "search", "x", "--json"]).ends(0).out, format!("{body}\n"));
}

#[test]
fn a_discovery_needs_a_wish_and_shows_what_matched() {
    let desk = Desk::new(300);
    let agent = json!({"path": "/a", "name": "N", "relevance_score": 0.64, "trust_level": "verified",
        "skills": [{"id": "review"}], "matched_skills": ["review"], "matching_skills": ["review"]});
    let registry = Server::answering(200, json!({"agents": [agent], "query": {}}).to_string());
    desk.at(&registry, &["agent", "discover"]).ends(2);
    let run =
        desk.at(&registry, &["agent", "discover", "--skill", "review", "--skill", "x", "--tag", "t"]).ends(0);
    assert_eq!(
        run.out,
        "SCORE  PATH  NAME  MATCHED SKILLS  TRUST\n0.64   /a    N     review          verified\n"
    );
    assert_eq!(registry.asked().json(), json!({"skills": ["review", "x"], "tags": ["t"], "max_results": 10}));
    let nothing = Server::answering(200, json!({"agents": [], "query": {}}).to_string());
    let run = desk.at(&nothing, &["agent", "discover", "--tag", "t"]).ends(0);
    assert_eq!(run.err, "agentctl: nothing was found, or nothing that you may see\n");
}

#[test]
fn a_card_is_shown_or_handed_on() {
    let desk = Desk::new(300);
    let card = crate::fakes::card("/a", "https://h/a");
    let registry = registry(vec![card.clone()]);
    let run = desk.at(&registry, &["agent", "get", "/a"]).ends(0);
    assert_eq!(
        run.out,
        "path         /a\nname         Code Reviewer\ndescription  Reviews code\nurl          https://h/a\n\
         version      1.2.0\nprotocol     1.0\nvisibility   public\ntrust        community\nenabled      yes\n\
         tags         python\netag         \"t1\"\n\n\
         SKILL   NAME    DESCRIPTION\nreview  Review  Reads it\n"
    );
    assert_eq!(desk.at(&registry, &["agent", "get", "/a", "--json"]).ends(0).out, format!("{card}\n"));
    desk.at(&registry, &["agent", "get", "/b"]).ends(1);
    desk.at(&registry, &["agent", "get", "a"]).ends(2);
}
