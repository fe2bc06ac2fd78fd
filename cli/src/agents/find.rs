//! `agent search` and `agent discover`: what was found, best first.

use access::Action;
use serde::Deserialize;
use serde_json::{Value, json};

use super::options::{Discover, Search};
use crate::credentials::Needs;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::search::Told;
use crate::table::{fit, room};

#[derive(Deserialize)]
struct Found {
    path: String,
    name: String,
    relevance_score: f64,
    trust_level: String,
    /// Ids of all skills, or (with `discover`) of those that matched.
    #[serde(alias = "matched_skills")]
    ids: Vec<String>,
}

/// Agents by meaning.
pub(super) fn search(options: &Search, remote: &Remote, json: bool) -> Result<Report, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        entities: Vec<Entity>,
        #[serde(flatten)]
        told: Told,
    }
    #[derive(Deserialize)]
    struct Entity {
        path: String,
        name: String,
        relevance_score: f64,
        trust_level: String,
        skills: Vec<String>,
    }
    let question = json!({"query": options.text, "max_results": options.max, "entity_types": ["a2a_agent"]});
    let reply = ask(remote, "/api/agents/discover/semantic", options.narrow.of(question))?;
    let answer: Answer = reply.read()?;
    let found = answer.entities.into_iter().map(|entity| {
        let Entity { path, name, relevance_score, trust_level, skills } = entity;
        Found { path, name, relevance_score, trust_level, ids: skills }
    });
    let found: Vec<Found> = found.collect();
    Ok(done(json, &reply.body, || {
        answer.told.say();
        rows(&found, 4, "SKILLS")
    }))
}

/// Agents by skills and tags.
pub(super) fn discover(options: &Discover, remote: &Remote, json: bool) -> Result<Report, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        agents: Vec<Found>,
    }
    let question = json!({"skills": options.skills, "tags": options.tags, "max_results": options.max});
    let reply = ask(remote, "/api/agents/discover", question)?;
    let answer: Answer = reply.read()?;
    Ok(done(json, &reply.body, || rows(&answer.agents, 2, "MATCHED SKILLS")))
}

fn ask(remote: &Remote, path: &str, question: Value) -> Result<crate::gateway::Reply, Failure> {
    let session = Session::open(remote, &[Needs::to(Action::ListAgents)])?;
    session.ask(Call::new(Method::POST, path).json(question).waiting_for("the search"))
}

fn rows(found: &[Found], decimals: usize, skills: &str) -> String {
    if found.is_empty() {
        say("nothing was found, or nothing that you may see");
    }
    let row = |found: &Found| {
        let score = format!("{:.decimals$}", found.relevance_score);
        [score, found.path.clone(), found.name.clone(), found.ids.join(", "), found.trust_level.clone()]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    fit(["SCORE", "PATH", "NAME", skills, "TRUST"], &rows, [false, false, true, true, false], room())
}
