//! Registering: what is sent, what is told, and secrets that never stand in a command line.

use serde_json::{Value, json};

use crate::common::server::{Reply, Server};
use crate::common::{Desk, SECRET, set_mode};
use crate::fakes::problem;

/// Takes what comes, except at `/taken`.
fn registry() -> Server {
    Server::new(|request| {
        if request.line.contains("/toggle?") {
            return Reply::json(200, &json!({"message": "m", "path": "/clock", "is_enabled": true}));
        }
        match request.json()["path"].as_str() {
            Some("/taken") => problem(409, "path_taken", "a server is registered at '/taken'"),
            path => {
                let path = path.unwrap_or("/clock");
                let warnings = ["its tools could not be read: it cannot\u{1b}[2J be reached"];
                let body = json!({"message": "m", "path": path, "server": {}, "warnings": warnings});
                Reply::json(201, &body).header("Location", "/api/servers/clock")
            }
        }
    })
}

fn clock() -> Value {
    json!({"server_name": "Clock", "description": "Says the time", "path": "/clock",
        "proxy_pass_url": "http://127.0.0.1:8001/mcp"})
}

#[test]
fn a_server_is_registered_disabled_and_said_to_be() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("clock.json", clock());
    let run = desk.at(&registry, &["server", "register", "clock.json"]).ends(0);
    assert_eq!(
        run.out,
        "/clock: registered, disabled until: agentctl server toggle /clock on\n\
         /clock: warning: its tools could not be read: it cannot\\u{1b}[2J be reached\n"
    );
    assert_eq!((registry.asked().line.as_str(), registry.asked().json()), ("POST /api/servers", clock()));
    let run = desk.at(&registry, &["server", "register", "clock.json", "--enable"]).ends(0);
    assert!(
        run.out.starts_with("/clock: registered\n") && run.out.ends_with("/clock: enabled\n"),
        "{}",
        run.out
    );
    assert_eq!(registry.lines()[1..], ["POST /api/servers", "POST /api/servers/clock/toggle?enabled=true"]);
}

#[test]
fn one_refusal_of_several_is_told_and_the_rest_is_done() {
    let (desk, registry) = (Desk::new(300), registry());
    let mut taken = clock();
    taken["path"] = json!("/taken");
    desk.write("taken.json", taken);
    desk.write("clock.json", clock());
    let run = desk.at(&registry, &["server", "register", "taken.json", "clock.json"]).ends(1);
    assert_eq!(run.err, "agentctl: taken.json: refused (409 Conflict): a server is registered at '/taken'\n");
    assert!(run.out.starts_with("/clock: registered"), "{}", run.out);
}

#[test]
fn faults_of_all_cards_are_told_and_nothing_is_sent() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("clock.json", clock());
    desk.write("faulty.json", json!({"server_name": "", "path": "/api", "headers": {"host": SECRET}}));
    desk.write("list.json", "[1]");
    let run = desk.at(&registry, &["server", "register", "clock.json", "faulty.json", "list.json"]).ends(2);
    for part in [
        "nothing was sent (--unchecked lets the server judge):",
        "faulty.json: server_name: ",
        "faulty.json: proxy_pass_url: ",
        "faulty.json: path: ",
        "faulty.json: headers.host: ",
        "list.json: a card is a JSON object",
    ] {
        assert!(run.err.contains(part), "no {part:?}: {}", run.err);
    }
    assert_eq!(registry.lines().len(), 0);
    desk.at(&registry, &["server", "register", "faulty.json", "--unchecked"]).ends(0);
    assert_eq!(registry.lines().len(), 1);
}

#[test]
fn a_header_comes_from_a_file() {
    let (desk, registry) = (Desk::new(300), registry());
    let mut card = clock();
    card["headers"] = json!({"AUTHORIZATION": "***", "x-tenant": "***"});
    desk.write("clock.json", card);
    desk.write("value", format!("{SECRET}\n"));
    let words = ["server", "register", "clock.json", "--unchecked", "--header", "Authorization=@value"];
    let run = desk.at(&registry, &words).ends(0);
    assert_eq!(run.err, "");
    assert_eq!(registry.asked().json()["headers"], json!({"x-tenant": "***", "Authorization": SECRET}));
    set_mode(&desk.path("value"), 0o644);
    let run = desk.at(&registry, &words).ends(0);
    assert!(run.err.contains("value") && run.err.lines().count() == 1, "{}", run.err);
}

#[test]
fn a_header_comes_from_standard_input() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("clock.json", clock());
    let words = ["server", "register", "clock.json", "--header", "X-Api-Key=-"];
    desk.at_with_input(&registry, &words, &format!("{SECRET}\n")).ends(0);
    assert_eq!(registry.asked().json()["headers"], json!({"X-Api-Key": SECRET}));
    let twice: [&[&str]; 2] = [
        &["server", "register", "-", "--header", "X-Api-Key=-"],
        &["server", "register", "clock.json", "--header", "a=-", "--header", "b=-"],
    ];
    for words in twice {
        desk.at_with_input(&registry, words, "x").says(2, &["standard input (-) can be read once only"]);
    }
    desk.at_with_input(&registry, &["server", "register", "-"], &clock().to_string()).ends(0);
    assert_eq!(registry.lines().len(), 2);
}

#[test]
fn a_secret_that_was_typed_is_neither_taken_nor_repeated() {
    let (desk, registry) = (Desk::new(300), registry());
    desk.write("clock.json", clock());
    for typed in [format!("Authorization={SECRET}"), format!("Authorization: {SECRET}"), SECRET.to_owned()] {
        let words = ["server", "register", "clock.json", "--header", &typed];
        desk.at(&registry, &words).says(2, &["--header takes NAME=@FILE"]);
        let words = ["server", "update", "/clock", "clock.json", "--header", &typed];
        desk.at(&registry, &words).says(2, &["--header takes NAME=@FILE"]);
    }
    desk.write("two-lines", format!("{SECRET}\n{SECRET}"));
    for file in ["two-lines", "none"] {
        let typed = format!("Authorization=@{file}");
        desk.at(&registry, &["server", "register", "clock.json", "--header", &typed]).says(2, &[file]);
    }
    desk.write("value", SECRET);
    let several = ["server", "register", "clock.json", "clock.json", "--header", "a=@value"];
    desk.at(&registry, &several).says(2, &["--header is for one card"]);
    assert_eq!(registry.lines().len(), 0);
}

#[test]
fn a_card_with_secrets_that_others_may_read_is_warned_of() {
    let (desk, registry) = (Desk::new(300), registry());
    let mut card = clock();
    card["headers"] = json!({"x-api-key": SECRET});
    let file = desk.write("clock.json", card);
    assert_eq!(desk.at(&registry, &["server", "register", "clock.json"]).ends(0).err, "");
    set_mode(&file, 0o644);
    let run = desk.at(&registry, &["server", "register", "clock.json"]).ends(0);
    assert!(run.err.contains("clock.json") && run.err.contains("the values of its headers"), "{}", run.err);
}
