//! What a body says of an agent → the agent as it is to be kept, or every fault.

use store::directory::{AgentChanges, AgentIdentity, AgentStatus, Budget, Limit};

use super::Desk;
use crate::agents::{Fields, MOST_TOKENS};

/// What an agent is when nobody says it.
const USUAL_KIND: &str = "agent";

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
    let agent_id = desk.app.name("agt_");
    AgentIdentity {
        client_id: agent_id.clone(),
        agent_id,
        slug: String::new(),
        name: String::new(),
        description: String::new(),
        kind: USUAL_KIND.to_owned(),
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

/// What a body wants different. What is not said stays, or, where everything is said, is emptied.
pub(super) fn changes(desk: &Desk<'_>, fields: &mut Fields, extent: Extent) -> AgentChanges {
    let whole = extent == Extent::Whole;
    // What Keycloak says of an agent is not emptied here.
    let kept_here = desk.issuer.keycloak.is_none();
    let said = |fields: &Fields, name: &str| whole || fields.has(name);
    let mut changes = AgentChanges::default();
    if said(fields, "name") {
        changes.name = fields.required_line("name", 256);
    }
    if said(fields, "description") {
        changes.description = Some(fields.text("description", 4096).unwrap_or_default());
    }
    if said(fields, "type") {
        changes.kind = Some(fields.line("type", 64).unwrap_or_else(|| USUAL_KIND.to_owned()));
    }
    if whole && kept_here || fields.has("capabilities") {
        changes.capabilities = Some(fields.capabilities("capabilities").unwrap_or_default());
    }
    if whole && kept_here || fields.has("groups") {
        changes.groups = Some(fields.words("groups", group).unwrap_or_default());
    }
    if said(fields, "owner") {
        changes.owner = Some(fields.line("owner", 256).unwrap_or_default());
    }
    if said(fields, "jwks_uri") {
        changes.jwks_uri = Some(fields.https_url("jwks_uri").unwrap_or_default());
    }
    match fields.line("status", 16).as_deref() {
        None => {}
        Some("active") => changes.status = Some(AgentStatus::Active),
        Some("suspended") => changes.status = Some(AgentStatus::Suspended),
        Some(_) => fields.fault("status", "must be active or suspended"),
    }
    if whole || fields.is_null("budget_policy") {
        (changes.max_tokens_per_day, changes.max_api_calls_per_hour) =
            (Some(Limit::Unlimited), Some(Limit::Unlimited));
    }
    fields.nested("budget_policy", |policy| {
        for (name, limit) in [
            ("max_tokens_per_day", &mut changes.max_tokens_per_day),
            ("max_api_calls_per_hour", &mut changes.max_api_calls_per_hour),
        ] {
            if policy.has(name) {
                *limit = Some(policy.whole(name, MOST_TOKENS).map_or(Limit::Unlimited, Limit::AtMost));
            }
        }
    });
    changes.tokens_used_today = fields.whole("tokens_used_today", MOST_TOKENS);
    changes
}

/// A group as the policy may name it.
fn group(word: &str) -> Result<(), String> {
    let good =
        !word.trim().is_empty() && word.len() <= 256 && !word.contains(|c: char| c.is_control() || c == ',');
    if good { Ok(()) } else { Err("must be a group's name, without commas".to_owned()) }
}

/// Notes that a slug is none: the one that was sent, or the one that a good name would have given.
pub(super) fn check_slug(fields: &mut Fields, slug: &str, chosen: bool, name: &str) {
    if !is_slug(slug) && (chosen || !name.trim().is_empty()) {
        fields.fault("slug", "must be 1 to 64 of a-z, 0-9 and '-', and begin and end with a letter or digit");
    }
}

/// Whether a text can stand in tokens and addresses as an agent's or a target's name.
pub(super) fn is_slug(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(good) && !text.starts_with('-') && !text.ends_with('-')
}

/// A name as a slug: "Research Analyst" → "research-analyst".
pub(crate) fn slug_of(name: &str) -> String {
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
