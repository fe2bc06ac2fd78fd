//! An agent as the directory tells it, and in words.

use serde::Deserialize;

use crate::credentials::{now, span};

/// What the directory knows of an agent; what a server leaves out is not told.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agent {
    pub(super) agent_id: String,
    pub(super) client_id: Option<String>,
    #[serde(default)]
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) status: String,
    pub(super) capabilities: Vec<String>,
    #[serde(default)]
    pub(super) declared_capabilities: Vec<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) budget_policy: Policy,
    pub(super) owner: Option<String>,
    pub(super) created_by: Option<String>,
    pub(super) created_at: Option<u64>,
    #[serde(default)]
    pub(super) secrets: Vec<Kept>,
    pub(super) workload_identity: Option<String>,
    pub(super) jwks_uri: Option<String>,
}

/// What an agent may use; a limit that is not there is none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    max_tokens_per_day: Option<u64>,
    max_api_calls_per_hour: Option<u64>,
    #[serde(default)]
    tokens_used_today: u64,
    resets_at: Option<u64>,
}

/// A secret that is kept, without the secret.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    id: String,
    created_at: Option<u64>,
    expires_at: Option<u64>,
}

impl Agent {
    /// All of it, as far as there is something to say.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut rows = vec![
            ("agent", self.agent_id.clone()),
            ("client", text(&self.client_id)),
            ("slug", self.slug.clone()),
            ("name", self.name.clone()),
            ("description", text(&self.description)),
            ("type", text(&self.kind)),
            ("status", self.status.clone()),
            ("capabilities", list(&self.capabilities)),
            ("declared", self.declared_capabilities.join(", ")),
            ("groups", self.groups.join(", ")),
        ];
        rows.extend(self.budget_policy.rows());
        rows.extend([
            ("owner", text(&self.owner)),
            ("created by", text(&self.created_by)),
            ("created", self.created_at.map(ago).unwrap_or_default()),
            ("secrets", self.secrets.iter().map(Kept::text).collect::<Vec<_>>().join(", ")),
            ("workload", text(&self.workload_identity)),
            ("jwks", text(&self.jwks_uri)),
        ]);
        rows.retain(|(_, fact)| !fact.is_empty());
        rows
    }
}

impl Policy {
    /// Both limits, and how much of today is used.
    pub(super) fn rows(&self) -> [(&'static str, String); 3] {
        let limit = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |limit| limit.to_string());
        let resets = self.resets_at.map_or(String::new(), |at| format!("; the day ends {}", until(at)));
        [
            ("tokens a day", limit(self.max_tokens_per_day)),
            ("used today", format!("{}{resets}", self.tokens_used_today)),
            ("calls an hour", limit(self.max_api_calls_per_hour)),
        ]
    }

    /// The day in one cell.
    pub(super) fn today(&self) -> String {
        let used = self.tokens_used_today;
        self.max_tokens_per_day.map_or_else(|| used.to_string(), |most| format!("{used} of {most}"))
    }
}

impl Kept {
    fn text(&self) -> String {
        let facts = [
            self.created_at.map(|at| format!("made {}", ago(at))),
            self.expires_at
                .map(|at| if at > now() { format!("ends {}", until(at)) } else { "ended".to_owned() }),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if facts.is_empty() { self.id.clone() } else { format!("{} ({})", self.id, facts.join(", ")) }
    }
}

/// Some words, or that there is none.
pub(super) fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A time that has passed, in seconds since 1970.
fn ago(at: u64) -> String {
    format!("{} ago", span(now().saturating_sub(at)))
}

/// A time to come.
pub(super) fn until(at: u64) -> String {
    format!("in {}", span(at.saturating_sub(now())))
}
