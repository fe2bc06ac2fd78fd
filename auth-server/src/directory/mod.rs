//! The admin API: whoever keeps the agent directory adds, changes and removes what is in it (design page
//! "agent-identity"). Opened by the organisation's key, or by a bearer with the scope; never by an agent.

mod agents;
mod desk;
mod draft;
mod key;
mod page;
mod secrets;
mod show;
mod targets;

use std::sync::OnceLock;

use access::{Asker, DecisionRecord, DirectoryAction, DirectoryDenied, DirectoryPermit, Principal};
use boot::Secret;
use store::directory::{AgentStatus, Directory};

use crate::agents::{Agents, IdentityError};
use crate::app::App;
use crate::asked::Asked;
use crate::grants::{Embedded, service_account};
use crate::reply::Reply;
use crate::validate::{self, Bearer, Field};

use desk::{Desk, Keeper, data, tag};
pub(crate) use draft::slug_of;
pub(crate) use key::{PREFIX, first_key, hashed, is_admin_key, replace_key, same};

/// What is asked of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryCall<'p> {
    ListAgents,
    CreateAgent,
    ShowAgent(&'p str),
    ReplaceAgent(&'p str),
    ChangeAgent(&'p str),
    RemoveAgent(&'p str),
    ShowScopes(&'p str),
    SetScopes(&'p str),
    Activate(&'p str),
    Deactivate(&'p str),
    RotateAgent(&'p str),
    ShowUsage(&'p str),
    ListTargets,
    CreateTarget,
    ShowTarget(&'p str),
    ReplaceTarget(&'p str),
    RemoveTarget(&'p str),
    RotateTarget(&'p str),
    RotateKey,
}

impl DirectoryCall<'_> {
    /// Whether it changes something, and its name in the audit trail.
    fn kind(&self) -> (DirectoryAction, &'static str) {
        use DirectoryAction::{Read, Write};
        match self {
            DirectoryCall::ListAgents => (Read, "list_agent_identities"),
            DirectoryCall::ShowAgent(_) => (Read, "show_agent_identity"),
            DirectoryCall::ShowScopes(_) => (Read, "show_capabilities"),
            DirectoryCall::ShowUsage(_) => (Read, "show_usage"),
            DirectoryCall::ListTargets => (Read, "list_mcp_targets"),
            DirectoryCall::ShowTarget(_) => (Read, "show_mcp_target"),
            DirectoryCall::CreateAgent => (Write, "create_agent_identity"),
            DirectoryCall::ReplaceAgent(_) | DirectoryCall::ChangeAgent(_) => {
                (Write, "change_agent_identity")
            }
            DirectoryCall::RemoveAgent(_) => (Write, "remove_agent_identity"),
            DirectoryCall::SetScopes(_) => (Write, "set_capabilities"),
            DirectoryCall::Activate(_) => (Write, "activate_agent"),
            DirectoryCall::Deactivate(_) => (Write, "suspend_agent"),
            DirectoryCall::RotateAgent(_) => (Write, "rotate_agent_secret"),
            DirectoryCall::CreateTarget => (Write, "create_mcp_target"),
            DirectoryCall::ReplaceTarget(_) => (Write, "change_mcp_target"),
            DirectoryCall::RemoveTarget(_) => (Write, "remove_mcp_target"),
            DirectoryCall::RotateTarget(_) => (Write, "rotate_mcp_target_secret"),
            DirectoryCall::RotateKey => (Write, "rotate_admin_key"),
        }
    }

    fn resource(&self) -> &str {
        match self {
            DirectoryCall::ShowAgent(name)
            | DirectoryCall::ReplaceAgent(name)
            | DirectoryCall::ChangeAgent(name)
            | DirectoryCall::RemoveAgent(name)
            | DirectoryCall::ShowScopes(name)
            | DirectoryCall::SetScopes(name)
            | DirectoryCall::Activate(name)
            | DirectoryCall::Deactivate(name)
            | DirectoryCall::RotateAgent(name)
            | DirectoryCall::ShowUsage(name)
            | DirectoryCall::ShowTarget(name)
            | DirectoryCall::ReplaceTarget(name)
            | DirectoryCall::RemoveTarget(name)
            | DirectoryCall::RotateTarget(name) => name,
            DirectoryCall::ListAgents | DirectoryCall::CreateAgent => "/admin/agents",
            DirectoryCall::ListTargets | DirectoryCall::CreateTarget => "/admin/mcp/servers",
            DirectoryCall::RotateKey => "/admin/api-key",
        }
    }
}

/// What Keycloak says of an agent is not changed here.
const KEPT_IN_KEYCLOAK: IdentityError = IdentityError::KeptElsewhere(
    "secrets, groups and capabilities of agents are kept in Keycloak here: change them there",
);

/// Answers one call, and notes in the audit trail what was refused or changed.
pub(crate) async fn answer(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    call: DirectoryCall<'_>,
    asked: &Asked<'_>,
) -> Reply {
    let (action, name) = call.kind();
    let (mut by, mut about) = (None, None);
    let served = match permitted(app, issuer, agents, action, asked).await {
        Err(fault) => Err(fault),
        Ok((permit, keeper)) => {
            by = Some(permit.by().to_owned());
            let desk = Desk { app, issuer, agents, asked, permit: &permit, keeper, about: OnceLock::new() };
            let served = serve(&desk, call).await;
            about = desk.about.into_inner();
            served
        }
    };
    if served.is_err() || action == DirectoryAction::Write {
        app.audit.record(&DecisionRecord {
            time: app.now(),
            server: "auth-server",
            request_id: &asked.request_id.printable(),
            who: by.as_deref(),
            client_id: None,
            action: name,
            resource: about.as_deref().unwrap_or_else(|| recordable(&agents.known(), call.resource())),
            verdict: if served.is_ok() { "allowed" } else { "refused" },
            rule: served.as_ref().err().map(IdentityError::recorded),
            policy_version: app.policy.current().version(),
        });
    }
    served.map_or_else(|fault| fault.reply(asked.request_id), Reply::no_store)
}

/// What is neither the name of something nor one of ours may be a secret in the wrong place.
fn recordable<'n>(directory: &Directory, name: &'n str) -> &'n str {
    let known = directory.agent_named(name).is_some() || directory.target_named(name).is_some();
    let is_id = |prefix: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let is_place = name.starts_with("/admin/");
    if known || is_place || is_id("agt_") || is_id("mcp_") || draft::is_slug(name) { name } else { "-" }
}

async fn permitted(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    action: DirectoryAction,
    asked: &Asked<'_>,
) -> Result<(DirectoryPermit, Keeper), IdentityError> {
    // By what is known first: whoever has no credential costs no look into the database.
    let known = agents.now().map_err(IdentityError::Token)?;
    let first = judged(app, issuer, &known, action, asked).await?;
    if action == DirectoryAction::Read {
        return Ok(first);
    }
    // Another server may have put another key in the place of this one, or taken a right, a moment ago.
    agents.store().refresh().await.map_err(IdentityError::Store)?;
    judged(app, issuer, &agents.known(), action, asked).await
}

async fn judged(
    app: &App,
    issuer: &Embedded,
    directory: &Directory,
    action: DirectoryAction,
    asked: &Asked<'_>,
) -> Result<(DirectoryPermit, Keeper), IdentityError> {
    match asked.api_key {
        Field::Once(key) if is_admin_key(directory, key) => {
            let permit = Asker::Key.may(action).map_err(IdentityError::Denied)?;
            return Ok((permit, Keeper::Key));
        }
        // A wrong key is not made good by a token beside it.
        Field::Once(_) | Field::Repeated => return Err(IdentityError::Key),
        Field::Absent => {}
    }
    if asked.authorization == Field::Absent {
        return Err(IdentityError::Nobody);
    }
    let bearer = validate::bearer(app, asked.authorization).await.map_err(IdentityError::Token)?;
    let who = match bearer {
        Bearer::Agent => return Err(IdentityError::Denied(DirectoryDenied::Agent)),
        Bearer::Other(who) if issuer.keycloak.is_some() && is_agents_own(directory, &who) => {
            return Err(IdentityError::Denied(DirectoryDenied::Agent));
        }
        Bearer::Other(who) => who,
    };
    let permit = Asker::Bearer(&who).may(action).map_err(IdentityError::Denied)?;
    Ok((permit, Keeper::Bearer(who)))
}

/// Where Keycloak keeps the secrets, an agent can come with a token that Keycloak itself gave it: one of its
/// client's own account, not one of a person who signed in through that client.
fn is_agents_own(directory: &Directory, who: &Principal) -> bool {
    let Some(client_id) = who.client_id.as_deref().filter(|id| directory.client(id).is_some()) else {
        return false;
    };
    who.username.eq_ignore_ascii_case(&service_account(client_id))
}

async fn serve(desk: &Desk<'_>, call: DirectoryCall<'_>) -> Result<Reply, IdentityError> {
    match call {
        DirectoryCall::ListAgents => agents::list(desk),
        DirectoryCall::CreateAgent => agents::create(desk).await,
        DirectoryCall::ShowAgent(name) => agents::show(desk, name),
        DirectoryCall::ReplaceAgent(name) => agents::change(desk, name, draft::Extent::Whole).await,
        DirectoryCall::ChangeAgent(name) => agents::change(desk, name, draft::Extent::Named).await,
        DirectoryCall::RemoveAgent(name) => agents::remove(desk, name).await,
        DirectoryCall::ShowScopes(name) => agents::show_scopes(desk, name),
        DirectoryCall::SetScopes(name) => agents::set_scopes(desk, name).await,
        DirectoryCall::Activate(name) => agents::set_status(desk, name, AgentStatus::Active).await,
        DirectoryCall::Deactivate(name) => agents::set_status(desk, name, AgentStatus::Suspended).await,
        DirectoryCall::RotateAgent(name) => secrets::rotate(desk, name).await,
        DirectoryCall::ShowUsage(name) => agents::show_usage(desk, name),
        DirectoryCall::ListTargets => targets::list(desk),
        DirectoryCall::CreateTarget => targets::create(desk).await,
        DirectoryCall::ShowTarget(name) => targets::show(desk, name),
        DirectoryCall::ReplaceTarget(name) => targets::replace(desk, name).await,
        DirectoryCall::RemoveTarget(name) => targets::remove(desk, name).await,
        DirectoryCall::RotateTarget(name) => targets::rotate(desk, name).await,
        DirectoryCall::RotateKey => key::rotate(desk).await,
    }
}

/// A new secret: what it is, so many random bits, and nothing to be mistaken for something else.
fn random_secret(app: &App, prefix: &str) -> Secret {
    Secret::new(format!("{prefix}{}{}", app.unique(), app.unique()))
}
