//! What a new stack has in its directory: an agent to try things with, and two MCP servers it may get tokens for.
//!
//! Made through the admin API, as anybody would, and found again at each later start.

use std::fs;
use std::io;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{token, wait};
use crate::fault::{Doing as _, Fault, Outcome};
use crate::files;

/// The agent that is there from the first start on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoAgent {
    /// Its name at the token endpoint.
    pub client_id: String,
    /// Its secret. Never printed.
    pub client_secret: String,
}

/// Never shows the secret: test output is read by others.
impl std::fmt::Debug for DemoAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoAgent").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

const SLUG: &str = "research-analyst";

fn agent() -> Value {
    // No slug: that of a demo agent somebody has removed is never given again, and this one then gets another.
    json!({"name": "Research Analyst",
        "description": "Reads documents and market figures, and says what they come to",
        "capabilities": ["read:documents", "mcp:financial"],
        "budget_policy": {"max_tokens_per_day": 100_000}})
}

fn targets() -> [(&'static str, Value); 2] {
    [("financial-data", "Financial data", "mcp:financial"), ("documents", "Documents", "read:documents")].map(
        |(slug, name, capability)| {
            let target = json!({"name": name, "slug": slug,
                "resource_uri": format!("https://mcp.example.com/{slug}"), "aliases": [format!("urn:mcp:{slug}")],
                "required_capability": capability, "scopes_supported": [capability]});
            (slug, target)
        },
    )
}

/// Makes what is missing; what is there is left as somebody has changed it. `issuer` is the base of the
/// identity API as it is reached on this machine.
pub(super) async fn seed(issuer: &str, admin_key: &str, data: &Path) -> Outcome<DemoAgent> {
    let admin = Admin { http: wait::client()?, base: format!("{issuer}/admin"), key: admin_key };
    for (slug, target) in targets() {
        if admin.find(&format!("mcp/servers/{slug}")).await?.is_none() {
            admin.make("mcp/servers", &target).await?;
        }
    }
    let file = data.join("demo-agent.json");
    let held = kept(&file)?;
    let name = held.as_ref().map_or(SLUG, |held| &*held.client_id);
    let known = match admin.find(&format!("agents/{name}")).await? {
        None => admin.find(&format!("agents/{SLUG}")).await?,
        known => known,
    };
    let made = match known {
        None => admin.make("agents", &agent()).await?,
        Some(known) => {
            if let Some(held) = held
                && still_opens(issuer, &held, &known).await?
            {
                return Ok(held);
            }
            let id = known["agentId"].as_str().unwrap_or(SLUG);
            admin.make(&format!("agents/{id}/rotate-credentials"), &json!({})).await?
        }
    };
    let word = |key: &str| made[key].as_str().map(str::to_owned);
    let (Some(client_id), Some(client_secret)) = (word("clientId"), word("clientSecret")) else {
        return Err(Fault::new("the auth-server made the demo agent and did not say its secret"));
    };
    let demo_agent = DemoAgent { client_id, client_secret };
    let text = serde_json::to_vec_pretty(&demo_agent).doing(|| "spell the demo agent".into())?;
    files::replace(&file, &text, 0o600)?;
    Ok(demo_agent)
}

fn kept(file: &Path) -> Outcome<Option<DemoAgent>> {
    match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).doing(|| format!("read {}", file.display())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Fault::new(format!("cannot read {}: {cause}", file.display()))),
    }
}

/// Whether the secret that was kept is one of this agent's. It is not when the agent was made anew, or its
/// secret rotated by hand. A suspended agent cannot be asked, and is believed.
async fn still_opens(issuer: &str, kept: &DemoAgent, known: &Value) -> Outcome<bool> {
    if known["clientId"] != *kept.client_id {
        return Ok(false);
    }
    let endpoint = format!("{issuer}/oauth/token");
    let answer = token::request(&endpoint, &kept.client_id, &kept.client_secret).await?;
    Ok(answer.status() != StatusCode::UNAUTHORIZED || known["status"] != "active")
}

/// The organisation's administrator.
struct Admin<'a> {
    http: reqwest::Client,
    base: String,
    key: &'a str,
}

impl Admin<'_> {
    /// What is there; none when there is nothing.
    async fn find(&self, path: &str) -> Outcome<Option<Value>> {
        match self.call(Method::GET, path, None).await? {
            (StatusCode::OK, body) => Ok(Some(body["data"].clone())),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, body) => Err(refused(path, status, &body)),
        }
    }

    async fn make(&self, path: &str, what: &Value) -> Outcome<Value> {
        match self.call(Method::POST, path, Some(what)).await? {
            (StatusCode::OK | StatusCode::CREATED, body) => Ok(body["data"].clone()),
            (status, body) => Err(refused(path, status, &body)),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<(StatusCode, Value)> {
        let mut request =
            self.http.request(method, format!("{}/{path}", self.base)).header("X-API-Key", self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.doing(|| format!("call admin/{path}"))?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or_default()))
    }
}

fn refused(path: &str, status: StatusCode, body: &Value) -> Fault {
    Fault::new(format!(
        "cannot make the demo agent and its MCP servers: admin/{path} answered {status}: {body}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_secret_is_kept_private_and_never_shown() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("demo-agent.json");
        assert_eq!(kept(&file), Ok(None));
        let agent = DemoAgent { client_id: "agt_1".into(), client_secret: "ags_k_r".into() };
        files::replace(&file, &serde_json::to_vec(&agent).expect("it can be spelled"), 0o600).expect("ours");
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(kept(&file), Ok(Some(agent.clone())));
        assert!(!format!("{agent:?}").contains("ags_"), "{agent:?}");
        fs::write(&file, "{").expect("it is ours");
        kept(&file).expect_err("it is damaged, and not made anew over whatever it was");
    }
}
