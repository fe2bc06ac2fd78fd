//! The gateway to MCP servers, through real connections on both of its sides.
//!
//! SKIPPED: written, and neither compiled nor run yet. Named `main.rs` it is a test target; until it has been
//! compiled it must not break the others.

#[path = "../common/mod.rs"]
mod common;
mod stage;

mod answers;
mod faults;
mod permissions;
mod sessions;
mod unreadable;
