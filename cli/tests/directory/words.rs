//! The command line itself: help and wrong use.

use crate::fake::{directory, keep, keeper, refusal};

#[test]
fn every_help_has_examples_and_exit_codes() {
    let desk = keeper();
    let has_both = |words: &[&str]| {
        let run = desk.run(&[words, &["--help"]].concat()).ends(0);
        assert!(run.out.contains("Examples:\n  ") && run.out.contains("Exit codes"), "{words:?} {}", run.out);
    };
    let verbs = [
        "create", "list", "show", "grant", "revoke", "budget", "rotate", "suspend", "activate", "delete",
        "usage",
    ];
    has_both(&["identity"]);
    verbs.iter().for_each(|verb| has_both(&["identity", verb]));
    has_both(&["mcp-target"]);
    let verbs = ["create", "list", "show", "update", "delete", "rotate"];
    verbs.iter().for_each(|verb| has_both(&["mcp-target", verb]));
}

#[test]
fn wrong_use_ends_with_2_and_asks_nobody() {
    let (desk, server) = (keeper(), directory(|_, _| refusal(404, "not_found", "no")));
    for words in [
        &["identity"][..],
        &["identity", "create"],
        &["identity", "create", ""],
        &["identity", "create", "a\nb"],
        &["identity", "create", "A", "--slug", "a/b"],
        &["identity", "create", "A", "--client-secret", "s"],
        &["identity", "list", "--status", "gone"],
        &["identity", "show"],
        &["identity", "show", ".."],
        &["identity", "show", "a/../../b"],
        &["identity", "grant", "a"],
        &["identity", "grant", "a", "b:c", "bad"],
        &["identity", "grant", "a", "admin:agents:write"],
        &["identity", "create", "A", "--capability", "bad"],
        &["mcp-target", "update", "a", "--capability", "bad"],
        &["mcp-target", "update", "a", "--scope", "bad"],
        &["identity", "revoke", "a", " "],
        &["identity", "rotate", "a", "--overlap", "-1"],
        &["identity", "delete", "--yes"],
        &["mcp-target"],
        &["mcp-target", "create", "A"],
        &["mcp-target", "create", "A", "--resource-uri", "https://h", "--lifetime", "5"],
        &["mcp-target", "rotate", "a?b"],
    ] {
        keep(&desk, &server, words).ends(2);
    }
    assert_eq!(server.lines(), [""; 0]);
}
