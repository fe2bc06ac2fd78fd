//! `identity grant` and `revoke`: what an agent may do. Both may be run again and again.

use serde::Deserialize;
use serde_json::json;

use super::address;
use super::agent::list;
use super::options::{Grant, Revoke};
use crate::directory::Directory;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report};
use crate::plain::plain;

/// The capabilities of an agent, as the admin API calls them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    agent_id: String,
    scopes: Vec<String>,
}

/// Which of the wished ones are news, and the list that comes of it.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    news: Vec<String>,
    rest: Vec<String>,
    scopes: Vec<String>,
}

/// Gives an agent capabilities.
pub(super) fn grant(options: &Grant, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let words = Words { done: "granted", not: "held already" };
    let directory = Directory::open(remote, &options.keeper)?;
    let wished = &options.capabilities;
    change(&directory, &options.id, &words, json, |held| {
        let (news, rest): (Vec<_>, _) = distinct(wished).into_iter().partition(|one| !held.contains(one));
        let scopes = [held, &news[..]].concat();
        Change { news, rest, scopes }
    })
}

/// Takes capabilities away from an agent.
pub(super) fn revoke(options: &Revoke, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let words = Words { done: "revoked", not: "not held" };
    let directory = Directory::open(remote, &options.keeper)?;
    let wished = &options.capabilities;
    change(&directory, &options.id, &words, json, |held| {
        let (news, rest): (Vec<_>, _) = distinct(wished).into_iter().partition(|one| held.contains(one));
        let scopes = held.iter().filter(|one| !news.contains(one)).cloned().collect();
        Change { news, rest, scopes }
    })
}

/// What is said of what was done, and of what was so already.
struct Words {
    done: &'static str,
    not: &'static str,
}

fn change(
    directory: &Directory,
    id: &str,
    words: &Words,
    json: bool,
    change: impl Fn(&[String]) -> Change,
) -> Result<Report, Failure> {
    let path = format!("{}/scopes", address(id));
    let (mut news, mut rest) = (Vec::new(), Vec::new());
    let given = directory.rewrite(&path, "the capabilities", |held: Held| {
        let changed = change(&held.scopes);
        (news, rest) = (changed.news, changed.rest);
        (!news.is_empty()).then(|| json!({ "scopes": changed.scopes }))
    })?;
    let held: Held = given.data()?;
    let text = if json {
        let told = json!({"data": {"agentId": held.agent_id, "scopes": held.scopes},
            words.done: news, "changed": !news.is_empty()});
        format!("{told}\n")
    } else {
        let line = |did: &str, one: &String| format!("{did:<12}  {}\n", plain(one));
        let did: String = news.iter().map(|one| line(words.done, one)).collect();
        let so: String = rest.iter().map(|one| line(words.not, one)).collect();
        format!("{did}{so}{}: {}\n", plain(&held.agent_id), plain(&list(&held.scopes)))
    };
    Ok(Report { text, exit: Exit::Done })
}

fn distinct(words: &[String]) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for word in words {
        if !once.contains(word) {
            once.push(word.clone());
        }
    }
    once
}
