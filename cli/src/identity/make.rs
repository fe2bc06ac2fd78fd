//! `identity create` and `rotate`: a new agent, a new secret. Both are shown once.

use serde::Deserialize;
use serde_json::{Value, json};

use super::agent::{Agent, until};
use super::options::{Create, Rotate};
use super::{AGENTS, address};
use crate::directory::{Directory, Once, SecretOut};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report};
use crate::plain::plain;

/// Makes an agent.
pub(super) fn create(options: &Create, remote: &Remote, json: bool) -> Result<Report, Failure> {
    options.secret.is_free()?;
    let directory = Directory::open(remote, &options.keeper)?;
    let given = directory.send(Method::POST, AGENTS, Some(&wish(options)), "the new identity")?;
    let agent: Agent = given.data()?;
    once(&options.secret, &agent.agent_id, false).told(&given, agent.rows(), json)
}

/// What is asked for: what was not said is the server's to choose.
fn wish(options: &Create) -> Value {
    let mut wish = json!({"name": options.name});
    for (name, text) in [
        ("slug", &options.slug),
        ("description", &options.description),
        ("type", &options.kind),
        ("owner", &options.owner),
        ("client_id", &options.keycloak_client),
    ] {
        if let Some(text) = text {
            wish[name] = json!(text);
        }
    }
    // Where Keycloak says what an agent may do, even an empty list would be a word too many.
    for (name, words) in [("capabilities", &options.capabilities), ("groups", &options.groups)] {
        if !words.is_empty() {
            wish[name] = json!(words);
        }
    }
    // Never null and never 0: a limit that is not there is none.
    for (name, limit) in
        [("max_tokens_per_day", options.tokens_per_day), ("max_api_calls_per_hour", options.calls_per_hour)]
    {
        if let Some(limit) = limit {
            wish["budget_policy"][name] = json!(limit);
        }
    }
    wish
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    agent_id: String,
    client_id: Option<String>,
    previous_expires_at: Option<u64>,
}

/// Gives an agent another secret; the one it has serves a while longer.
pub(super) fn rotate(options: &Rotate, remote: &Remote, json: bool) -> Result<Report, Failure> {
    options.secret.may_be_replaced()?;
    let directory = Directory::open(remote, &options.keeper)?;
    let wish = options.overlap.map_or(json!({}), |seconds| json!({"overlap_seconds": seconds}));
    let path = format!("{}/rotate-credentials", address(&options.id));
    let given = directory.send(Method::POST, &path, Some(&wish), "the new secret")?;
    let rotated: Rotated = given.data()?;
    let mut rows = vec![("agent", rotated.agent_id.clone())];
    rows.extend(rotated.client_id.map(|client| ("client", client)));
    let ends = rotated.previous_expires_at.map_or("has ended".to_owned(), |at| format!("ends {}", until(at)));
    rows.push(("old secret", ends));
    once(&options.secret, &rotated.agent_id, true).told(&given, rows, json)
}

fn once<'o>(out: &'o SecretOut, id: &str, replaces: bool) -> Once<'o> {
    let again = format!("agentctl identity rotate {}", plain(id));
    Once { out, field: "clientSecret", title: "client secret", replaces, again }
}
