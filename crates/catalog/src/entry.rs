//! What every kind of entry has in common: a path, a card, and what access decides about it.

use std::fmt::Debug;
use std::sync::Arc;

use access::{Action, Permit, Resource};
use serde_json::{Map, Value};

use crate::{EntryPath, Faults};

/// A write of a store, as far as permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// Something new at a path.
    Insert,
    /// Another state of what is there.
    Replace,
    /// It goes.
    Remove,
}

/// Something that is registered at a path: an agent, or an MCP server.
pub trait Entry: Clone + Debug + Send + Sync + Sized + 'static {
    /// The plural that files and tables of entries are named by: `agents`, `servers`.
    const PLURAL: &'static str;
    /// The singular, for messages and file names: `agent`, `server`.
    const SINGULAR: &'static str;

    /// The entry of a stored card. Less strict than registration, strict in all that access needs.
    ///
    /// # Errors
    /// Every fault that makes the card unusable.
    fn from_card(path: EntryPath, card: Map<String, Value>) -> Result<Self, Faults>;

    /// Where it lives.
    fn path(&self) -> &EntryPath;

    /// Strong entity tag of the whole card, with its quotes (RFC 9110 section 8.8.3).
    fn etag(&self) -> &str;

    /// The whole card as compact JSON, as it is stored.
    fn json(&self) -> &Arc<str>;

    /// Whether discovery finds it.
    fn enabled(&self) -> bool;

    /// What access decides about it.
    fn resource(&self) -> &Arc<Resource>;

    /// The name that policies have for what lives at a path.
    fn policy_name(path: &EntryPath) -> &str;

    /// What a writer may have been permitted to do: any one of these.
    fn actions(write: WriteKind) -> &'static [Action];

    /// The whole card.
    fn card(&self) -> Map<String, Value> {
        serde_json::from_str(self.json()).unwrap_or_default()
    }

    /// Whether the permit is for this write at this path.
    fn is_permitted(permit: &Permit, write: WriteKind, path: &EntryPath) -> bool {
        let name = Self::policy_name(path);
        Self::actions(write).iter().any(|action| permit.is_for(*action, name))
    }
}
