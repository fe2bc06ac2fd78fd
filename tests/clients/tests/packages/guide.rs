//! The guides' programs as printed there; with the one word that `lumoauth` 1.1.0 wants otherwise.

use std::fs;

use clients::{HTTPS, Model, Python, Run, Site, URN, ground};
use serde_json::{Value, json};

use super::agent;

const AGNO: &str = include_str!("../../guide/agno_agent.py");
const OPENAI_AGENTS: &str = include_str!("../../guide/openai_agents_agent.py");

fn model() -> Model {
    Model::that_calls(&[
        ("search_company_documents", json!({"query": "Q3 performance"})),
        ("query_financial_mcp", json!({"metric": "EBITDA"})),
    ])
}

/// Runs a program of the guides; whose MCP server has its https id in place of the URN where the version asks for it.
fn play(python: &Python, program: &str, mut environment: Vec<(&'static str, String)>, model: &Model) -> Run {
    let program = if python.version == "1.0.0" { program.to_owned() } else { program.replace(URN, HTTPS) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("program.py");
    fs::write(&file, program).expect("the folder is ours");
    environment.extend(model.environment());
    python.run(&file, &[], &environment)
}

async fn works(version: &'static str, program: &str, path: &str) {
    let Some((site, python)) = ground(version).await else { return };
    let model = model();
    let said = play(python, program, site.environment(&site.demo_agent()), &model).well();
    let expected = [
        "Found 3 documents matching 'Q3 performance'",
        "Retrieved EBITDA: $1.2M (Authenticated via MCP Token Exchange)",
    ];
    assert_eq!(model.outputs(), expected);
    assert_eq!(model.paths(), [path; 3]);
    assert!(expected.iter().all(|one| said.contains(one)), "{said}");
    site.is_silent();
}

#[tokio::test]
async fn agno_as_printed() {
    works("1.0.0", AGNO, "/v1/chat/completions").await;
}

#[tokio::test]
async fn agno_with_the_https_id() {
    works("1.1.0", AGNO, "/v1/chat/completions").await;
}

#[tokio::test]
async fn agno_with_the_https_id_and_an_answer_in_pieces() {
    let streaming = AGNO.replace("for EBITDA.\"", "for EBITDA.\", stream=True");
    assert_ne!(streaming, AGNO);
    works("1.1.0", &streaming, "/v1/chat/completions").await;
}

#[tokio::test]
async fn openai_agents_as_printed() {
    works("1.0.0", OPENAI_AGENTS, "/v1/responses").await;
}

#[tokio::test]
async fn openai_agents_with_the_https_id() {
    works("1.1.0", OPENAI_AGENTS, "/v1/responses").await;
}

/// An agent of its own in both programs; what the tools said, and what the programs came to.
async fn both(
    site: &Site,
    python: &Python,
    name: &str,
    capabilities: &[&str],
    more: Value,
) -> [(Vec<String>, Run); 2] {
    let agent = agent(site, python, name, capabilities, more).await;
    [AGNO, OPENAI_AGENTS].map(|program| {
        let model = model();
        let run = play(python, program, site.environment(&agent), &model);
        (model.outputs(), run)
    })
}

#[tokio::test]
async fn an_agent_without_the_capabilities_is_told_so_by_its_tools() {
    let Some((site, python)) = ground("1.0.0").await else { return };
    for (outputs, run) in both(site, python, "guide-without", &["read:reports"], json!({})).await {
        let lacks = |capability| format!("Error: Agent lacks '{capability}' capability.");
        assert_eq!(outputs, [lacks("read:documents"), lacks("mcp:financial")]);
        assert!(run.well().contains(&lacks("mcp:financial")));
    }
}

#[tokio::test]
async fn an_agent_whose_budget_is_used_up_does_not_begin() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    // A budget of nothing is used up from the start.
    let more = json!({"budget_policy": {"max_tokens_per_day": 0}});
    for (outputs, run) in both(site, python, "guide-exhausted", &super::CAPABILITIES, more).await {
        assert_eq!((run.code, outputs.len()), (Some(1), 0), "{run:?}");
        assert!(run.err.ends_with("RuntimeError: Agent budget exhausted for today.\n"), "{run:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_ends_the_programs_before_they_begin() {
    let Some((site, python)) = ground("1.0.0").await else { return };
    let mut agent = site.demo_agent();
    agent.secret = format!("{}x", agent.secret);
    for program in [AGNO, OPENAI_AGENTS] {
        let model = model();
        let run = play(python, program, site.environment(&agent), &model);
        assert_eq!((run.code, model.outputs().len()), (Some(1), 0), "{run:?}");
        assert!(run.err.contains("LumoAuthAuthenticationError"), "{run:?}");
        assert!(run.err.contains("Authentication failed: HTTP 401"), "{run:?}");
    }
}

/// The URN is no id for 1.1.0: nothing is sent, and the model is told of an error by whoever runs the tools.
#[tokio::test]
async fn as_printed_the_programs_need_the_older_package() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    for (program, told) in [(AGNO, "invalid MCP server id"), (OPENAI_AGENTS, "An error occurred")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("program.py");
        fs::write(&file, program).expect("the folder is ours");
        let model = model();
        let mut environment = site.environment(&site.demo_agent());
        environment.extend(model.environment());
        let _ = python.run(&file, &[], &environment).well();
        let outputs = model.outputs();
        assert!(outputs[1].contains(told) && !outputs[1].contains("Retrieved"), "{outputs:?}");
    }
}
