//! `identity show`, `suspend` and `activate`.

use super::address;
use super::agent::Agent;
use crate::directory::{Directory, One};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done};
use crate::plain::plain;
use crate::table::facts;

/// Shows an agent.
pub(super) fn show(options: &One, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let given = directory.get(&address(&options.id), "the identity")?;
    let agent: Agent = given.data()?;
    Ok(done(json, &given.body, || facts(&agent.rows())))
}

/// Lets an agent sign in, or keeps it from that.
pub(super) fn switch(options: &One, on: bool, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let path = format!("{}/{}", address(&options.id), if on { "activate" } else { "deactivate" });
    let given = directory.send(Method::POST, &path, None, "the switch")?;
    let agent: Agent = given.data()?;
    Ok(done(json, &given.body, || format!("{}: {}\n", plain(&agent.agent_id), plain(&agent.status))))
}
