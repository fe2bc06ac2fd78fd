//! A stack comes up, says where it is, goes down, comes again: what scripts and operators rely on.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use e2e::{Caller, raw, shared};
use serde_json::{Value, json};
use xtask::stack::{Life, RunFile, Stack, StackOptions, run_file};

fn options() -> Option<StackOptions> {
    shared::options().inspect_err(|reason| shared::skipped(reason)).ok()
}

/// Stops what was left running, also when the test fails.
struct Stopped(PathBuf);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = run_file::stop(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run_json(data: &Path) -> Value {
    let bytes = fs::read(data.join("run.json")).expect("run.json is there");
    serde_json::from_slice(&bytes).expect("run.json is JSON")
}

fn is_gone(pid: &Value) -> bool {
    // One that has ended and waits for us, its parent, to collect it has no command line.
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().is_empty()
}

#[tokio::test]
async fn a_detached_stack_is_found_used_and_stopped_by_its_run_json() {
    let Some(mut options) = options() else { return };
    options.life = Life::Detached;
    let data = options.data.clone();
    let _stopped = Stopped(data.clone());
    let binaries = options.binaries.clone();
    Stack::start(options).await.expect("it starts").leave();

    let mode = fs::metadata(data.join("run.json")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let run = run_json(&data);
    let mut shape = run.clone();
    let mut secrets = Vec::new();
    for client in shape["clients"].as_object_mut().expect("clients are an object").values_mut() {
        secrets.push(client["secret"].take());
    }
    // What opens the directory of agents, in a stack that has one.
    let key = shape.as_object_mut().expect("an object").remove("admin_key").expect("it has one");
    assert!(key.as_str().is_some_and(|key| key.starts_with("lmk_")), "another form");
    let gateway = run["gateway"].as_str().expect("a URL");
    // The form that the README promises; what differs from start to start is checked below.
    let issuer = format!("{gateway}/orgs/default/api/v1");
    let expected = json!({
        "gateway": gateway,
        "registry": {"url": run["registry"]["url"], "socket": run["registry"]["socket"], "pid": run["registry"]["pid"]},
        "auth_server": {"url": run["auth_server"]["url"], "admin_url": run["auth_server"]["admin_url"],
            "pid": run["auth_server"]["pid"]},
        "nginx": {"pid": run["nginx"]["pid"]},
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "organisation": "default",
        "clients": {
            "mcp-gateway-m2m": {"secret": null, "groups": ["mcp-servers-unrestricted", "a2a-agent-admin"]},
            "registry-admin": {"secret": null, "groups": ["mcp-registry-admin"]},
            "lob1-bot": {"secret": null, "groups": ["registry-users-lob1"]},
            "lob2-bot": {"secret": null, "groups": ["registry-users-lob2"]},
            "stranger-bot": {"secret": null, "groups": ["nobody-maps-this-group"]},
        },
    });
    assert_eq!(shape, expected);
    assert!(secrets.iter().all(|secret| secret.as_str().is_some_and(|text| text.len() == 64)));
    assert!(run["registry"]["socket"].is_null() || run["registry"]["socket"].as_str().is_some());

    // Every address answers, and every client of the file can sign in with what stands there.
    for (url, path) in [
        (&run["gateway"], "/health"),
        (&run["registry"]["url"], "/health"),
        (&run["auth_server"]["url"], "/health"),
        (&run["auth_server"]["admin_url"], "/live"),
    ] {
        Caller::new(url.as_str().expect("a URL").to_owned(), None).get(path).await.must_be(200);
    }
    let read = RunFile::read(&data).expect("it can be read").expect("it is there");
    for client in read.clients.keys() {
        let token = xtask::stack::token::fetch(&read, client).await.expect("it signs in").access_token;
        Caller::new(gateway.to_owned(), Some(token)).get("/api/agents").await.must_be(200);
    }

    // A second one in the same folder is refused, however the folder is spelled.
    let again = StackOptions::new(data.join("run/.."), binaries);
    let refusal = Stack::start(again).await.err().expect("one runs already").to_string();
    assert!(refusal.contains("a stack already runs in"), "{refusal}");

    assert_eq!(run_file::stop(&data), Ok(3));
    assert!(!data.join("run.json").exists());
    for process in ["nginx", "registry", "auth_server"] {
        assert!(is_gone(&run[process]["pid"]), "{process} runs on");
    }
    let address = raw::address(gateway);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the door is still open");
    assert_eq!(run_file::stop(&data), Ok(0));
}

#[tokio::test]
async fn a_second_start_on_the_same_folder_keeps_the_secrets() {
    let Some(options) = options() else { return };
    let _stopped = Stopped(options.data.clone());
    let mut clients = Vec::new();
    for _ in 0..2 {
        let stack = Stack::start(options.clone()).await.expect("it starts");
        let run = run_json(stack.data());
        clients.push((run["clients"].clone(), run["admin_key"].clone()));
        Caller::sign_in(&stack, "lob1-bot").await.get("/api/agents").await.must_be(200);
        drop(stack);
        assert!(!options.data.join("run.json").exists(), "it is gone with the stack");
    }
    assert_eq!(clients[0], clients[1]);
}

#[tokio::test]
async fn it_answers_at_the_address_it_was_told_to_listen_on() {
    let Some(mut options) = options() else { return };
    let _stopped = Stopped(options.data.clone());
    options.listen = SocketAddr::from(([127, 0, 0, 2], 0));
    options.x_authorization = true;
    let stack = Stack::start(options).await.expect("it starts");
    assert!(stack.gateway().starts_with("http://127.0.0.2:"), "{}", stack.gateway());
    let caller = Caller::sign_in(&stack, "registry-admin").await;
    caller.get("/api/agents").await.must_be(200);

    // This stack reads a token from X-Authorization too; two that differ are none.
    let nobody = Caller::new(stack.gateway(), None);
    let bearer = format!("Bearer {}", caller.token());
    let get = reqwest::Method::GET;
    nobody.send(get.clone(), "/api/agents", None, &[("X-Authorization", &bearer)]).await.must_be(200);
    caller.send(get.clone(), "/api/agents", None, &[("X-Authorization", &bearer)]).await.must_be(200);
    caller.send(get, "/api/agents", None, &[("X-Authorization", "Bearer another")]).await.must_refuse(401);
}

#[tokio::test]
async fn on_every_address_it_is_called_by_its_public_url() {
    let Some(mut options) = options() else { return };
    let _stopped = Stopped(options.data.clone());
    options.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    options.public_url = Some("https://agents.example.com/".into());
    let stack = Stack::start(options).await.expect("it starts");
    let run = run_json(stack.data());
    assert_eq!(run["gateway"], "https://agents.example.com");
    assert_eq!(run["issuer"], "https://agents.example.com/orgs/default/api/v1");
    assert_eq!(run["token_endpoint"], "https://agents.example.com/orgs/default/api/v1/oauth/token");

    // The public name is nobody's here, and callers of this machine need no proxy.
    let address = raw::address(&stack.gateway());
    assert_eq!(address.ip(), IpAddr::from([127, 0, 0, 1]));
    let caller = Caller::sign_in(&stack, "registry-admin").await;
    caller.get("/api/agents").await.must_be(200);
    let metadata = caller.get("/orgs/default/api/v1/.well-known/openid-configuration").await;
    assert_eq!(metadata.must_be(200)["issuer"], run["issuer"]);
    for (host, status) in [("agents.example.com", 200), ("localhost", 200), ("evil.example", 0)] {
        let bytes = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(raw::send(address, bytes.as_bytes()).await.status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_server_that_dies_at_the_start_is_told_at_once() {
    let Some(mut options) = options() else { return };
    let _stopped = Stopped(options.data.clone());
    // An auth-server that says it is ready, and ends; a registry that never is healthy.
    let programs = options.data.join("programs");
    fs::create_dir(&programs).expect("the folder is ours");
    let ready = r#"while [ $# -gt 0 ]; do [ "$1" = --ready-file ] && echo '{"url":"http://127.0.0.1:9","admin_url":"http://127.0.0.1:9"}' > "$2"; shift; done"#;
    for (name, script) in [
        (
            "auth-server",
            format!(
                "[ \"$1\" = hash-secret ] && {{ cat >/dev/null; echo '$argon2id$x'; exit 0; }}\n{ready}\necho out of keys >&2; exit 3"
            ),
        ),
        ("registry", format!("{ready}\nexec sleep 60")),
    ] {
        let file = programs.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("the folder is ours");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }
    options.binaries = programs;
    let fault = Stack::start(options).await.err().expect("it cannot start").to_string();
    // Not that it was waited for in vain: that would be said otherwise, three minutes later.
    assert!(fault.contains("auth-server ended") && fault.contains("out of keys"), "{fault}");
}
