//! What a tool of the registry does: the use cases of the API, and their refusals as the tool's.

use std::collections::HashSet;

use catalog::{AgentEntry, EntryPath, Faults};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

use super::offer::Offer;
use crate::App;
use crate::discover::semantic::body::{address, input_schema};
use crate::discover::semantic::question::{self, Question};
use crate::discover::semantic::{self, Answered, Found, SeenTool};
use crate::discover::skills::{self, Wish};
use crate::error::ApiError;
use crate::identity::Caller;
use crate::indexing::{Kind, Score};

/// Does it. A refusal is an answer of the tool, in the words of the API: a model can read it and do better.
pub(super) async fn answer(
    app: &App,
    caller: &Caller,
    offer: Offer,
    arguments: &Map<String, Value>,
) -> CallToolResult {
    let done = match known(offer, arguments) {
        Err(fault) => Err(fault),
        Ok(()) => match offer {
            Offer::FindAgents => find_agents(app, caller, arguments).await,
            Offer::FindTools => find_tools(app, caller, arguments).await,
            Offer::GetAgent => get_agent(app, caller, arguments),
        },
    };
    match done {
        Ok(answer) => CallToolResult::structured(answer),
        Err(refusal) => CallToolResult::error(vec![ContentBlock::text(refusal.message())]),
    }
}

/// An argument that is misspelled would be an argument that is left out.
fn known(offer: Offer, arguments: &Map<String, Value>) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    for name in arguments.keys().filter(|name| !offer.arguments().contains(&name.as_str())) {
        faults.add(name.as_str(), format!("is no argument here: give {}", offer.arguments().join(", ")));
    }
    Ok(faults.or(())?)
}

async fn find_agents(app: &App, caller: &Caller, arguments: &Map<String, Value>) -> Result<Value, ApiError> {
    let named = |name: &str| arguments.get(name).is_some_and(|value| !value.is_null() && *value != json!([]));
    let wish =
        if named("skills") || named("tags") { Some(crate::discover::body::wish(arguments)?) } else { None };
    let needs_question = ["query", "min_score", "visibility", "trust_level"].into_iter().any(named);
    if let Some(wish) = wish.as_ref().filter(|_| !needs_question) {
        let matches = skills::find(app, caller, wish)?;
        let agents = matches.iter().map(|found| agent(&found.entry, found.relevance));
        return Ok(json!({"agents": agents.collect::<Vec<_>>()}));
    }
    // Skills and tags mean here what they mean without a question: one of them is enough.
    let mut rest = arguments.clone();
    rest.retain(|name, _| !matches!(name.as_str(), "skills" | "tags"));
    let question = question::about(&rest, Kind::Agent)?;
    let among = match wish {
        None => None,
        Some(wish) => {
            let all = Wish { max_results: usize::MAX, ..wish };
            let matches = skills::find(app, caller, &all)?;
            Some(matches.iter().map(|found| found.entry.path.to_string()).collect::<HashSet<_>>())
        }
    };
    let answered = semantic::agents_among(app, caller, &question, among).await?;
    let agents =
        answered.found.iter().map(|found| why(agent(&found.thing, found.score.relevance), &found.score));
    Ok(told("agents", agents.collect(), &answered))
}

fn agent(entry: &AgentEntry, relevance: f64) -> Value {
    let skill = |skill: &catalog::Skill| json!({"id": skill.id, "name": skill.name, "description": skill.description});
    json!({
        "path": entry.path.as_str(),
        "name": entry.name,
        "description": entry.description,
        "url": entry.url,
        "tags": entry.tags,
        "skills": entry.skills.iter().map(skill).collect::<Vec<_>>(),
        "trust_level": entry.trust.name(),
        "relevance_score": relevance,
    })
}

async fn find_tools(app: &App, caller: &Caller, arguments: &Map<String, Value>) -> Result<Value, ApiError> {
    let question: Question = question::about(arguments, Kind::Tool)?;
    let answered = semantic::by_kind(app, caller, &question).await?;
    let tool = |Found { thing: SeenTool { server, tool }, score }: &Found<SeenTool>| {
        let tool = json!({
            "name": tool.name,
            "description": tool.description,
            "inputSchema": input_schema(tool),
            "server_name": server.name,
            "server_path": server.path.as_str(),
            "server_url": address(&app.public_url, server),
            "relevance_score": score.relevance,
        });
        why(tool, score)
    };
    Ok(told("tools", answered.found.tools.iter().map(tool).collect(), &answered))
}

/// A hit, with why it is one.
fn why(mut hit: Value, score: &Score) -> Value {
    hit["match"] = json!({"semantic": score.semantic, "lexical": score.lexical, "terms": score.terms});
    hit
}

/// An answer to a question, as the API words it.
fn told<T>(name: &str, hits: Vec<Value>, answered: &Answered<T>) -> Value {
    let mut told = json!({name: hits, "search_mode": answered.mode});
    if let Some(meant) = &answered.did_you_mean {
        told["did_you_mean"] = json!(meant);
    }
    told
}

fn get_agent(app: &App, caller: &Caller, arguments: &Map<String, Value>) -> Result<Value, ApiError> {
    let path = arguments.get("path").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if path.is_empty() {
        return Err(Faults::one("path", "is required: the agent's path, e.g. '/code-reviewer'").into());
    }
    let path = EntryPath::parse(&format!("/{}", path.strip_prefix('/').unwrap_or(path)))?;
    let entry = crate::agents::read::get(app, caller, &path)?;
    Ok(Value::Object(entry.card()))
}
