//! `access explain`: why was this allowed, or not?

use access::Action;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::options::Explain;
use crate::outcome::{Exit, Failure, Report};
use crate::plain::plain;
use crate::table::table;

/// Paths of one cell; the rest is in the JSON.
const MOST_REACHED: usize = 4;

/// A decision and its reasons, as the registry tells them.
#[derive(Deserialize)]
pub(super) struct Answer {
    verdict: String,
    reason: String,
    groups: Vec<String>,
    scopes: Vec<Scope>,
    visibility: Option<String>,
    would_allow: Vec<Alternative>,
    policy_version: String,
}

#[derive(Deserialize)]
struct Scope {
    scope: String,
    ui_scopes: Tier,
    agents_block: Tier,
    /// Of registries that speak MCP.
    #[serde(default)]
    server_entries: Tier,
    allows: bool,
}

#[derive(Default, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
enum Tier {
    #[default]
    Nothing,
    Allows {
        resource: String,
        line: u32,
    },
    Refuses {
        #[serde(default)]
        reaches: Vec<String>,
    },
}

#[derive(Deserialize)]
struct Alternative {
    scope: String,
    groups: Vec<String>,
    line: u32,
}

/// What to ask; a question without groups, scopes and username is about the caller himself.
///
/// # Errors
/// [`Exit::WrongUse`] for an agent without the slash that its path begins with.
pub(super) fn question(options: &Explain) -> Result<Value, Failure> {
    let is_agents = Action::named(&options.action).is_some_and(Action::is_agent);
    if is_agents && !options.resource.starts_with('/') {
        let line = format!("--resource: an agent's path begins with a slash: /{}", plain(&options.resource));
        return Err(Failure::new(Exit::WrongUse, line));
    }
    let mut question = json!({"action": options.action, "resource": options.resource});
    if let Some(tool) = &options.tool {
        question["tool"] = json!(tool);
    }
    if !options.groups.is_empty() {
        question["groups"] = json!(options.groups);
    }
    if !options.scopes.is_empty() {
        question["scopes"] = json!(options.scopes);
    }
    if let Some(username) = &options.username {
        question["username"] = json!(username);
    }
    Ok(question)
}

/// The answer for people, or the server's own JSON. Every verdict but `allowed` is a no.
pub(super) fn report(answer: &Answer, json: Option<String>) -> Report {
    super::report(json, || text(answer), answer.verdict == "allowed")
}

fn text(answer: &Answer) -> String {
    let verdict = match &*answer.verdict {
        "outside_grants" => "outside_grants: no scope reaches the path, calls answer 403".to_owned(),
        "invisible" => "invisible: absent, or hidden from the caller; calls answer 404".to_owned(),
        verdict => plain(verdict),
    };
    let mut out = format!("verdict     {verdict}\nreason      {}\n", plain(&answer.reason));
    if let Some(why) = &answer.visibility {
        out += &format!("visibility  {}\n", plain(why));
    }
    let groups = if answer.groups.is_empty() { "none".to_owned() } else { answer.groups.join(", ") };
    out += &format!("groups      {}\npolicy      {}\n\n", plain(&groups), plain(&answer.policy_version));
    if answer.scopes.is_empty() {
        out += "no scopes\n";
    } else {
        let is_call = answer.scopes.iter().any(|scope| !matches!(scope.server_entries, Tier::Nothing));
        out += &if is_call {
            let rows: Vec<[String; 3]> = answer.scopes.iter().map(call_row).collect();
            table(["scope", "server entries say", "allows"], &rows)
        } else {
            let rows: Vec<[String; 4]> = answer.scopes.iter().map(row).collect();
            table(["scope", "UI-Scopes says", "agents block says", "allows"], &rows)
        };
    }
    if !answer.would_allow.is_empty() {
        out.push('\n');
    }
    answer.would_allow.iter().for_each(|would| out += &alternative(would));
    out
}

fn row(scope: &Scope) -> [String; 4] {
    [scope.scope.clone(), says(&scope.ui_scopes), says(&scope.agents_block), allows(scope)]
}

/// Of a method that is called, the server entries decide alone.
fn call_row(scope: &Scope) -> [String; 3] {
    [scope.scope.clone(), says(&scope.server_entries), allows(scope)]
}

fn allows(scope: &Scope) -> String {
    if scope.allows { "yes" } else { "no" }.to_owned()
}

fn says(tier: &Tier) -> String {
    match tier {
        Tier::Nothing => "nothing".to_owned(),
        Tier::Allows { resource, line } => format!("allows {resource} ({})", place(*line)),
        Tier::Refuses { reaches } if reaches.is_empty() => "refuses, reaches nothing".to_owned(),
        Tier::Refuses { reaches } => {
            let shown = reaches.iter().take(MOST_REACHED).map(String::as_str).collect::<Vec<_>>().join(", ");
            match reaches.len().saturating_sub(MOST_REACHED) {
                0 => format!("refuses, reaches {shown}"),
                more => format!("refuses, reaches {shown} and {more} more"),
            }
        }
    }
}

fn alternative(would: &Alternative) -> String {
    let groups = match &would.groups[..] {
        [] => "no group maps to it".to_owned(),
        [group] => format!("group {group}"),
        groups => format!("groups {}", groups.join(", ")),
    };
    let (scope, groups) = (plain(&would.scope), plain(&groups));
    format!("would be allowed by scope {scope} ({groups}; {})\n", place(would.line))
}

/// Line 0 stands for what is built in.
fn place(line: u32) -> String {
    if line == 0 { "built in".to_owned() } else { format!("line {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(verdict: &str) -> Answer {
        let answer = json!({"verdict": verdict, "reason": "r", "groups": [], "scopes": [], "would_allow": [],
            "policy_version": "v"});
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn only_allowed_is_a_yes() {
        for (verdict, expected) in [
            ("allowed", Exit::Done),
            ("outside_grants", Exit::Refused),
            ("invisible", Exit::Refused),
            ("a verdict of later versions", Exit::Refused),
        ] {
            assert_eq!(report(&answer(verdict), None).exit, expected);
            assert_eq!(report(&answer(verdict), Some("{}".to_owned())).exit, expected);
        }
    }

    #[test]
    fn a_tier_speaks_in_few_words() {
        let paths = |count: usize| (0..count).map(|number| format!("/{number}")).collect();
        for (tier, expected) in [
            (Tier::Nothing, "nothing"),
            (Tier::Allows { resource: "all".into(), line: 7 }, "allows all (line 7)"),
            (Tier::Allows { resource: "all".into(), line: 0 }, "allows all (built in)"),
            (Tier::Refuses { reaches: Vec::new() }, "refuses, reaches nothing"),
            (Tier::Refuses { reaches: paths(4) }, "refuses, reaches /0, /1, /2, /3"),
            (Tier::Refuses { reaches: paths(6) }, "refuses, reaches /0, /1, /2, /3 and 2 more"),
        ] {
            assert_eq!(says(&tier), expected);
        }
    }
}
