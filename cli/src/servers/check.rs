//! `server check`: the registry asks the server now.

use access::Action;
use catalog::EntryPath;
use serde::Deserialize;

use crate::credentials::Needs;
use crate::entries::SERVER;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, done};
use crate::table::facts;

/// The word for a server that answers.
const HEALTHY: &str = "healthy";

#[derive(Deserialize)]
struct Health {
    health_status: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    last_checked_iso: Option<String>,
    num_tools: u64,
}

/// Has the server asked for its tools, and says how it is. Every answer but a good one is a no.
pub(super) fn check(path: &EntryPath, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let session = Session::open(remote, &[Needs::on(Action::HealthCheckService, path.clone())])?;
    let address = format!("{}/health", SERVER.address(path));
    let reply = session.ask(Call::new(Method::POST, address).waiting_for(format!("the check of {path}")))?;
    let health: Health = reply.read()?;
    let exit = if health.health_status == HEALTHY { Exit::Done } else { Exit::Refused };
    let told = done(json, &reply.body, || {
        let mut rows = vec![("status", health.health_status)];
        rows.extend(health.reason.map(|reason| ("reason", reason)));
        rows.push(("tools", health.num_tools.to_string()));
        rows.extend(health.last_checked_iso.map(|at| ("checked at", at)));
        facts(&rows)
    });
    Ok(Report { exit, ..told })
}
