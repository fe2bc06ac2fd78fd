//! The programs of `deploy/samples/clients`, with a real MCP server behind their tool.

use clients::{Agent, McpServer, Model, Python, Run, Site, Target, ground, id_for, python};
use reqwest::Method;
use serde_json::json;

const PROGRAMS: [&str; 2] = ["agno_agent.py", "openai_agents_agent.py"];

fn model() -> Model {
    Model::that_calls(&[
        ("search_documents", json!({"query": "Q3"})),
        ("financial_metric", json!({"metric": "EBITDA"})),
    ])
}

fn play(
    (site, python): (&Site, &Python),
    (program, agent): (&str, &Agent),
    model: &Model,
    more: &[(&'static str, String)],
) -> Run {
    let mut environment = site.environment(agent);
    environment.extend(model.environment());
    environment
        .extend([("MCP_SERVER_ID", id_for(python.version).to_owned()), ("OPENAI_MODEL", "some".into())]);
    environment.extend_from_slice(more);
    python.run(&python::sample(program), &[], &environment)
}

/// The target that `make run` makes, with a new secret.
async fn financial_data(site: &Site) -> Target {
    let target = site.admin(Method::GET, "mcp/servers/financial-data", None, 200).await;
    let word = |key: &str| target[key].as_str().unwrap_or_default().to_owned();
    Target { id: word("id"), secret: String::new(), uri: word("resourceUri") }
}

async fn works(version: &'static str) {
    let Some((site, python)) = ground(version).await else { return };
    let server = McpServer::start(python, site, &financial_data(site).await, "mcp:financial", false);
    let agent = site.demo_agent();
    for program in PROGRAMS {
        let model = model();
        let url = [("MCP_SERVER_URL", server.url.clone())];
        let said = play((site, python), (program, &agent), &model, &url).well();
        let expected = ["3 documents speak of Q3", "EBITDA: $1.2M (asked by agent:research-analyst)"];
        assert_eq!(model.outputs(), expected, "{program}");
        assert!(expected.iter().all(|one| said.contains(one)), "{program}: {said}");
    }
    site.is_silent();
}

#[tokio::test]
async fn the_samples_reach_the_mcp_server_by_its_alias() {
    works("1.0.0").await;
}

#[tokio::test]
async fn the_samples_reach_the_mcp_server_by_its_https_id() {
    works("1.1.0").await;
}

#[tokio::test]
async fn the_openai_agents_sample_speaks_chat_completions_when_asked_to_and_needs_no_mcp_server() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    let model = model();
    let more = [("OPENAI_API", "chat_completions".to_owned())];
    let said = play((site, python), (PROGRAMS[1], &site.demo_agent()), &model, &more).well();
    assert_eq!(model.paths(), ["/v1/chat/completions"; 3]);
    assert!(said.contains("A token for https://mcp.example.com/financial-data was issued"), "{said}");
}

#[tokio::test]
async fn a_sample_that_is_not_let_in_says_so_and_ends() {
    let Some((site, python)) = ground("1.0.0").await else { return };
    let mut wrong = site.demo_agent();
    wrong.secret = format!("{}x", wrong.secret);
    let exhausted = json!({"budget_policy": {"max_tokens_per_day": 0}});
    let exhausted = site.agent("sample-exhausted", &super::CAPABILITIES, exhausted).await;
    for program in PROGRAMS {
        for (agent, reason) in
            [(&wrong, "sign-in was refused"), (&exhausted, "today's token budget is used up")]
        {
            let model = model();
            let run = play((site, python), (program, agent), &model, &[]);
            assert_eq!((run.code, model.paths().len()), (Some(1), 0), "{run:?}");
            assert!(run.err.contains(reason), "{run:?}");
        }
    }
}

#[tokio::test]
async fn a_sample_without_a_capability_says_what_it_may_not_do() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    let agent = site.agent("sample-reader", &["read:documents"], json!({})).await;
    for program in PROGRAMS {
        let model = model();
        let _ = play((site, python), (program, &agent), &model, &[]).well();
        let expected = [
            "3 documents speak of Q3",
            "Refused: this agent may not use the financial server (mcp:financial).",
        ];
        assert_eq!(model.outputs(), expected, "{program}");
    }
}
