//! At a terminal: one clear line, a table that fits, a question before what cannot be undone, and a word
//! about what takes long.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::json;

use crate::common::Desk;
use crate::common::server::{Reply, Server};
use crate::common::terminal::Terminal;
use crate::fakes::{Kind, agent, card, registry, summary};

const ESCAPE: char = '\u{1b}';

fn at(desk: &Desk, gateway: &Server, words: &[&str], columns: u16) -> Terminal {
    let mut command = desk.command(words);
    command.env("AGENTCTL_GATEWAY", &gateway.url).env("AGENTCTL_TOKEN_FILE", "token.json");
    Terminal::run(command, columns)
}

#[test]
fn without_a_good_token_there_is_one_line_and_no_request() {
    let registry = registry(Vec::new());
    let (stale, strange, missing) = (Desk::new(-600), Desk::of(300, &[]), Desk::new(300));
    std::fs::remove_file(missing.write("token.json", "")).expect("it is ours");
    for (desk, expected) in [
        (&stale, "token.json: the token expired 10 min ago"),
        (&strange, "token.json: the token names no groups"),
        (&missing, "token.json: there is no token file"),
    ] {
        for words in [
            &["agent", "list"][..],
            &["agent", "get", "/a"],
            &["agent", "toggle", "/a", "on"],
            &["agent", "delete", "/a", "--yes"],
            &["agent", "search", "x"],
            &["agent", "test-all"],
        ] {
            let seen = at(desk, &registry, words, 500).ends(3);
            assert!(seen.starts_with(&format!("agentctl: {expected}")), "{seen}");
            assert_eq!((seen.lines().count(), seen.contains(ESCAPE)), (1, false), "{seen}");
            let run = desk.at(&registry, words).ends(3);
            assert_eq!((run.out.as_str(), format!("{}\r\n", run.err.trim_end())), ("", seen));
        }
    }
    assert_eq!(registry.lines().len(), 0);
}

#[test]
fn what_the_policy_does_not_allow_is_not_sent() {
    let (desk, registry) = (Desk::of(300, &["readers"]), registry(Vec::new()));
    desk.write("scopes.yml", "UI-Scopes:\n  readers:\n    list_agents: [all]\n");
    let seen =
        at(&desk, &registry, &["agent", "delete", "/a", "--yes", "--policy", "scopes.yml"], 500).ends(3);
    assert!(seen.contains("none of the token's groups (readers) allows delete_agent on /a"), "{seen}");
    assert_eq!(registry.lines().len(), 0);
    at(&desk, &registry, &["agent", "list", "--policy", "scopes.yml"], 500).ends(0);
}

#[test]
fn a_table_fits_the_terminal() {
    let desk = Desk::new(300);
    let agents =
        [summary("/code-reviewer", "Code Reviewer Agent", &["Review Python Code", "Find Secrets"], true)];
    let registry = Server::answering(200, json!({"agents": agents, "total_count": 1}).to_string());
    let seen = at(&desk, &registry, &["agent", "list"], 80).ends(0);
    assert_eq!(
        seen,
        "PATH            NAME             SKILLS          TRUST       VISIBILITY  ENABLED\r\n\
         /code-reviewer  Code Reviewer …  Review Python…  unverified  public      yes\r\n"
    );
}

#[test]
fn json_cannot_drive_a_terminal() {
    let (desk, mut card) = (Desk::new(300), card("/a", "https://h"));
    card["description"] = json!("\u{9b}2J\u{202e}é");
    let registry = registry(vec![card.clone()]);
    let seen = at(&desk, &registry, &["agent", "get", "/a", "--json"], 500).ends(0);
    assert!(seen.contains("\"\\u009b2J\\u202eé\""), "{seen}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&seen).expect("JSON"), card);
    let run = desk.at(&registry, &["agent", "get", "/a", "--json"]).ends(0);
    assert!(run.out.contains('\u{9b}'), "a program gets the server's own");
}

#[test]
fn a_delete_asks_first() {
    for (answer, code, says, sent) in [
        ("y", 0, "/a: deleted\r\n/b: deleted\r\n", 2),
        ("Yes", 0, "/b: deleted\r\n", 2),
        ("n", 1, "agentctl: nothing was deleted\r\n", 0),
        ("", 1, "agentctl: nothing was deleted\r\n", 0),
    ] {
        let (desk, registry) = (Desk::new(300), Server::new(|_| Reply::new(204, "")));
        let mut terminal = at(&desk, &registry, &["agent", "delete", "/a", "/b"], 80);
        terminal.until("Delete /a, /b? [y/N] ");
        terminal.types(answer);
        let seen = terminal.ends(code);
        assert!(seen.ends_with(says), "{answer} {seen}");
        assert_eq!(registry.lines().len(), sent);
    }
    let (desk, registry) = (Desk::new(300), Server::new(|_| Reply::new(204, "")));
    let seen = at(&desk, &registry, &["agent", "delete", "/a", "--yes"], 80).ends(0);
    assert_eq!(seen, "/a: deleted\r\n");
}

/// A registry that answers when it is told to.
fn slow() -> (Server, Sender<()>) {
    let (go, gone) = channel();
    let gone = Mutex::new(gone);
    let server = Server::new(move |_| {
        // Who never says it lets go of the other end.
        let _ = gone.lock().expect("nobody panics with it").recv();
        Reply::json(200, &json!({"agents": [summary("/a", "A", &[], true)], "total_count": 1}))
    });
    (server, go)
}

#[test]
fn what_takes_long_is_named_and_the_line_goes() {
    let (desk, (registry, go)) = (Desk::new(300), slow());
    let mut terminal = at(&desk, &registry, &["agent", "list"], 80);
    terminal.until("waiting for the list of agents");
    go.send(()).expect("it waits");
    let seen = terminal.ends(0);
    let after = seen.rsplit("waiting for the list of agents").next().expect("a rest");
    let cleared = after.find("\u{1b}[2K").expect("the line is erased");
    let table = after.find("PATH").expect("the table comes");
    assert!(
        cleared < table && after.ends_with("ENABLED\r\n/a    A             unverified  public      yes\r\n"),
        "{seen:?}"
    );
}

#[test]
fn nothing_of_it_in_a_pipe() {
    let desk = Desk::new(300);
    // Nothing tells that nothing comes but time.
    let registry = Server::new(|_| {
        std::thread::sleep(Duration::from_millis(1500));
        Reply::json(200, &json!({"agents": [], "total_count": 0}))
    });
    let run = desk.at(&registry, &["agent", "list"]).ends(0);
    assert_eq!(run.out, "PATH  NAME  SKILLS  TRUST  VISIBILITY  ENABLED\n");
    assert_eq!(run.err, "agentctl: no agent fits, or none that you may see\n");
}

#[test]
fn a_quick_answer_needs_no_word() {
    let (desk, registry) = (Desk::new(300), registry(vec![card("/a", "https://h")]));
    let seen = at(&desk, &registry, &["agent", "get", "/a"], 80).ends(0);
    assert!(!seen.contains(ESCAPE) && !seen.contains("waiting"), "{seen:?}");
}

#[test]
fn checks_have_marks() {
    let (desk, agent) = (Desk::new(300), agent(Kind::Trap));
    let registry = registry(vec![card("/a", &format!("{}/rpc", agent.url))]);
    let seen = at(&desk, &registry, &["agent", "test", "/a"], 80).ends(1);
    assert!(seen.contains("\r\n✓ card      ") && seen.contains("\r\n✗ protocol  "), "{seen}");
}
