//! The real App over a real socket: one test per promise of the design pages.
#![allow(clippy::unwrap_used)]

mod answers;
mod cache;
mod discovery;
#[path = "../../../crates/token/tests/fixture/mod.rs"]
mod fixture;
mod grants;
mod identity;
mod policy;
mod refusals;
mod stack;
mod start;
