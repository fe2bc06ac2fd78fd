//! The gateway to MCP servers, through real connections on both of its sides.

#[path = "../common/mod.rs"]
mod common;
mod stage;

mod answers;
mod faults;
mod permissions;
mod sessions;
mod unreadable;
