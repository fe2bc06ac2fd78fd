//! What `agentctl keycloak` finds out before it asks anybody to sign in. Against a real Keycloak it is tried
//! by the tests of the whole stack.

use std::fs;

use serde_json::json;

use super::provider::{Desk, Provider, SECRET};

const ADD: [&str; 5] = ["keycloak", "add-agent", "reviewer", "--group", "lob1"];
const ADMIN: [(&str, &str); 2] = [("KEYCLOAK_ADMIN", "root"), ("KEYCLOAK_ADMIN_PASSWORD", SECRET)];

#[test]
fn half_an_administrator_is_told_and_nobody_asked() {
    let (desk, keycloak) = (Desk::new(), Provider::new(|_, _| (404, json!({}))));
    let account = ("KEYCLOAK_ADMIN_CLIENT_ID", "root");
    for (settings, part) in [
        (&[][..], "who administers the realm?"),
        (&ADMIN[..1], "KEYCLOAK_ADMIN_PASSWORD is not set"),
        (
            &[("KEYCLOAK_ADMIN", "root"), ("KEYCLOAK_ADMIN_PASSWORD", "")],
            "KEYCLOAK_ADMIN_PASSWORD is not set",
        ),
        (&[account], "KEYCLOAK_ADMIN_CLIENT_SECRET is not set"),
    ] {
        desk.run_with(settings, &[&ADD[..], &["--keycloak", &keycloak.url]].concat()).says(3, &[part]);
    }
    assert_eq!(keycloak.lines(), [""; 0]);
}

#[test]
fn a_password_goes_to_a_realm_that_is_there() {
    let desk = Desk::new();
    for (reply, part) in [
        ((404, json!({"error": "Realm does not exist"})), "there is no realm 'mcp-gateway'"),
        ((404, json!({})), "is it Keycloak?"),
        ((200, json!("<html>")), "is it Keycloak?"),
    ] {
        let keycloak = Provider::new(move |_, _| reply.clone());
        let words = [&ADD[..], &["--keycloak", &keycloak.url]].concat();
        desk.run_with(&ADMIN, &words).says(1, &[&keycloak.url, part]);
        assert_eq!(keycloak.lines(), ["GET /realms/mcp-gateway/.well-known/openid-configuration"]);
    }
    let words = |url| [&ADD[..], &["--keycloak", url]].concat();
    desk.run_with(&ADMIN, &words("http://127.0.0.1:9"))
        .says(4, &["cannot reach Keycloak at http://127.0.0.1:9"]);
    desk.run_with(&ADMIN, &words("http://keycloak.invalid")).says(2, &["plain http"]);
    assert!(!desk.path(".oauth-tokens").exists());
}

#[test]
fn a_wrong_password_is_told_and_not_repeated() {
    let keycloak = Provider::new(|base, asked| match &*asked.line {
        "GET /realms/agents/.well-known/openid-configuration" => (200, json!({"issuer": base})),
        _ => (401, json!({"error": "invalid_grant", "error_description": "Invalid user credentials"})),
    });
    let words = [&ADD[..], &["--keycloak", &keycloak.url, "--realm", "agents"]].concat();
    let part = "'root' cannot sign in at the realm 'master': Invalid user credentials";
    Desk::new().run_with(&ADMIN, &words).says(1, &[part]);
    let asked = keycloak.asked().pop().expect("it was asked");
    assert_eq!(asked.line, "POST /realms/master/protocol/openid-connect/token");
    assert!(
        asked.body.starts_with("grant_type=password&client_id=admin-cli&username=root&"),
        "{}",
        asked.body
    );
}

#[test]
fn a_file_that_holds_something_else_is_left_alone() {
    let (desk, keycloak) = (Desk::new(), Provider::new(|_, _| (404, json!({}))));
    desk.write("other.json", &json!({"client_id": "other", "client_secret": SECRET}));
    fs::write(desk.path("notes.txt"), "notes").expect("it can be written");
    for (file, part) in
        [("other.json", "another client"), ("notes.txt", "something else"), (".", "directory")]
    {
        for command in [&ADD[..], &["keycloak", "rotate-secret", "reviewer"]] {
            let words = [command, &["--client-file-out", file, "--keycloak", &keycloak.url]].concat();
            desk.run_with(&ADMIN, &words).says(2, &[part, "--client-file-out"]);
        }
    }
    assert_eq!(keycloak.lines(), [""; 0]);
}

#[test]
fn wrong_use_ends_with_2_and_help_has_examples() {
    let desk = Desk::new();
    for words in [
        &["keycloak"][..],
        &["keycloak", "agents"],
        &["keycloak", "add-agent", "reviewer", "--keycloak", "http://127.0.0.1:9"],
        &["keycloak", "add-agent", "reviewer", "--group", "a/b", "--keycloak", "http://127.0.0.1:9"],
        &["keycloak", "add-agent", "", "--group", "a", "--keycloak", "http://127.0.0.1:9"],
        &["keycloak", "rotate-secret", "a", "--keycloak", "127.0.0.1:9"],
    ] {
        desk.run_with(&ADMIN, words).ends(2);
    }
    for words in [
        &["keycloak"][..],
        &["keycloak", "add-agent"],
        &["keycloak", "rotate-secret"],
        &["keycloak", "agents"],
        &["token"],
        &["token", "get"],
        &["token", "show"],
    ] {
        let run = desk.run(&[words, &["--help"]].concat()).ends(0);
        assert!(run.out.contains("Examples:\n") && run.out.contains("Exit codes"), "{}", run.out);
    }
}
