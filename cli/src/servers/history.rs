//! `server history`: who has changed a server, when, and what.

use access::Action;
use serde::Deserialize;

use super::options::History;
use crate::credentials::Needs;
use crate::entries::SERVER;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::table::{fit, room};

#[derive(Deserialize)]
struct Told {
    changes: Vec<Change>,
    total_count: u64,
}

#[derive(Deserialize)]
struct Change {
    change: u64,
    at: String,
    by: String,
    what: String,
    #[serde(default)]
    fields: Vec<String>,
}

/// The changes that are remembered, the latest first.
pub(super) fn history(options: &History, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let path = &options.path;
    let session = Session::open(remote, &[Needs::on(Action::ListService, path.clone())])?;
    let mut call = Call::new(Method::GET, format!("{}/history", SERVER.address(path)));
    for (name, number) in [("before", options.before), ("limit", options.limit)] {
        if let Some(number) = number {
            call = call.query(name, &number.to_string());
        }
    }
    let reply = session.ask(call.waiting_for(format!("the history of {path}")))?;
    let told: Told = reply.read()?;
    let shown = u64::try_from(told.changes.len()).unwrap_or(u64::MAX);
    // With `before` the rest may be what was left out on purpose.
    if let Some(last) = told.changes.last().filter(|_| options.before.is_none() && shown < told.total_count) {
        say(&format!(
            "the last {shown} of {} changes: --before {} has older ones",
            told.total_count, last.change
        ));
    }
    let row = |change: &Change| {
        let Change { change, at, by, what, fields } = change;
        [change.to_string(), at.clone(), by.clone(), what.clone(), fields.join(", ")]
    };
    let rows: Vec<_> = told.changes.iter().map(row).collect();
    let titles = ["CHANGE", "AT", "BY", "WHAT", "FIELDS"];
    Ok(done(json, &reply.body, || fit(titles, &rows, [false, false, true, false, true], room())))
}
