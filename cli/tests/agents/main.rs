//! `agentctl agent …` as a script and as a person at a terminal see it.

#[path = "../common/mod.rs"]
mod common;
mod fakes;
mod find;
mod keep;
mod publish;
mod screen;
mod test_agents;
mod words;
