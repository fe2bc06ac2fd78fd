//! The admin API: whoever keeps the agent directory adds, changes and removes what is in it (design page
//! "agent-identity"). Opened by the organisation's key, or by a bearer with the scope; never by an agent.

mod agents;
mod draft;
mod key;
mod page;
mod secrets;
mod show;
mod targets;

use std::sync::OnceLock;

use access::{Asker, DecisionRecord, DirectoryAction, DirectoryPermit, Principal};
use boot::Secret;
use serde_json::{Value, json};
use store::StoreError;
use store::directory::{Directory, Done, Wish};

use crate::agents::{Agents, IdentityError};
use crate::app::App;
use crate::asked::Asked;
use crate::grants::Embedded;
use crate::reply::Reply;
use crate::validate::{self, Bearer, Field};

pub(crate) use key::{PREFIX, first_key, hashed, is_admin_key, replace_key, same};

/// How much of a path is recorded, in characters.
const MOST_RECORDED: usize = 128;

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

/// Everything a call of the admin API works with.
struct Desk<'a> {
    app: &'a App,
    issuer: &'a Embedded,
    agents: &'a Agents,
    asked: &'a Asked<'a>,
    permit: &'a DirectoryPermit,
    /// Whether the organisation's key was shown.
    with_key: bool,
    /// What was made, for the audit trail.
    about: OnceLock<String>,
}

impl Desk<'_> {
    fn directory(&self) -> std::sync::Arc<Directory> {
        self.agents.known()
    }

    /// Notes what the call turned out to be about.
    fn is_about(&self, id: &str) {
        // It is noted once: a call makes one thing.
        let _ = self.about.set(id.to_owned());
    }

    async fn write(&self, wish: Wish) -> Result<Done, IdentityError> {
        self.agents.write(self.permit, wish).await.map_err(IdentityError::Store)
    }
}

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
    let served = match permitted(app, agents, action, asked).await {
        Err(fault) => Err(fault),
        Ok((permit, with_key)) => {
            by = Some(permit.by().to_owned());
            let desk = Desk { app, issuer, agents, asked, permit: &permit, with_key, about: OnceLock::new() };
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
            resource: about.as_deref().unwrap_or_else(|| cut(call.resource())),
            verdict: if served.is_ok() { "allowed" } else { "refused" },
            rule: served.as_ref().err().map(IdentityError::message),
            policy_version: app.policy.current().version(),
        });
    }
    served.map_or_else(|fault| fault.reply(), Reply::no_store)
}

/// As much of a path as is recorded: a trail is no place to store things.
fn cut(path: &str) -> &str {
    path.char_indices().nth(MOST_RECORDED).map_or(path, |(end, _)| &path[..end])
}

async fn permitted(
    app: &App,
    agents: &Agents,
    action: DirectoryAction,
    asked: &Asked<'_>,
) -> Result<(DirectoryPermit, bool), IdentityError> {
    match asked.api_key {
        Field::Once(key) if is_admin_key(&agents.known(), key) => {
            let permit = Asker::Key.may(action).map_err(IdentityError::Denied)?;
            return Ok((permit, true));
        }
        // A wrong key is not made good by a token beside it.
        Field::Once(_) | Field::Repeated => return Err(IdentityError::Key),
        Field::Absent => {}
    }
    if asked.authorization == Field::Absent {
        return Err(IdentityError::Nobody);
    }
    let bearer = validate::bearer(app, asked.authorization).await.map_err(IdentityError::Token)?;
    let permit = match &bearer {
        Bearer::Agent { agent_id } => Asker::Agent { agent_id }.may(action),
        Bearer::Other(who) => by_scope(who, action),
    };
    permit.map(|permit| (permit, false)).map_err(IdentityError::Denied)
}

fn by_scope(who: &Principal, action: DirectoryAction) -> Result<DirectoryPermit, access::DirectoryDenied> {
    Asker::Bearer(who).may(action)
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
        DirectoryCall::Activate(name) => agents::set_status(desk, name, true).await,
        DirectoryCall::Deactivate(name) => agents::set_status(desk, name, false).await,
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

impl Desk<'_> {
    /// Refuses a change that was made from another state than this one. Tags are lists, and weak ones match
    /// nothing (RFC 9110 section 13.1.1).
    fn expects(&self, version: u64) -> Result<(), IdentityError> {
        let tags = match self.asked.if_match {
            Field::Absent => return Ok(()),
            Field::Once(tags) => std::str::from_utf8(tags).unwrap_or_default(),
            Field::Repeated => return Err(IdentityError::Precondition),
        };
        let now = tag(version);
        match tags.split(',').map(str::trim).any(|tag| tag == "*" || tag == now) {
            true => Ok(()),
            false => Err(IdentityError::Precondition),
        }
    }
}

/// The entity tag of a state.
fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// `{data}`, or `{data, message}` where something was done.
fn data(status: u16, data: &Value, message: Option<&str>) -> Reply {
    match message {
        None => Reply::json(status, &json!({ "data": data })),
        Some(message) => Reply::json(status, &json!({"data": data, "message": message})),
    }
}

/// How often a change is tried anew when somebody else's came first.
const TRIES: usize = 5;

/// Whether a change that somebody else's came before may be made anew from what is there now.
fn came_second(fault: &IdentityError) -> bool {
    matches!(fault, IdentityError::Store(StoreError::Changed { .. }))
}

/// A new secret: what it is, so many random bits, and nothing to be mistaken for something else.
fn random_secret(app: &App, prefix: &str) -> Secret {
    Secret::new(format!("{prefix}{}{}", app.unique(), app.unique()))
}
