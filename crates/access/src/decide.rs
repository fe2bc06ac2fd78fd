//! The decision: may this principal do this to that resource?
//!
//! How the tiers combine (design page "access", section 3): of agents, a scope with
//! both a UI-Scopes entry and an `agents` block allows what both allow; with one of
//! them, that one decides. Of MCP servers, UI-Scopes decides alone. The caller may if
//! any of his scopes allows.

use crate::grants::Grants;
use crate::resource::EntryFacts;
use crate::{Action, Policy, Principal, Resource, Visibility};

/// Proof that `decide` said yes. Nothing else can make one, and every write of
/// the store asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    action: Action,
    path: String,
    admin: bool,
    by: String,
    client_id: Option<String>,
}

impl Permit {
    /// Whether it was given for exactly this.
    pub fn is_for(&self, action: Action, path: &str) -> bool {
        self.action == action && self.path == path
    }

    /// Whether the holder is an admin (may set trust and registrant).
    pub fn is_admin(&self) -> bool {
        self.admin
    }

    /// The username of whom it was given to: what a store notes as the author of a change.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// The OAuth client he came with.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }
}

/// Why the answer is no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No scope of the caller reaches this path; said whether or not anything lives there.
    #[error("your scopes do not grant '{}' on this path", .0.name())]
    OutsideGrants(Action),
    /// Within the caller's grants, but absent or not visible to him: the two must look alike.
    #[error("there is no such entry")]
    Invisible,
}

impl Policy {
    /// Decides one action on one resource.
    ///
    /// # Errors
    /// [`Denied::OutsideGrants`] first, so that no answer tells an outsider what exists.
    pub fn decide(&self, who: &Principal, action: Action, resource: &Resource) -> Result<Permit, Denied> {
        self.view(who, action).decide(resource)
    }

    /// Whether the caller holds a scope that grants every agent permission on `all`.
    pub fn is_admin(&self, who: &Principal) -> bool {
        who.scopes.iter().any(|scope| self.ui.get(scope).is_some_and(Grants::are_admin))
    }

    /// One principal's sight for one action, resolved once for many resources.
    pub fn view<'a>(&'a self, who: &'a Principal, action: Action) -> View<'a> {
        let tiers = who.scopes.iter().filter_map(|scope| self.tiers(scope, action)).collect();
        View { who, action, admin: self.is_admin(who), tiers }
    }

    /// What decides about a scope: one tier, and what refines it. An `agents` block speaks of agents alone: for
    /// MCP servers it neither grants nor refines anything.
    fn tiers(&self, scope: &str, action: Action) -> Option<(&Grants, Option<&Grants>)> {
        let ui = self.ui.get(scope);
        if !action.is_agent() {
            return ui.map(|ui| (ui, None));
        }
        let block = self.sections.get(scope).and_then(|section| section.agents.as_ref());
        match (ui, block) {
            (Some(ui), refined) => Some((ui, refined)),
            (None, Some(alone)) => Some((alone, None)),
            (None, None) => None,
        }
    }
}

/// What one principal may do, for one action.
pub struct View<'a> {
    who: &'a Principal,
    action: Action,
    admin: bool,
    tiers: Vec<(&'a Grants, Option<&'a Grants>)>,
}

impl View<'_> {
    /// Whether the resource is within the grants and visible.
    pub fn sees(&self, resource: &Resource) -> bool {
        self.decide_quietly(resource).is_ok()
    }

    /// Whether there is any resource at all that the grants reach: who may do a thing nowhere
    /// is refused before anything he sends is looked at.
    pub fn reaches_anything(&self) -> bool {
        self.tiers.iter().any(|(tier, refined)| {
            tier.reach(self.action) && refined.is_none_or(|refined| refined.reach(self.action))
        })
    }

    /// Whether there can be no entry, wherever it lives and whomever it is restricted to, that is not seen.
    pub fn sees_everything(&self) -> bool {
        let reaches = |grants: &Grants| grants.reach_all(self.action);
        let is_on_all =
            |(tier, refined): &(&Grants, Option<&Grants>)| reaches(tier) && refined.is_none_or(reaches);
        self.admin && self.tiers.iter().any(is_on_all)
    }

    fn decide(&self, resource: &Resource) -> Result<Permit, Denied> {
        self.decide_quietly(resource)?;
        Ok(Permit {
            action: self.action,
            path: resource.path().to_owned(),
            admin: self.admin,
            by: self.who.username.clone(),
            client_id: self.who.client_id.clone(),
        })
    }

    fn decide_quietly(&self, resource: &Resource) -> Result<(), Denied> {
        if !self.grants(resource.path()) {
            return Err(Denied::OutsideGrants(self.action));
        }
        // Who may publish at a path is told whether it is taken: 409 is the documented answer.
        if self.action == Action::PublishAgent || self.action == Action::RegisterService {
            return Ok(());
        }
        match resource.facts() {
            Some(entry) if self.is_visible(entry) => Ok(()),
            Some(_) | None => Err(Denied::Invisible),
        }
    }

    fn grants(&self, path: &str) -> bool {
        self.tiers.iter().any(|(tier, refined)| {
            tier.allow(self.action, path) && refined.is_none_or(|refined| refined.allow(self.action, path))
        })
    }

    fn is_visible(&self, entry: &EntryFacts) -> bool {
        let registrant = !entry.owner.is_empty() && entry.owner == self.who.username;
        let privileged = self.admin || registrant;
        match entry.visibility {
            Visibility::Public => true,
            Visibility::Private => privileged,
            Visibility::GroupRestricted => {
                privileged || entry.allowed_groups.iter().any(|group| self.who.in_group(group))
            }
        }
    }
}
