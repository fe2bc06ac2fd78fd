//! Removing things from the directory, after a question on a terminal.

use serde::de::IgnoredAny;

use super::{Directory, Several};
use crate::confirm::{confirm, somebody_is_there};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Outcomes, Report, line};

/// Removes all that are named; one that is refused keeps no other from it.
///
/// # Errors
/// When one was refused, or nobody could be asked or said yes.
pub(crate) fn remove(
    options: &Several,
    remote: &Remote,
    json: bool,
    address: impl Fn(&str) -> String,
) -> Result<Report, Failure> {
    if !options.yes {
        somebody_is_there()?;
    }
    let directory = Directory::open(remote, &options.keeper)?;
    if !options.yes {
        confirm(options.ids.iter().map(String::as_str))?;
    }
    let mut outcomes = Outcomes::new(json);
    for id in &options.ids {
        let gone = directory.send(Method::DELETE, &address(id), None, "the removal");
        // A page that says 200 to everything has removed nothing.
        match gone.and_then(|given| given.data::<IgnoredAny>().map(|_| given)) {
            Ok(given) if json => outcomes.told(&line(&given.body)),
            Ok(_) => outcomes.told(&format!("{id}: deleted\n")),
            Err(failure) => outcomes.failed(id, failure)?,
        }
    }
    outcomes.end()
}
