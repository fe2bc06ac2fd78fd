//! The program itself: faults before any port opens, the ready file, the signal to stop.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::stack::{SECRET, write_files};

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_auth-server"));
    program.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

#[test]
fn every_fault_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let policy = file("scopes.yml", "UI-Scopes:\n  a: {list_agents: all}\nb: [{tools: []}]\n");
    let clients = file(
        "clients.yml",
        "clients:\n  - {client_id: a, secret_hash: plain}\n  - {client_id: b, secret: x}\n  - {secret_hash: x}\n",
    );
    let issuers = file(
        "issuers.yml",
        "- {issuer: keycloak}\n- {issuer: http://a, audience: maybe}\n\
         - {issuer: http://b, audiences: [x]}\n- {issuer: http://c, aliases: [http://b], audiences: [x]}\n",
    );
    let output = program()
        .args([
            "--listen",
            "nowhere",
            "--token-lifetime",
            "5",
            "--signing-algorithm",
            "HS256",
            "--org",
            "a/b",
        ])
        .args(["--public-url", "ftp://x", "--policy"])
        .arg(&policy)
        .arg("--clients")
        .arg(&clients)
        .arg("--issuers")
        .arg(&issuers)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "--listen \"nowhere\"",
        "--token-lifetime \"5\"",
        "--signing-algorithm \"HS256\"",
        "--org \"a/b\"",
        "--public-url \"ftp://x\"",
        "--state is required",
        "scopes.yml: line 2, column",
        "scopes.yml: line 3, column",
        "clients.yml: \"a\": secret_hash",
        "clients.yml: clients[1]: unknown field `secret`",
        "clients.yml: clients[2]: missing field `client_id`",
        "issuers.yml: \"keycloak\": \"keycloak\" is no http(s) URL",
        "issuers.yml: \"keycloak\": audiences",
        "issuers.yml: [1]: unknown variant `maybe`, expected `required` or `optional`",
        "the issuer \"http://b\" is configured twice",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn hashes_that_cost_differently_would_tell_who_exists() {
    let folder = tempfile::tempdir().unwrap();
    let flags = write_files(folder.path(), "http://127.0.0.1:1");
    let clients = folder.path().join("clients.yml");
    let text = std::fs::read_to_string(&clients).unwrap();
    let (before, after) = text.split_once("client_id: lob1-bot").unwrap();
    let after = after.replacen("m=19456,t=2", "m=20480,t=3", 1);
    std::fs::write(&clients, format!("{before}client_id: lob1-bot{after}")).unwrap();
    let output = program().args(flags).arg("--org=a/b").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let fault = "clients.yml: \"lob1-bot\": secret_hash: costs m=20480,t=3,p=1, \
                 but that of \"mcp-gateway-m2m\" m=19456,t=2,p=1";
    assert!(told.contains(fault) && told.contains("--org"), "{told}");
    assert_eq!((output.status.code(), told.lines().count()), (Some(2), 2), "{told}");
}

#[test]
fn an_issuer_in_our_own_name_is_a_fault_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let flags = write_files(folder.path(), "http://127.0.0.1:1");
    let issuers = "- {issuer: 'http://127.0.0.1:8080/orgs/default/api/v1', audiences: [x]}\n";
    std::fs::write(folder.path().join("issuers.yml"), issuers).unwrap();
    let output = program().args(flags).arg("--token-lifetime=1").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("is configured twice") && told.contains("--token-lifetime"), "{told}");
}

#[test]
fn nobody_to_sign_in_is_a_fault() {
    let output = program().output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.contains("nobody could sign in")), (Some(2), true), "{told}");
}

#[test]
fn it_says_where_it_is_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut child = program()
        .args(write_files(folder.path(), "http://127.0.0.1:1"))
        .arg("--ready-file")
        .arg(&ready)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    for name in ["url", "admin_url"] {
        let url = told[name].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:") && line.contains(url), "{line} {told}");
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_secret_is_hashed_for_the_clients_file() {
    let hash = |secret: &str| {
        let mut child = program().arg("hash-secret").spawn().unwrap();
        child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let made = hash(&format!("{SECRET}\n"));
    let text = String::from_utf8(made.stdout).unwrap();
    assert!(made.status.success() && text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    assert_eq!(hash("short\n").status.code(), Some(2));
}
