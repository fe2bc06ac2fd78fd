//! What can be registered? Pure: cards in, entries or every fault out.

pub mod address;
mod agent;
mod draft;
mod entry;
mod fault;
mod fields;
pub mod json;
mod merge;
pub mod path;
mod place;
mod reading;
mod schemes;
mod server;
mod skills;
pub mod text;
mod validate;

pub use agent::{AgentEntry, Provider, Skill, TrustLevel};
pub use draft::AgentDraft;
pub use entry::{Entry, WriteKind};
pub use fault::{Faults, FieldFault};
pub use path::{EntryPath, PathFault, RequestPath};
pub use place::{Door, NameFault, OWN_SERVER, ServerName, ServerPlace};
pub use server::{
    HIDDEN, MAX_TOOLS, SealedDraft, ServerDraft, ServerEntry, ServerLimits, Tool, Transport, read_tools,
};
pub use validate::CardRules;
