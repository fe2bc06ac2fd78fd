//! The command line itself: help for everything, and nothing sent without a good token.

use crate::common::Desk;
use crate::common::server::Server;

const COMMANDS: [&str; 10] =
    ["register", "list", "get", "update", "delete", "toggle", "tools", "check", "history", "call"];

#[test]
fn every_help_has_examples_and_exit_codes() {
    let desk = Desk::new(300);
    let has_both = |words: &[&str]| {
        let run = desk.run(&[words, &["--help"]].concat()).ends(0);
        assert!(run.out.contains("Examples:\n  ") && run.out.contains("Exit codes"), "{words:?} {}", run.out);
    };
    has_both(&["server"]);
    has_both(&["search"]);
    COMMANDS.iter().for_each(|command| has_both(&["server", command]));
}

#[test]
fn without_a_good_token_there_is_one_line_and_no_request() {
    let (desk, registry) = (Desk::new(-600), Server::answering(200, "{}".to_owned()));
    desk.write(
        "card.json",
        r#"{"server_name": "A", "description": "d", "proxy_pass_url": "http://127.0.0.1:1"}"#,
    );
    for words in [
        &["server", "list"][..],
        &["server", "register", "card.json"],
        &["server", "update", "/a", "card.json"],
        &["server", "delete", "/a", "--yes"],
        &["server", "check", "/a"],
        &["server", "call", "/a", "b"],
        &["search", "x"],
    ] {
        desk.at(&registry, words).says(3, &["token.json: the token expired 10 min ago"]);
    }
    assert_eq!(registry.lines().len(), 0);
}

#[test]
fn policies_know_servers_by_name() {
    let (desk, registry) = (Desk::of(300, &["readers"]), Server::answering(204, String::new()));
    desk.write(
        "scopes.yml",
        "UI-Scopes:\n  readers:\n    list_service: [clock]\n    modify_service: [clock]\n",
    );
    let delete =
        |path: &str| desk.at(&registry, &["server", "delete", path, "--yes", "--policy", "scopes.yml"]);
    delete("/fetch").says(3, &["none of the token's groups (readers) allows modify_service on /fetch"]);
    assert_eq!(registry.lines().len(), 0);
    delete("/clock").ends(0);
}
