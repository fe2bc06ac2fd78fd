//! `make up STORE=postgres`: a stack brings its own database, says where it is, stops it last, finds all again.

use e2e::{Caller, shared};
use serde_json::{Value, json};
use xtask::postgres;
use xtask::stack::{Life, Stack, StackOptions, Store, run_file};

fn options() -> Result<StackOptions, String> {
    let programs = postgres::present().map_err(|reason| format!("postgres: {reason}"))?;
    let mut options = shared::options()?;
    options.store = Store::Postgres(programs);
    options.registries = 2;
    Ok(options)
}

#[tokio::test]
async fn a_stack_with_a_database_of_its_own_goes_and_comes_again() {
    let mut options = match options() {
        Ok(options) => options,
        Err(reason) => return shared::skipped(&reason),
    };
    let data = options.data.clone();
    let run_json = || {
        let bytes = std::fs::read(data.join("run.json")).expect("run.json is there");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    let card = json!({"name": "Kept", "description": "Mends bicycles", "path": "/kept",
        "url": "https://agents.example.com/kept", "protocol_version": "1.0"});

    let stack = Stack::start(options.clone()).await.expect("it starts");
    let admin = Caller::sign_in(&stack, "registry-admin").await;
    admin.publish(&card).await;
    assert_eq!(admin.find("somebody who repairs bikes", 1).await, ["/kept"], "he stays with one registry");
    let first = run_json();
    assert_eq!(first["more_registries"].as_array().map(Vec::len), Some(1));
    let url =
        std::fs::read_to_string(first["postgres"]["url_file"].as_str().expect("a file")).expect("readable");
    assert!(!first.to_string().contains(&url), "the password is in its file only");
    assert!(!data.join("registry/agent_state.json").exists(), "there is one place for agents");
    drop(stack);

    // The second time it is left running, and found again by run.json.
    options.life = Life::Detached;
    let stack = Stack::start(options).await.expect("it starts again");
    let agent = Caller::sign_in(&stack, "mcp-gateway-m2m").await;
    assert_eq!(agent.get("/api/agents/kept").await.must_be(200)["name"], "Kept");
    assert_eq!(agent.find("somebody who repairs bikes", 1).await, ["/kept"]);
    stack.leave();
    let pid = run_json()["postgres"]["pid"].as_u64().expect("a process id");
    // nginx, two registries, auth-server, postgres.
    assert_eq!(run_file::stop(&data), Ok(5));
    assert!(std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().is_empty(), "postgres runs on");
    let _ = std::fs::remove_dir_all(&data);
}
