//! Who calls: the token file → a token worth sending. What is wrong with it is said in one line, before
//! anything leaves this machine, and never with the token in it.

mod claims;
mod client;
mod find;
mod needs;
mod options;
mod provider;
mod sign_in;
mod token_file;

use std::time::{SystemTime, UNIX_EPOCH};

use boot::Secret;

pub(crate) use self::claims::{Age, Claims, span};
pub(crate) use self::client::{file_name, realm_at, token_endpoint};
pub(crate) use self::find::{Purpose, find as find_client};
pub(crate) use self::needs::Needs;
pub(crate) use self::options::{Checks, Flag, SignIn, address, variable};
pub(crate) use self::provider::{issuers, may_go};
pub(crate) use self::sign_in::{Asked, Granted, Trouble, sign_in};
use self::token_file::Stored;
pub(crate) use self::token_file::{read, warn_of_readers, write};
use crate::http::Http;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, say};
use crate::plain::plain;
use crate::progress::Waiting;

/// Who is waited for while signing in.
pub(crate) const PROVIDER: &str = "the identity provider";

/// A token that will do for what the command needs; one that has expired is replaced, if there are
/// client credentials for it.
///
/// # Errors
/// [`Exit::Credentials`] with one line, and then nothing has been sent to the gateway; those of the
/// sign-in, where there was one.
pub(crate) fn obtain(remote: &Remote, needs: &Needs) -> Result<Secret, Failure> {
    let file = &remote.token_file;
    let stored = read(file).map_err(none)?;
    let (token, claims) = match stale(stored.claims.age(now())) {
        None => (stored.token, stored.claims),
        Some(why) => again(remote, &stored, &why)?,
    };
    needs.check(file, &claims, &remote.checks)?;
    Ok(token)
}

/// Why a token of this age is not worth sending.
pub(crate) fn stale(age: Age) -> Option<String> {
    match age {
        Age::Fresh(_) => None,
        Age::Ending(left) => Some(format!("the token expires in {}", span(left))),
        Age::Expired(ago) => Some(format!("the token expired {} ago", span(ago))),
        Age::Unknown => Some("the token has no 'exp'".to_owned()),
    }
}

/// Signs in again as whoever holds the token, and nobody else.
fn again(remote: &Remote, held: &Stored, why: &str) -> Result<(Secret, Claims), Failure> {
    let file = &remote.token_file;
    let name = file.display();
    let advice = "sign in with 'agentctl token get'";
    let holder = held.client_id.as_deref();
    let Some(client) = find_client(&remote.sign_in, file, Purpose::Renewal(holder))? else {
        let owner = match remote.sign_in.secret() {
            Some(_) if remote.sign_in.client_id().is_none() => {
                "set AGENTCTL_CLIENT_ID beside the secret, or "
            }
            _ => "",
        };
        return Err(none(format!("{name}: {why}: {owner}{advice}")));
    };
    let stranger = |who: &str, holder: &str| {
        let (who, holder) = (plain(who), plain(holder));
        none(format!("{name}: {why}; the credentials at hand are of '{who}', not of '{holder}': {advice}"))
    };
    if let Some(holder) = holder.filter(|holder| *holder != client.id) {
        return Err(stranger(&client.id, holder));
    }
    // A token that was narrowed stays narrow.
    let narrow = held.claims.groups(&remote.checks.groups_claim).is_empty();
    let scope = narrow.then(|| held.claims.own_scopes().join(" ")).filter(|scope| !scope.is_empty());
    let asked = Asked { scope: scope.as_deref(), issuer: held.claims.text("iss") };
    let http = Http::new()?;
    let waiting = Waiting::on(PROVIDER);
    let granted = http.run(sign_in(&http, remote, &client, asked, now())).map_err(|trouble| {
        let failure = trouble.failure();
        Failure {
            message: format!("{name}: {why}, and signing in again failed: {}", failure.message),
            ..failure
        }
    })?;
    drop(waiting);
    // The same client can hold tokens of people: these it cannot replace.
    match (granted.claims.username(), held.claims.username()) {
        (Some(now), Some(before)) if now != before => return Err(stranger(now, before)),
        _ => {}
    }
    say(&format!("the token had expired: signed in again as {}", plain(&client.id)));
    if let Err(fault) = write(file, &granted, now()) {
        say(&format!("{fault}: the new token could not be saved and serves this command alone"));
    }
    Ok((granted.token, granted.claims))
}

fn none(line: String) -> Failure {
    Failure::new(Exit::Credentials, line)
}

/// Seconds since 1970. A clock before that takes every token for fresh; the gateway judges by its own.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
