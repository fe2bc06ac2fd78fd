//! `agentctl identity …` and `agentctl mcp-target …` as a script and as a person at a terminal see them: what is
//! asked, what is said, and that no secret is printed but the one that is shown once.

mod budgets;
mod capabilities;
#[path = "../common/mod.rs"]
mod common;
mod fake;
mod identities;
mod keepers;
mod places;
mod refusals;
mod secrets;
mod targets;
mod words;
