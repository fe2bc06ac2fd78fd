//! The agent and the MCP servers that `make run` starts with: there once, found again, mended when a secret is lost.

use std::os::unix::fs::PermissionsExt as _;

use e2e::shared;
use reqwest::Method;
use serde_json::json;
use xtask::postgres;
use xtask::stack::{DemoAgent, Stack, StackOptions, Store};

use super::organisation::Organisation;

#[tokio::test]
async fn the_demo_agent_is_there_at_every_start() {
    match shared::options() {
        Ok(options) => starts_and_starts_again(options).await,
        Err(reason) => shared::skipped(&reason),
    }
}

#[tokio::test]
async fn a_folder_may_be_used_with_files_and_with_a_database_in_turn() {
    let (programs, mut options) = match (postgres::present(), shared::options()) {
        (Ok(programs), Ok(options)) => (programs, options),
        (Err(reason), _) => return shared::skipped(&format!("postgres: {reason}")),
        (_, Err(reason)) => return shared::skipped(&reason),
    };
    options.model = None;
    options.seed = true;
    let database = StackOptions { store: Store::Postgres(programs), ..options.clone() };
    let mut keys = Vec::new();
    for store in [&options, &database, &options, &database] {
        let (stack, agent) = start(store).await;
        opens(&Organisation::of(&stack), &agent, 200).await;
        keys.push(stack.run().admin_key);
    }
    assert!(keys[0] == keys[2] && keys[1] == keys[3] && keys[0] != keys[1], "each directory keeps its key");
}

#[tokio::test]
async fn a_directory_in_a_database_is_there_at_every_start() {
    let programs = match postgres::present() {
        Ok(programs) => programs,
        Err(reason) => return shared::skipped(&format!("postgres: {reason}")),
    };
    match shared::options() {
        Ok(options) => {
            starts_and_starts_again(StackOptions { store: Store::Postgres(programs), ..options }).await;
        }
        Err(reason) => shared::skipped(&reason),
    }
}

async fn starts_and_starts_again(mut options: StackOptions) {
    options.model = None;
    options.seed = true;
    let file = options.data.join("demo-agent.json");

    let (stack, first) = start(&options).await;
    let organisation = Organisation::of(&stack);
    opens(&organisation, &first, 200).await;
    let mode = std::fs::metadata(&file).expect("it is kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let answer = organisation.admin(Method::GET, "agents/research-analyst", None).await;
    let known = &answer.must_be(200)["data"];
    assert_eq!((&known["clientId"], &known["name"]), (&json!(first.client_id), &json!("Research Analyst")));
    assert_eq!(known["budgetPolicy"]["maxTokensPerDay"], 100_000);
    for slug in ["financial-data", "documents"] {
        let answer = organisation.admin(Method::GET, &format!("mcp/servers/{slug}"), None).await;
        let known = &answer.must_be(200)["data"];
        assert_eq!(known["resourceUri"], format!("https://mcp.example.com/{slug}"));
        assert_eq!(known["aliases"], json!([format!("urn:mcp:{slug}")]));
    }
    // What somebody has changed stays changed, and what he took away comes back.
    let changed = json!({"description": "Mine now"});
    organisation.admin(Method::PATCH, "agents/research-analyst", Some(&changed)).await.must_be(200);
    organisation.admin(Method::DELETE, "mcp/servers/documents", None).await.must_be(200);
    drop(stack);

    let (stack, again) = start(&options).await;
    let organisation = Organisation::of(&stack);
    assert_eq!(again, first);
    let answer = organisation.admin(Method::GET, "agents/research-analyst", None).await;
    assert_eq!(answer.must_be(200)["data"]["description"], "Mine now");
    organisation.admin(Method::GET, "mcp/servers/documents", None).await.must_be(200);
    drop(stack);

    std::fs::remove_file(&file).expect("it is there");
    let (stack, found) = start(&options).await;
    let organisation = Organisation::of(&stack);
    assert_eq!(found.client_id, first.client_id);
    assert!(found != first, "the lost secret is replaced");
    opens(&organisation, &found, 200).await;
    // Rotated by hand: the secret that was kept opens nothing any more.
    let rotate = "agents/research-analyst/rotate-credentials";
    organisation.admin(Method::POST, rotate, Some(&json!({"overlap_seconds": 0}))).await.must_be(200);
    opens(&organisation, &found, 401).await;
    drop(stack);

    let (stack, mended) = start(&options).await;
    let organisation = Organisation::of(&stack);
    assert!(mended != found, "a secret that opens nothing is replaced");
    opens(&organisation, &mended, 200).await;
    // A suspended agent keeps its secret, and the stack starts.
    organisation.admin(Method::POST, "agents/research-analyst/deactivate", None).await.must_be(200);
    drop(stack);
    let (stack, kept) = start(&options).await;
    assert_eq!(kept, mended);
    xtask::demo::identity::play(&stack.run()).await.expect_err("it is suspended");
    // Removed by hand: another one is there, and has another slug, both times.
    let gone = format!("agents/{}", kept.client_id);
    let organisation = Organisation::of(&stack);
    organisation.admin(Method::DELETE, &gone, None).await.must_be(200);
    drop(stack);
    let (stack, anew) = start(&options).await;
    assert!(anew.client_id != kept.client_id, "an agent that was removed does not come back");
    opens(&Organisation::of(&stack), &anew, 200).await;
    drop(stack);
    assert_eq!(start(&options).await.1, anew);
}

async fn start(options: &StackOptions) -> (Stack, DemoAgent) {
    let started = Stack::start(options.clone()).await;
    let stack = started.unwrap_or_else(|fault| panic!("the stack does not start: {fault}"));
    let agent = stack.run().demo_agent.expect("it was asked for");
    (stack, agent)
}

async fn opens(organisation: &Organisation<'_>, agent: &DemoAgent, status: u16) {
    let answer = organisation.try_to_sign_in(&agent.client_id, &agent.client_secret).await;
    answer.must_be(status);
}
