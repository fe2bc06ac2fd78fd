//! The documented job, played once against a running stack: an agent signs in, registers its card and
//! enables it, and a second agent finds it by saying what it needs.

pub mod identity;
pub mod mcp;

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fault::{Doing as _, Fault, Outcome};
use crate::stack::{RunFile, token, wait};
use crate::{root, say};

const NEED: &str = "I need an agent that can review Python code for security vulnerabilities";
const EXPECTED: &str = "/code-reviewer";

/// Plays the demo; a fault when anything answered otherwise than documented.
pub async fn play(run: &RunFile) -> Outcome<()> {
    let cards = samples()?;
    let (reviewer, others): (Vec<_>, Vec<_>) = cards.into_iter().partition(|card| path_of(card) == EXPECTED);
    let Some(reviewer) = reviewer.first() else {
        return Err(Fault::new(format!("there is no card with the path {EXPECTED} among the samples")));
    };

    say("an agent signs in, registers the guide's Code Reviewer card, and enables it");
    let agent = Caller::sign_in(run, "mcp-gateway-m2m").await?;
    agent.publish(reviewer, Voice::Loud).await?;
    println!("    … and {} other agents register and enable themselves", others.len());
    for card in &others {
        agent.publish(card, Voice::Quiet).await?;
    }

    say("a second agent says what it needs");
    println!("    \"{NEED}\"");
    let finder = Caller::sign_in(run, "registry-admin").await?;
    let query = json!({"query": NEED, "max_results": 3, "entity_types": ["a2a_agent"]});
    let found = finder.call(Method::POST, "/api/agents/discover/semantic", Some(&query), Voice::Loud).await?;
    found.must_be(&[StatusCode::OK])?;
    judge(&found.body)
}

fn judge(body: &Value) -> Outcome<()> {
    let entities = body["entities"].as_array().map(Vec::as_slice).unwrap_or_default();
    for entity in entities {
        // A JSON number does not pad itself.
        let score = entity["relevance_score"].to_string();
        println!("    {score:<8} {:<28} {}", text(entity, "path"), text(entity, "url"));
    }
    match entities.first().map(|first| text(first, "path")) {
        Some(EXPECTED) => Ok(()),
        Some(other) => Err(Fault::new(format!("the demo failed: found {other} first, not {EXPECTED}"))),
        None => Err(Fault::new("the demo failed: nothing was found")),
    }
}

/// Whether each call is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    Loud,
    Quiet,
}

struct Caller<'a> {
    run: &'a RunFile,
    token: String,
    client: reqwest::Client,
}

struct Answer {
    line: String,
    status: StatusCode,
    body: Value,
}

impl<'a> Caller<'a> {
    async fn sign_in(run: &'a RunFile, client: &str) -> Outcome<Self> {
        let token = token::fetch(run, client).await?;
        let path = run.token_endpoint.strip_prefix(&run.gateway).unwrap_or(&run.token_endpoint);
        let excerpt = format!("{client}: a token for {} s, scopes: {}", token.expires_in, token.scope);
        print(&format!("POST {path}"), StatusCode::OK, &excerpt);
        Ok(Self { run, token: token.access_token, client: wait::client()? })
    }

    async fn publish(&self, card: &Value, voice: Voice) -> Outcome<()> {
        let registered = self.call(Method::POST, "/api/agents/register", Some(card), voice).await?;
        registered.must_be(&[StatusCode::CREATED, StatusCode::CONFLICT])?;
        if registered.status == StatusCode::CONFLICT && voice == Voice::Loud {
            println!("    it is registered already, from an earlier time: that is fine");
        }
        let toggle = format!("/api/agents{}/toggle?enabled=true", path_of(card));
        self.call(Method::POST, &toggle, None, voice).await?.must_be(&[StatusCode::OK])
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>, voice: Voice) -> Outcome<Answer> {
        let line = format!("{method} {path}");
        let mut request =
            self.client.request(method, format!("{}{path}", self.run.gateway)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.doing(|| format!("call {line}"))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if voice == Voice::Loud {
            print(&line, status, &excerpt(&body));
        }
        Ok(Answer { line, status, body })
    }
}

impl Answer {
    fn must_be(&self, expected: &[StatusCode]) -> Outcome<()> {
        if expected.contains(&self.status) {
            return Ok(());
        }
        Err(Fault::new(format!("the demo failed: {} answered {}: {}", self.line, self.status, self.body)))
    }
}

fn print(line: &str, status: StatusCode, excerpt: &str) {
    println!("    {line:<52} {}  {excerpt}", status.as_u16());
}

/// The first words of an answer.
fn excerpt(body: &Value) -> String {
    let words = match body.get("message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => body.to_string(),
    };
    if words.chars().count() <= 60 { words } else { words.chars().take(60).chain(['…']).collect() }
}

/// The sample cards, in the order of their file names.
pub fn samples() -> Outcome<Vec<Value>> {
    let folder = root().join("deploy/samples/agents");
    let entries = std::fs::read_dir(&folder).doing(|| format!("read the samples in {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.iter().map(|file| card(file)).collect()
}

fn card(file: &Path) -> Outcome<Value> {
    let bytes = std::fs::read(file).doing(|| format!("read {}", file.display()))?;
    serde_json::from_slice(&bytes).doing(|| format!("read {}", file.display()))
}

/// The path a card asks for.
#[must_use]
pub fn path_of(card: &Value) -> &str {
    text(card, "path")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_reviewer_in_front_is_a_success() {
        let hit = |path: &str| json!({"entities": [{"path": path}, {"path": "/code-reviewer"}]});
        assert_eq!(judge(&hit("/code-reviewer")), Ok(()));
        assert!(judge(&hit("/cook")).expect_err("the cook came first").to_string().contains("/cook"));
        assert!(judge(&json!({"entities": []})).is_err());
        assert!(judge(&json!(null)).is_err());
    }
}
