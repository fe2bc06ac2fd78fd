//! Agents with an identity, one file per room (design page "agent-identity").

mod admin_agents;
mod admin_key;
mod admin_targets;
mod bound;
mod budget;
mod discovery;
mod exchange;
mod given;
mod introspect;
mod keycloak;
mod live;
mod odd;
mod org;
mod program;
mod register;
mod revoke;
mod seal;
mod sign_in;
mod states;
mod trail;
mod usage;
mod userinfo;
