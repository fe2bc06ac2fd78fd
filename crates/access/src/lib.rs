//! Who is it, and may they? Pure: no IO, no async, no clock.
//!
//! A [`Policy`] is read from `scopes.yml`; it maps a caller's groups to scopes
//! and decides what a [`Principal`] may do to a [`Resource`].

mod action;
mod calls;
mod capability;
mod compare;
mod decide;
mod directory;
mod explain;
mod fault;
mod grants;
mod groups;
pub mod identity;
mod live;
mod principal;
mod print;
mod reader;
mod record;
mod resource;
mod rules;
mod scope;
pub mod spelling;
mod yaml;

pub use action::Action;
pub use calls::Calls;
pub use capability::{CapabilityFault, DirectoryAction, check_capability};
pub use compare::Change;
pub use decide::{Denied, Permit, View};
pub use directory::{Asker, DirectoryDenied, DirectoryPermit};
pub use explain::{Explanation, ScopeSays, TierSays, Verdict, WouldAllow};
pub use fault::Fault;
pub use live::{LivePolicy, Offered, PolicyState};
pub use principal::Principal;
pub use record::DecisionRecord;
pub use resource::{Resource, Visibility};
pub use rules::Policy;
pub use scope::ScopeSet;
