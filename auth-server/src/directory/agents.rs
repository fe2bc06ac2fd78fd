//! Agents: list, create, show, change, remove.

use std::sync::Arc;

use catalog::Faults;
use serde_json::{Value, json};
use store::directory::{AgentChanges, AgentIdentity, AgentStatus, DAY, Wish, day_of};

use super::draft::{self, Extent, slug_of};
use super::page::Page;
use super::{Desk, KEPT_IN_KEYCLOAK, Keeper, data, secrets, show, tag};
use crate::agents::{Fields, IdentityError, tokens_left};
use crate::reply::Reply;

/// The agent of this id or slug.
pub(super) fn find(desk: &Desk<'_>, name: &str) -> Result<Arc<AgentIdentity>, IdentityError> {
    desk.directory().agent_named(name).cloned().ok_or(IdentityError::Absent("agent"))
}

pub(super) fn list(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    let page = Page::of(desk, &["status", "q"])?;
    let known =
        |status: &str| [AgentStatus::Active, AgentStatus::Suspended].iter().any(|one| one.name() == status);
    if page.filters.iter().any(|(name, value)| name == "status" && !known(value)) {
        return Err(IdentityError::Faults(Faults::one("status", "must be active or suspended")));
    }
    let directory = desk.directory();
    let fits = |agent: &Arc<AgentIdentity>| {
        page.filters.iter().all(|(name, value)| match name.as_str() {
            "status" => agent.status.name() == value,
            _ => {
                let value = value.to_lowercase();
                [&agent.name, &agent.slug, &agent.agent_id, &agent.client_id]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&value))
            }
        })
    };
    let mut found: Vec<Arc<AgentIdentity>> =
        directory.agents().filter(|agent| fits(agent)).cloned().collect();
    found.sort_by(|one, other| one.slug.cmp(&other.slug));
    Ok(page.reply(&found, |agent| show::agent(desk, agent)))
}

pub(super) fn show(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let agent = find(desk, name)?;
    Ok(data(200, &show::agent(desk, &agent), None).header("etag", &tag(agent.version)))
}

/// Makes an agent with a secret, which is shown this once.
pub(super) async fn create(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    let mut fields = Fields::read(desk.asked)?.snake();
    let slug = fields.line("slug", 64);
    let client_id = fields.line("client_id", 256).filter(|client_id| !client_id.trim().is_empty());
    if desk.issuer.keycloak.is_some() {
        for field in ["capabilities", "groups"] {
            if fields.has(field) {
                fields.fault(field, "are what Keycloak says: leave them out");
            }
        }
    }
    let changes = draft::changes(desk, &mut fields, Extent::Whole);
    match (&client_id, desk.issuer.keycloak.is_some()) {
        (Some(_), false) => fields.fault("client_id", "is chosen here: leave it out"),
        (None, true) => fields.fault("client_id", "is required: the client in Keycloak"),
        (Some(_), true) | (None, false) => {}
    }
    if desk.issuer.clients.knows(client_id.as_deref().unwrap_or_default()) {
        fields.fault("client_id", "is a client of the configuration");
    }
    let mut agent = changes.made(&draft::blank(desk));
    let chosen = slug.is_some();
    agent.slug = slug.unwrap_or_else(|| slug_of(&agent.name));
    draft::check_slug(&mut fields, &agent.slug, chosen, &agent.name);
    fields.done()?;
    desk.may_give(&agent.groups, &[])?;
    agent.client_id = client_id.unwrap_or(agent.client_id);
    let secret = match desk.issuer.keycloak {
        Some(_) => None,
        None => {
            let (secret, hash) = secrets::make(desk).await?;
            agent.secrets.push(hash);
            Some(secret)
        }
    };
    if !chosen && desk.directory().has_slug(&agent.slug) {
        // Two agents may have one name; their slugs differ.
        agent.slug = format!("{}-{}", agent.slug, agent.agent_id.chars().skip(4).take(6).collect::<String>());
    }
    let agent = desk.agent(Wish::CreateAgent { agent: Box::new(agent) }).await?;
    desk.is_about(&agent.agent_id);
    let mut shown = show::agent(desk, &agent);
    let message = match &secret {
        Some(secret) => {
            shown["clientSecret"] = secret.expose().into();
            "The agent was created. Its secret is not shown again."
        }
        None => "The agent was created. Its secret is the client's in Keycloak.",
    };
    Ok(data(201, &shown, Some(message)).header("etag", &tag(agent.version)))
}

pub(super) async fn change(desk: &Desk<'_>, name: &str, extent: Extent) -> Result<Reply, IdentityError> {
    let agent = find(desk, name)?;
    let mut fields = Fields::read(desk.asked)?.snake();
    if fields.line("slug", 64).is_some_and(|slug| slug != agent.slug) {
        fields.fault("slug", "cannot be changed: tokens say it");
    }
    if desk.issuer.keycloak.is_some() && (fields.has("capabilities") || fields.has("groups")) {
        return Err(KEPT_IN_KEYCLOAK);
    }
    let changes = draft::changes(desk, &mut fields, extent);
    fields.done()?;
    if let Some(groups) = &changes.groups {
        desk.may_give(groups, &agent.groups)?;
    }
    let agent = amend(desk, &agent, changes).await?;
    let reply = data(200, &show::agent(desk, &agent), Some("The agent was changed."));
    Ok(reply.header("etag", &tag(agent.version)))
}

