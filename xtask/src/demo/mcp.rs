//! The same question, asked as an MCP client asks it: the registry is an MCP server behind its own gateway.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Caller, EXPECTED, NEED, Voice, print, text};
use crate::fault::{Fault, Outcome};
use crate::say;
use crate::stack::RunFile;

/// Where the registry itself stands among the MCP servers.
const PLACE: &str = "/mcp/registry";

/// Asks for the tools, and calls the one that finds agents.
///
/// # Errors
/// Anything answered otherwise than documented.
pub async fn play(run: &RunFile) -> Outcome<()> {
    say("an MCP client asks the registry, through the gateway");
    let client = Caller::sign_in(run, "registry-admin").await?;
    let listed = call(&client, "tools/list", json!({})).await?;
    let tools: Vec<&str> =
        listed["tools"].as_array().into_iter().flatten().map(|tool| text(tool, "name")).collect();
    print(&format!("POST {PLACE} tools/list"), StatusCode::OK, &tools.join(", "));
    let question = json!({"name": "find_agents", "arguments": {"query": NEED, "max_results": 1}});
    let found = call(&client, "tools/call", question).await?;
    let first = &found["structuredContent"]["agents"][0];
    let line = format!("POST {PLACE} tools/call find_agents");
    print(&line, StatusCode::OK, &format!("{} {}", text(first, "path"), first["relevance_score"]));
    match text(first, "path") {
        EXPECTED => Ok(()),
        other => {
            Err(Fault::new(format!("the demo failed: find_agents found {other:?}, not {EXPECTED}: {found}")))
        }
    }
}

/// One request; the result of its answer.
async fn call(client: &Caller<'_>, method: &str, params: Value) -> Outcome<Value> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer = client.call(Method::POST, PLACE, Some(&message), Voice::Quiet).await?;
    answer.must_be(&[StatusCode::OK])?;
    Ok(answer.body["result"].clone())
}
