//! What a body says of an agent → the agent as it is to be kept, or every fault.

use access::check_capability;
use store::directory::{AgentIdentity, AgentStatus, Budget};
use url::Url;

use super::Desk;
use crate::agents::Fields;

/// The largest limit: more model tokens than anybody uses in a day.
pub(super) const MOST_TOKENS: u64 = 1_000_000_000_000;

/// Whether a change says everything, or only what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What is not said is empty.
    Whole,
    /// What is not said stays.
    Named,
}

/// A new agent, nothing said of it yet.
pub(super) fn blank(desk: &Desk<'_>) -> AgentIdentity {
    let now = desk.app.now();
    AgentIdentity {
        agent_id: desk.app.name("agt_"),
        client_id: String::new(),
        slug: String::new(),
        name: String::new(),
        description: String::new(),
        kind: "agent".to_owned(),
        status: AgentStatus::Active,
        secrets: Vec::new(),
        capabilities: Vec::new(),
        declared: Vec::new(),
        groups: Vec::new(),
        budget: Budget::default(),
        jwks_uri: None,
        owner: None,
        created_by: desk.permit.by().to_owned(),
        created_at: now,
        updated_at: now,
        version: 0,
    }
}

/// Reads what a body says into the agent. What is not said stays, or, where everything is said, is emptied.
pub(super) fn read_into(desk: &Desk<'_>, agent: &mut AgentIdentity, fields: &mut Fields, extent: Extent) {
    let whole = extent == Extent::Whole;
    if whole || fields.has("name") {
        agent.name = fields.required_text("name", 256).unwrap_or_default();
    }
    if whole || fields.has("description") {
        agent.description = fields.text("description", 4096).unwrap_or_default();
    }
    if whole || fields.has("type") {
        agent.kind = fields.text("type", 64).unwrap_or_else(|| "agent".to_owned());
    }
    if whole && desk.issuer.keycloak.is_none() || fields.has("capabilities") {
        agent.capabilities = fields.words("capabilities", capability).unwrap_or_default();
    }
    if whole && desk.issuer.keycloak.is_none() || fields.has("groups") {
        agent.groups = fields.words("groups", group).unwrap_or_default();
    }
    if whole || fields.has("owner") {
        agent.owner = fields.text("owner", 256);
    }
    if whole || fields.has("jwks_uri") {
        agent.jwks_uri = fields.text("jwks_uri", 2048);
        if agent
            .jwks_uri
            .as_ref()
            .is_some_and(|uri| !Url::parse(uri).is_ok_and(|uri| uri.scheme() == "https"))
        {
            fields.fault("jwks_uri", "must be an https URL");
        }
    }
    match fields.text("status", 16).as_deref() {
        None => {}
        Some("active") => agent.status = AgentStatus::Active,
        Some("suspended") => agent.status = AgentStatus::Suspended,
        Some(_) => fields.fault("status", "must be active or suspended"),
    }
    if whole || fields.is_null("budget_policy") {
        agent.budget = Budget::default();
    }
    let budget = &mut agent.budget;
    fields.nested("budget_policy", |policy| {
        for (name, limit) in [
            ("max_tokens_per_day", &mut budget.max_tokens_per_day),
            ("max_api_calls_per_hour", &mut budget.max_api_calls_per_hour),
        ] {
            if policy.has(name) {
                *limit = policy.whole(name, MOST_TOKENS);
            }
        }
    });
}

/// What an agent may be given.
pub(super) fn capability(word: &str) -> Result<(), String> {
    check_capability(word).map_err(|fault| fault.to_string())
}

fn group(word: &str) -> Result<(), String> {
    let good =
        !word.trim().is_empty() && word.len() <= 256 && !word.contains(|c: char| c.is_control() || c == ',');
    if good { Ok(()) } else { Err("must be a group's name, without commas".to_owned()) }
}

/// Whether a text can stand in tokens and addresses as an agent's or a target's name.
pub(super) fn is_slug(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(good) && !text.starts_with('-') && !text.ends_with('-')
}

/// A name as a slug: "Research Analyst" → "research-analyst".
pub(super) fn slug_of(name: &str) -> String {
    let spelled: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    let slug = spelled.split_whitespace().collect::<Vec<_>>().join("-");
    slug.chars().take(48).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("Research Analyst", "research-analyst"),
            ("  A/B  test! ", "a-b-test"),
            ("Überflieger 2", "berflieger-2"),
        ] {
            assert_eq!(slug_of(name), slug);
            assert!(is_slug(slug));
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b"] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
