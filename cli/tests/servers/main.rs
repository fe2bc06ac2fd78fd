//! `agentctl server …` and `agentctl search` as a script sees them.

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod fakes;
mod find;
mod keep;
mod look;
mod register;
mod words;
