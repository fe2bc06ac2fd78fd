//! MCP servers in the registry: kept, shown, asked for their tools.

#[path = "../common/mod.rs"]
mod common;

mod fake;
mod keeping;
mod permissions;
mod probing;
mod process;
mod schedule;
mod secrets;
mod world;
