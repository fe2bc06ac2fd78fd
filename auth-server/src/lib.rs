//! The gatekeeper: answers nginx at `/validate`, issues tokens to known clients and agents, and keeps the
//! directory of agents.
//!
//! A request flows one way (design page "house"): headers → question → proof → principal →
//! target decision → answer. The library exists so that tests serve the same [`App`] as `main`.

mod admin;
mod agents;
mod app;
mod asked;
pub mod config;
mod directory;
mod discovery;
mod grants;
mod issuers;
mod keys;
mod metrics;
mod places;
mod reply;
mod router;
mod validate;

pub use app::{App, Random, new_admin_key, system_clock, system_random};
pub use grants::hash_secret;
pub use router::{Doors, serve};
