//! What every call of the admin API works with, and the form of its answers.

use std::sync::{Arc, OnceLock};

use access::{DirectoryPermit, Principal};
use serde_json::{Value, json};
use store::StoreError;
use store::directory::{AgentIdentity, Directory, Done, McpTarget, Wish};

use crate::agents::{Agents, IdentityError};
use crate::app::App;
use crate::asked::Asked;
use crate::grants::Embedded;
use crate::reply::Reply;
use crate::validate::Field;

/// Who keeps the directory.
pub(super) enum Keeper {
    /// Whoever has the organisation's key.
    Key,
    /// A person or service with the scope.
    Bearer(Principal),
}

/// One call.
pub(super) struct Desk<'a> {
    pub(super) app: &'a App,
    pub(super) issuer: &'a Embedded,
    pub(super) agents: &'a Agents,
    pub(super) asked: &'a Asked<'a>,
    pub(super) permit: &'a DirectoryPermit,
    pub(super) keeper: Keeper,
    /// What was made, for the audit trail.
    pub(super) about: OnceLock<String>,
}

impl Desk<'_> {
    pub(super) fn directory(&self) -> Arc<Directory> {
        self.agents.known()
    }

    /// Notes what the call turned out to be about.
    pub(super) fn is_about(&self, id: &str) {
        // It is noted once: a call makes one thing.
        let _ = self.about.set(id.to_owned());
    }

    /// Whether who asks may have an agent be in these groups beside those it is in, or be such an agent: nobody
    /// gives more of the registry than he has himself, but for the organisation's key. What is shown to a group
    /// alone goes by its name, so that its scopes do not say all it gives: he must be in it, or be an admin. A group
    /// that nobody maps today may be mapped tomorrow.
    ///
    /// # Errors
    /// [`IdentityError::Groups`].
    pub(super) fn may_give(&self, groups: &[String], beside: &[String]) -> Result<(), IdentityError> {
        let Keeper::Bearer(who) = &self.keeper else { return Ok(()) };
        let policy = self.app.policy.current();
        let has = |group: &String| {
            let given = policy.scopes_for(std::slice::from_ref(group));
            who.in_group(group) || policy.is_admin(who) && !given.is_empty() && given.is_subset(&who.scopes)
        };
        match groups.iter().all(|group| beside.contains(group) || has(group)) {
            true => Ok(()),
            false => Err(IdentityError::Groups),
        }
    }

    /// The version that a change by a bearer must find, where what he may give was judged by it.
    pub(super) fn judged(&self, version: u64) -> Option<u64> {
        matches!(self.keeper, Keeper::Bearer(_)).then_some(version)
    }

    /// The version that a change must find, where `If-Match` names one. Tags are lists, and weak ones match
    /// nothing (RFC 9110 section 13.1.1).
    ///
    /// # Errors
    /// [`IdentityError::Precondition`] when it names another one than `now`.
    pub(super) fn expects(&self, now: u64) -> Result<Option<u64>, IdentityError> {
        let tags = match self.asked.if_match {
            Field::Absent => return Ok(None),
            Field::Once(tags) => std::str::from_utf8(tags).unwrap_or_default(),
            Field::Repeated => return Err(IdentityError::Precondition),
        };
        let tag = tag(now);
        match tags.split(',').map(str::trim).find(|one| *one == "*" || *one == tag) {
            Some("*") => Ok(None),
            Some(_) => Ok(Some(now)),
            None => Err(IdentityError::Precondition),
        }
    }

    pub(super) async fn write(&self, wish: Wish) -> Result<Done, IdentityError> {
        self.agents.write(self.permit, wish).await.map_err(|fault| match fault {
            // It changed between our look at it and the writing.
            StoreError::Changed { .. } if self.asked.if_match != Field::Absent => IdentityError::Precondition,
            fault => IdentityError::Store(fault),
        })
    }

    /// A write that an agent comes of.
    pub(super) async fn agent(&self, wish: Wish) -> Result<Arc<AgentIdentity>, IdentityError> {
        match self.write(wish).await? {
            Done::Agent(agent) => Ok(agent),
            Done::Target(_) | Done::Usage(_) | Done::Nothing => Err(IdentityError::Absent("agent")),
        }
    }

    /// A write that a target comes of.
    pub(super) async fn target(&self, wish: Wish) -> Result<Arc<McpTarget>, IdentityError> {
        match self.write(wish).await? {
            Done::Target(target) => Ok(target),
            Done::Agent(_) | Done::Usage(_) | Done::Nothing => Err(IdentityError::Absent("MCP server")),
        }
    }
}

/// The entity tag of a state. An agent's own words of itself do not change it: no agent can get in the way of
/// whoever keeps it.
pub(super) fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// `{data}`, or `{data, message}` where something was done.
pub(super) fn data(status: u16, data: &Value, message: Option<&str>) -> Reply {
    match message {
        None => Reply::json(status, &json!({ "data": data })),
        Some(message) => Reply::json(status, &json!({"data": data, "message": message})),
    }
}
