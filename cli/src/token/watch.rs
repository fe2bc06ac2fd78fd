//! `token get --watch`: keeps the token file fresh until it is told to stop.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime};

use boot::stop::Stop;

use super::get::{once, told};
use super::options::Get;
use crate::credentials::{Trouble, span};
use crate::http::Http;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, say};
use crate::plain::{json_on, plain};

/// Renewed when this is left: who takes the file now has time to use it.
const LEAST_LEFT: u64 = 60;

/// The first wait after a failure, and the longest: a provider that is back is not asked much later, or the
/// token would end in between.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// A year and a half, in seconds.
const LONGEST: u64 = 547 * 86_400;

/// A machine that slept sees at most this much later that a token has ended meanwhile.
const GLANCE: Duration = Duration::from_secs(10);

pub(super) fn run(remote: &Remote, options: &Get, json: bool) -> Result<Report, Failure> {
    let http = Http::new()?;
    http.run(async {
        let stop = Stop::listen()
            .map_err(|fault| Failure::new(Exit::Refused, format!("cannot wait for signals: {fault}")))?;
        tokio::select! {
            signal = stop.wait() => {
                say(&format!("{signal}: the token file is left as it is"));
                Ok(Report { text: String::new(), exit: Exit::Done })
            }
            failure = renew(&http, remote, options, json) => Err(failure),
        }
    })
}

/// Renews for ever. Only a first sign-in that cannot succeed ends it: later on the provider may be
/// changing what it refuses now.
async fn renew(http: &Http, remote: &Remote, options: &Get, json: bool) -> Failure {
    let (mut signed_in, mut wait) = (false, WAITS.0);
    loop {
        match once(http, remote, options).await {
            Ok(granted) => {
                (signed_in, wait) = (true, WAITS.0);
                let left = due(granted.lifetime);
                let (who, next) = (plain(&granted.client_id), span(left));
                say(&format!("signed in as {who} for {}; renewed in {next}", span(granted.lifetime)));
                if json && let Err(fault) = print(format!("{}\n", told(remote, &granted))) {
                    return Failure::new(Exit::Refused, format!("cannot write to standard output: {fault}"));
                }
                pause(Duration::from_secs(left)).await;
            }
            Err(Trouble::Lasting(failure)) if !signed_in => return failure,
            Err(trouble) => {
                let (why, next) = (trouble.failure().message, span(wait.as_secs()));
                say(&format!("{why}; next try in {next}"));
                pause(wait).await;
                wait = (wait * 2).min(WAITS.1);
            }
        }
    }
}

/// How long a token is kept: two thirds of its life, or until a minute is left; the short-lived ones
/// for a third. What lives longer than any process is looked at once a year.
fn due(lifetime: u64) -> u64 {
    let lifetime = lifetime.min(LONGEST);
    (lifetime * 2 / 3).min(lifetime.saturating_sub(LEAST_LEFT)).max(lifetime / 3).max(1)
}

/// Waits by both clocks: a timer stands still while the machine sleeps, and the date may be set back.
async fn pause(wait: Duration) {
    let (instant, date) = (Instant::now(), SystemTime::now());
    loop {
        let passed = instant.elapsed().max(date.elapsed().unwrap_or_default());
        match wait.checked_sub(passed) {
            None | Some(Duration::ZERO) => return,
            Some(left) => tokio::time::sleep(left.min(GLANCE)).await,
        }
    }
}

fn print(line: String) -> io::Result<()> {
    let line = json_on(io::stdout().is_terminal(), line);
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_back_is_asked_before_the_token_ends() {
        // A token of five minutes is renewed when 100 s are left.
        assert!(WAITS.1.as_secs() * 2 < LEAST_LEFT);
    }

    #[test]
    fn a_token_is_renewed_while_it_still_serves() {
        for (lifetime, expected) in [
            (3600, 2400),
            (300, 200),
            (180, 120),
            (120, 60),
            (90, 30),
            (60, 20),
            (3, 1),
            (1, 1),
            (0, 1),
            (u64::MAX, LONGEST * 2 / 3),
        ] {
            assert_eq!(due(lifetime), expected, "{lifetime}");
        }
    }
}