pub(super) async fn remove(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let agent = find(desk, name)?;
    if desk.issuer.keycloak.is_some() && (agent.is_active() || !matches!(desk.keeper, Keeper::Key)) {
        return Err(IdentityError::KeptElsewhere(
            "whoever Keycloak signs in is back at once, with nothing that was taken here: suspend the agent, remove its \
             client in Keycloak, and then remove it here, with the organisation's key",
        ));
    }
    let version = desk.expects(agent.version)?;
    let agent_id = agent.agent_id.clone();
    desk.write(Wish::RemoveAgent { agent_id: agent_id.clone(), version }).await?;
    Ok(data(200, &json!({ "agentId": agent_id }), Some("The agent was removed; its tokens open nothing.")))
}

pub(super) fn show_scopes(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let agent = find(desk, name)?;
    Ok(data(200, &scopes(&agent), None).header("etag", &tag(agent.version)))
}

pub(super) async fn set_scopes(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    if desk.issuer.keycloak.is_some() {
        return Err(KEPT_IN_KEYCLOAK);
    }
    let agent = find(desk, name)?;
    let mut fields = Fields::read(desk.asked)?.snake();
    if !fields.has("scopes") || fields.is_null("scopes") {
        fields.fault("scopes", "is required: a list, which replaces the one before");
    }
    let wanted = fields.capabilities("scopes").unwrap_or_default();
    fields.done()?;
    let changes = AgentChanges { capabilities: Some(wanted), ..AgentChanges::default() };
    let agent = amend(desk, &agent, changes).await?;
    let reply = data(200, &scopes(&agent), Some("The agent's capabilities were replaced."));
    Ok(reply.header("etag", &tag(agent.version)))
}

pub(super) async fn set_status(
    desk: &Desk<'_>,
    name: &str,
    status: AgentStatus,
) -> Result<Reply, IdentityError> {
    let changes = AgentChanges { status: Some(status), ..AgentChanges::default() };
    let agent = amend(desk, &*find(desk, name)?, changes).await?;
    let message = match (status, desk.issuer.keycloak.is_some()) {
        (AgentStatus::Active, _) => "The agent is active.",
        (AgentStatus::Suspended, false) => "The agent is suspended; its tokens open nothing.",
        (AgentStatus::Suspended, true) => {
            "The agent is suspended; our tokens for it open nothing, those that Keycloak itself gives it are Keycloak's."
        }
    };
    Ok(data(200, &show::agent(desk, &agent), Some(message)).header("etag", &tag(agent.version)))
}

pub(super) fn show_usage(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let agent = find(desk, name)?;
    let (directory, now) = (desk.directory(), desk.app.now());
    let usage = directory.usage(&agent.agent_id);
    let days: Vec<Value> = usage
        .iter()
        .flat_map(|usage| usage.days())
        .map(|(day, used)| {
            json!({
                "date": date(day),
                "tokens": used.tokens,
                "reports": used.reports,
                "costUsd": used.cost_micros as f64 / 1e6,
            })
        })
        .collect();
    let shown = json!({
        "agentId": agent.agent_id,
        "date": date(day_of(now)),
        "days": days,
        "tokensUsedToday": directory.tokens_used(&agent.agent_id, now),
        "budgetExhausted": tokens_left(&directory, &agent, now).is_err(),
        "apiCallsThisHour": desk.agents.calls.of(&agent.agent_id, now),
    });
    Ok(data(200, &shown, None))
}

/// Changes an agent as it is by then; in the state that `If-Match` names, if it does.
pub(super) async fn amend(
    desk: &Desk<'_>,
    agent: &AgentIdentity,
    changes: AgentChanges,
) -> Result<Arc<AgentIdentity>, IdentityError> {
    let judged = desk.judged(agent.version).filter(|_| changes.groups.is_some() || changes.secret.is_some());
    let (agent_id, version) = (agent.agent_id.clone(), desk.expects(agent.version)?.or(judged));
    desk.agent(Wish::AmendAgent { agent_id, version, changes: Box::new(changes) }).await
}

fn scopes(agent: &AgentIdentity) -> Value {
    json!({"agentId": agent.agent_id, "scopes": agent.capabilities})
}

/// A day, counted from 1970-01-01, as YYYY-MM-DD.
fn date(day: u64) -> String {
    let seconds = i64::try_from(day.saturating_mul(DAY)).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.strftime("%F").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (day, expected) in
            [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_777, "2026-11-20"), (20_833, "2027-01-15")]
        {
            assert_eq!(date(day), expected);
        }
    }
}
