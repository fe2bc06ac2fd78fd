//! Who calls: the token file → a token worth sending. What is wrong with it is said in one line, before
//! anything leaves this machine, and never with the token in it.

mod claims;
mod file;
mod needs;
mod options;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use boot::Secret;

use self::claims::{Age, span};
pub(crate) use self::needs::Needs;
pub(crate) use self::options::Checks;
use crate::options::Remote;
use crate::outcome::{Exit, Failure};

/// A token that will do for what the command needs.
///
/// # Errors
/// [`Exit::Credentials`] with one line, and then nothing has been sent to the gateway.
pub(crate) fn obtain(remote: &Remote, needs: &Needs) -> Result<Secret, Failure> {
    let file = &remote.token_file;
    let stored = file::read(file).map_err(none)?;
    if stored.open {
        eprintln!("agentctl: {name}: others may read the token: chmod 600 {name}", name = file.display());
    }
    if let Some(why) = stale(file, stored.claims.age(now())) {
        return Err(none(why));
    }
    needs.check(file, &stored.claims, &remote.checks)?;
    Ok(stored.token)
}

/// Why a token of this age is not worth sending.
fn stale(file: &Path, age: Age) -> Option<String> {
    let what = match age {
        Age::Fresh(_) => return None,
        Age::Ending(left) => format!("the token expires in {}", span(left)),
        Age::Expired(ago) => format!("the token expired {} ago", span(ago)),
        Age::Unknown => "the token has no 'exp'".to_owned(),
    };
    Some(format!("{}: {what}: sign in with 'agentctl token get'", file.display()))
}

fn none(line: String) -> Failure {
    Failure::new(Exit::Credentials, line)
}

/// Seconds since 1970. A clock before that takes every token for fresh; the gateway judges by its own.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
