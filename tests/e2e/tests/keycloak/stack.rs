//! `make up ISSUER=keycloak`, `make down`, and up again.

use std::time::{Duration, Instant};

use e2e::{Caller, shared};
use serde_json::json;
use xtask::keycloak;
use xtask::stack::{Life, RunFile, Stack, run_file};
use xtask::{demo, files};

#[tokio::test]
async fn a_stack_on_keycloak_plays_the_demo_unchanged_and_is_stopped_whole() {
    let distribution = match keycloak::present() {
        Ok(distribution) => distribution,
        Err(reason) => return shared::skipped(&format!("keycloak: {reason}")),
    };
    let Ok(mut options) = shared::options().inspect_err(|reason| shared::skipped(reason)) else { return };
    options.keycloak = Some((distribution, 0));
    options.life = Life::Detached;
    let data = files::absolute(&options.data).expect("it is there");
    let again = options.clone();
    Stack::start(options).await.expect("it starts").leave();

    let run = RunFile::read(&data).expect("it can be read").expect("it is there");
    let facts = run.keycloak.clone().expect("it has a Keycloak");
    assert_eq!(run.issuer, format!("{}/realms/mcp-gateway", facts.url));
    assert_eq!((&*facts.realm, &*facts.admin_user), ("mcp-gateway", "admin"));
    assert_eq!(run.token_endpoint, format!("{}/protocol/openid-connect/token", run.issuer));
    let played = demo::play(&run).await;
    // Nobody else signs clients in.
    let nobody = Caller::new(run.gateway.clone(), None);
    nobody.get("/orgs/default/api/v1/.well-known/openid-configuration").await.must_be(404);
    let children = children(facts.pid);
    assert_eq!(run_file::stop(&data), Ok(4));
    played.expect("the demo worked");
    assert_eq!(children.len(), 1, "Keycloak's Java");
    for pid in children.iter().chain([&facts.pid]) {
        ends(*pid).await;
    }

    // The same folder once more: the database is there already, and every secret is still good.
    let stack = Stack::start(again).await.expect("it starts again");
    let bot = Caller::sign_in(&stack, "lob1-bot").await;
    assert_eq!(bot.get("/api/agents").await.must_be(200)["agents"][0]["path"], json!("/code-reviewer"));
}

/// The processes that this one started.
fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

async fn ends(pid: u32) {
    let started = Instant::now();
    while !std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(10), "{pid} runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
