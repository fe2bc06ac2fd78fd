//! What another policy would do.

use access::{Change, Fault, Policy, Resource};

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// A candidate's faults, or what it would change.
pub(super) struct Answer {
    pub(super) version: Option<String>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
    pub(super) changes: Vec<Change>,
}

/// Compares a candidate with the policy in force; changes nothing.
pub(super) fn simulate(app: &App, caller: &Caller, candidate: &str) -> Result<Answer, ApiError> {
    if !caller.policy.is_admin(&caller.who) {
        let message = "only an admin may simulate a policy";
        return Err(app.forbid(caller, "simulate_access", "/", message));
    }
    let candidate = match Policy::read(candidate, false) {
        Ok(policy) => policy,
        Err(faults) => {
            return Ok(Answer { version: None, faults, warnings: Vec::new(), changes: Vec::new() });
        }
    };
    let (agents, servers) = (app.picture()?, app.shown(&*app.servers)?);
    let agents: Vec<&Resource> = agents.iter().map(|entry| &*entry.resource).collect();
    let servers: Vec<&Resource> = servers.iter().map(|entry| &*entry.resource).collect();
    Ok(Answer {
        version: Some(candidate.version().to_owned()),
        faults: Vec::new(),
        warnings: candidate.warnings().to_vec(),
        changes: caller.policy.compare(&candidate, &agents, &servers),
    })
}
