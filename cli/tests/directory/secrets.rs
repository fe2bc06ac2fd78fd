//! Secrets that are shown once: `identity create`, `rotate`, and the same of MCP servers.

use std::fs;

use serde_json::{Value, json};

use crate::common::server::Server;
use crate::common::{Desk, mode, now};
use crate::fake::{
    MADE, MADE_FOR_TARGET, agent, agent_with, data, directory, keep, keeper, only, refusal, target_with,
};

fn making() -> Server {
    directory(|line, _| match line {
        "POST /agents" => {
            (201, json!({"data": agent_with(&json!({"clientSecret": MADE})), "message": "made"}))
        }
        "POST /agents/agt_1/rotate-credentials" => data(&json!({"agentId": "agt_1", "clientId": "agt_1",
            "clientSecret": MADE, "previousExpiresAt": now() + 7260})),
        "POST /mcp/servers" => {
            (201, json!({"data": target_with(&json!({"introspectionSecret": MADE_FOR_TARGET}))}))
        }
        "POST /mcp/servers/mcp_1/rotate-credentials" => {
            data(&json!({"id": "mcp_1", "introspectionSecret": MADE_FOR_TARGET}))
        }
        _ => refusal(404, "not_found", "there is no such thing"),
    })
}

const CREATE: [&str; 3] = ["identity", "create", "Research Analyst"];
const ROTATE: [&str; 3] = ["identity", "rotate", "agt_1"];
const CREATE_TARGET: [&str; 5] =
    ["mcp-target", "create", "Documents", "--resource-uri", "https://h/documents"];
const ROTATE_TARGET: [&str; 3] = ["mcp-target", "rotate", "mcp_1"];
const ALL: [(&[&str], &str); 4] =
    [(&CREATE, MADE), (&ROTATE, MADE), (&CREATE_TARGET, MADE_FOR_TARGET), (&ROTATE_TARGET, MADE_FOR_TARGET)];

#[test]
fn what_is_asked_for_is_what_was_said() {
    let desk = keeper();
    let full = [
        "--slug",
        "r-a",
        "--description",
        "d",
        "--type",
        "assistant",
        "--owner",
        "anna",
        "--capability",
        "a:b",
        "--capability",
        "c:d",
        "--group",
        "g",
        "--tokens-per-day",
        "9",
        "--calls-per-hour",
        "8",
        "--keycloak-client",
        "bot",
    ];
    for (words, body) in [
        (&[][..], json!({"name": "Research Analyst"})),
        (
            &full[..],
            json!({"name": "Research Analyst", "capabilities": ["a:b", "c:d"], "slug": "r-a", "description": "d",
                "type": "assistant", "owner": "anna", "client_id": "bot", "groups": ["g"],
                "budget_policy": {"max_tokens_per_day": 9, "max_api_calls_per_hour": 8}}),
        ),
    ] {
        let server = making();
        keep(&desk, &server, &[&CREATE[..], words].concat()).ends(0);
        assert_eq!(only(&server).json(), body);
    }
    for (words, body) in [(&[][..], json!({})), (&["--overlap", "0"], json!({"overlap_seconds": 0}))] {
        let server = making();
        let run = keep(&desk, &server, &[&ROTATE[..], words].concat()).ends(0);
        assert_eq!(only(&server).json(), body);
        assert!(run.out.contains("old secret  ends in 2 h\n"), "{}", run.out);
    }
}

#[test]
fn a_secret_is_the_last_line_and_said_to_be_shown_once() {
    let (desk, server) = (keeper(), making());
    for (words, secret) in ALL {
        let run = keep(&desk, &server, words).ends(0);
        assert!(run.out.contains("secret, shown this once:\n"), "{}", run.out);
        assert_eq!(run.out.lines().last(), Some(secret));
        assert_eq!((run.out.matches(secret).count(), &*run.err), (1, ""));
        let run = keep(&desk, &server, &[words, &["--json"]].concat()).ends(0);
        let told: Value = serde_json::from_str(&run.out).expect("JSON");
        let data = told["data"].as_object().expect("an object");
        assert!(data.values().any(|value| value == secret), "{data:?}");
        assert!(run.err.contains("shown this once") && !run.err.contains(secret), "{}", run.err);
    }
}

