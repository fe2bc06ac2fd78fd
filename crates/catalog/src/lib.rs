//! What can be registered? Pure: cards in, entries or every fault out.

mod agent;
mod draft;
mod fault;
mod fields;
pub mod json;
pub mod path;
mod reading;
mod schemes;
mod skills;
pub mod text;
mod validate;

pub use agent::{AgentEntry, Provider, Skill, TrustLevel};
pub use draft::AgentDraft;
pub use fault::{Faults, FieldFault};
pub use path::{EntryPath, PathFault, RequestPath};
pub use validate::CardRules;
