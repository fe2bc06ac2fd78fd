//! `agentctl token …`: sign in, and see who one is.

mod get;
mod options;
mod show;
mod watch;

pub(crate) use self::options::{EXAMPLES, TokenCommand};
use crate::credentials::Claims;
use crate::options::Remote;
use crate::outcome::{Failure, Report};
use crate::plain::plain;

/// Runs one of the commands.
pub(crate) fn run(command: &TokenCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        TokenCommand::Get(options) if options.watch => watch::run(remote, options, json),
        TokenCommand::Get(options) => get::run(remote, options, json),
        TokenCommand::Show(options) => show::run(remote, options, json),
    }
}

/// Facts, one to a line.
fn lines(facts: &[(&str, String)]) -> String {
    facts.iter().map(|(name, fact)| format!("{name:<9} {}\n", plain(fact))).collect()
}

/// Who holds a token and what it holds.
fn holder(claims: &Claims, groups_claim: &str) -> [(&'static str, String); 4] {
    let some = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let one = |text: Option<&str>| text.unwrap_or("not told").to_owned();
    [
        ("username", one(claims.username())),
        ("client", one(claims.client())),
        ("groups", some(claims.groups(groups_claim))),
        ("scopes", some(claims.words("scope"))),
    ]
}