#[test]
fn a_secret_goes_to_its_file_and_is_printed_nowhere() {
    let server = making();
    for (words, secret) in ALL {
        for more in [&[][..], &["--json"]] {
            let desk = keeper();
            let run = keep(&desk, &server, &[words, &["--secret-out", "new/s"], more].concat()).ends(0);
            assert!(!run.out.contains(secret) && run.err.is_empty(), "{run:?}");
            assert_eq!(more.is_empty(), run.out.contains("secret in"), "{}", run.out);
            assert_eq!(fs::read_to_string(desk.path("new/s")).expect("it is there"), format!("{secret}\n"));
            assert_eq!((mode(&desk.path("new/s")), mode(&desk.path("new"))), (0o600, 0o700));
            assert_eq!(fs::read_dir(desk.path("new")).expect("a folder").count(), 1, "no draft is left");
        }
    }
}

#[test]
fn a_file_that_holds_something_else_is_left_alone() {
    let (desk, server) = (keeper(), making());
    desk.write("secret", "ags_old\n");
    desk.write("notes", "some notes\n");
    desk.write("long", "x".repeat(2000));
    let out = |words: &[&str], file: &str| keep(&desk, &server, &[words, &["--secret-out", file]].concat());
    for (words, file) in [
        (&CREATE[..], "secret"),
        (&CREATE_TARGET, "secret"),
        (&CREATE, "."),
        (&ROTATE, "notes"),
        (&ROTATE, "long"),
        (&ROTATE_TARGET, "."),
        (&CREATE, "notes/secret"),
    ] {
        out(words, file).says(2, &["--secret-out"]);
    }
    assert_eq!(server.lines(), [""; 0], "there is no secret that nobody has");
    let read = |name: &str| fs::read_to_string(desk.path(name)).expect("it is there");
    assert_eq!((&*read("secret"), &*read("notes")), ("ags_old\n", "some notes\n"));
    out(&ROTATE, "secret").ends(0);
    assert_eq!(read("secret"), format!("{MADE}\n"));
}

#[test]
fn a_secret_that_cannot_be_written_is_told_with_what_to_do() {
    let desk = keeper();
    let file = desk.path("secret");
    // Another command has written another secret there, while this one was asking.
    let server = directory(move |_, _| {
        fs::write(&file, "ags_other").expect("it can be written");
        (201, json!({"data": agent_with(&json!({"clientSecret": MADE}))}))
    });
    for (more, part) in [(&[][..], "agent          agt_1\n"), (&["--json"], "\"agentId\":\"agt_1\"")] {
        let run = keep(&desk, &server, &[&CREATE[..], &["--secret-out", "secret"], more].concat()).ends(1);
        assert!(run.out.contains(part) && !run.out.contains(MADE), "{}", run.out);
        let parts = ["secret: exists already", "'agentctl identity rotate agt_1' makes another"];
        assert!(parts.iter().all(|part| run.err.contains(part)) && !run.err.contains(MADE), "{}", run.err);
        assert_eq!(fs::read_to_string(desk.path("secret")).expect("it is there"), "ags_other");
        fs::remove_file(desk.path("secret")).expect("it is ours");
    }
}

#[test]
fn where_somebody_else_keeps_the_secrets_there_is_none() {
    let server = directory(|_, _| (201, json!({"data": agent()})));
    let desk = keeper();
    let run = keep(&desk, &server, &CREATE).ends(0);
    assert!(!run.out.contains("shown this once") && run.err.is_empty(), "{run:?}");
    let run = keep(&desk, &server, &[&CREATE[..], &["--secret-out", "secret"]].concat()).ends(0);
    assert!(run.err.contains("holds no client secret") && !desk.path("secret").exists(), "{}", run.err);
}

#[test]
fn a_service_with_a_token_may_make_one_too() {
    let (desk, server) = (Desk::new(300), making());
    let run = desk.at(&server, &CREATE).ends(0);
    assert_eq!(run.out.lines().last(), Some(MADE));
}
