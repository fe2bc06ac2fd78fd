//! The registry: agents register their cards, others find them, everybody sees only what he may.

pub mod agents;
pub mod app;
mod body;
pub mod changes;
mod conditions;
pub mod config;
pub mod discover;
mod document;
mod error;
mod gateway;
mod health;
mod history;
mod identity;
pub mod indexing;
pub mod keyring;
mod metrics;
mod openapi;
pub mod operator;
mod policy;
mod routes;
mod server;
pub mod servers;
mod settle;
pub mod storage;
pub mod upstream;
mod url;

pub use app::App;
pub use changes::{FollowLimits, Followers};
pub use gateway::GatewayRules;
pub use identity::Seal;
pub use keyring::Keyring;
pub use metrics::Metrics;
pub use openapi::openapi_document;
pub use routes::{endpoint, operators_endpoint};
pub use server::{Bound, bind};
pub use upstream::{Exchange, UpstreamRules, Upstreams};
