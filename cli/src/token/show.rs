//! `token show`: what the token file holds. Asks nobody.

use serde_json::Value;

use super::options::Show;
use super::{holder, lines};
use crate::credentials::{self, Age, span, stale};
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, say};

pub(super) fn run(remote: &Remote, options: &Show, json: bool) -> Result<Report, Failure> {
    let file = &remote.token_file;
    let stored = credentials::read(file).map_err(|line| Failure::new(Exit::Credentials, line))?;
    let age = stored.claims.age(credentials::now());
    let stale = stale(age);
    let exit = if stale.is_none() { Exit::Done } else { Exit::Credentials };
    let text = if options.raw {
        // Standard output holds the token alone, so this is said elsewhere.
        if let Some(why) = stale {
            say(&format!("{}: {why}: sign in with 'agentctl token get'", file.display()));
        }
        format!("{}\n", stored.token.expose())
    } else if json {
        format!("{:#}\n", Value::Object(stored.claims.all().clone()))
    } else {
        let claims = &stored.claims;
        let mut facts = vec![("file", file.display().to_string())];
        facts.extend(holder(claims, &remote.checks.groups_claim));
        facts.push(("issuer", claims.text("iss").unwrap_or("not told").to_owned()));
        let audience = claims.words("aud");
        facts.push(("audience", if audience.is_empty() { "any".to_owned() } else { audience.join(", ") }));
        facts.push(("expires", end(age)));
        lines(&facts)
    };
    Ok(Report { text, exit })
}

fn end(age: Age) -> String {
    match age {
        Age::Fresh(left) => format!("in {}", span(left)),
        Age::Ending(left) => format!("in {}: stale, sign in with 'agentctl token get'", span(left)),
        Age::Expired(ago) => format!("{} ago: stale, sign in with 'agentctl token get'", span(ago)),
        Age::Unknown => "not told: stale, the gateway takes no such token".to_owned(),
    }
}
