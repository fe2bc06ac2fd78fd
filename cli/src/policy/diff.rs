//! `access diff`: what would this file change?

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::count;
use super::place::{self, Place};
use crate::outcome::Report;
use crate::plain::plain;
use crate::table::table;

/// What a candidate would do, as the registry tells it.
#[derive(Deserialize)]
pub(super) struct Answer {
    policy_version: String,
    candidate_version: Option<String>,
    faults: Vec<Place>,
    warnings: Vec<Place>,
    total_gained: usize,
    total_lost: usize,
    /// Not all of them, where there are very many.
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    group: String,
    path: String,
    action: String,
    change: Direction,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Gained,
    Lost,
}

/// What to ask.
pub(super) fn question(policy: &str) -> Value {
    json!({"policy": policy})
}

/// The answer for people, or the server's own JSON. A loss is a no, and so is a fault.
pub(super) fn report(file: &Path, answer: &Answer, json: Option<String>) -> Report {
    // A candidate without a version was not understood, whatever the rest of the answer says.
    let taken = answer.faults.is_empty() && answer.candidate_version.is_some();
    super::report(json, || text(file, answer), taken && answer.total_lost == 0)
}

fn text(file: &Path, answer: &Answer) -> String {
    let name = file.display();
    let mut out = place::faults(file, &answer.faults) + &place::warnings(file, &answer.warnings);
    let Some(version) = &answer.candidate_version else {
        return out
            + &format!("{name}: {}: no server takes this file\n", count(answer.faults.len(), "fault"));
    };
    if !answer.changes.is_empty() {
        out += &table(["group", "path", "gained", "lost"], &rows(&answer.changes));
        out.push('\n');
    }
    let (gained, lost) = (answer.total_gained, answer.total_lost);
    let (version, running) = (plain(version), plain(&answer.policy_version));
    out += &format!("{name}: {gained} gained, {lost} lost: version {version} against {running} in force\n");
    let (shown, all) = (answer.changes.len(), gained.saturating_add(lost));
    if shown < all {
        out += &format!("the table is cut: it shows {shown} of {all} changes\n");
    }
    out
}

/// One row for each group and path; the server sends them in order.
fn rows(changes: &[Change]) -> Vec<[String; 4]> {
    let same = |one: &Change, other: &Change| one.group == other.group && one.path == other.path;
    let row = |changes: &[Change]| {
        let (mut gained, mut lost) = (Vec::new(), Vec::new());
        for change in changes {
            match change.change {
                Direction::Gained => gained.push(&*change.action),
                Direction::Lost => lost.push(&*change.action),
            }
        }
        let Change { group, path, .. } = &changes[0];
        [group.clone(), path.clone(), gained.join(" "), lost.join(" ")]
    };
    // A chunk is never empty.
    changes.chunk_by(same).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Exit;

    fn said(answer: Value) -> (Exit, String) {
        let report = report(Path::new("next.yml"), &serde_json::from_value(answer).unwrap(), None);
        (report.exit, report.text)
    }

    fn change(group: &str, path: &str, action: &str, change: &str) -> Value {
        json!({"group": group, "path": path, "action": action, "change": change})
    }

    #[test]
    fn changes_are_gathered_by_group_and_path() {
        let changes = [
            change("lob1", "/a", "get_agent", "gained"),
            change("lob1", "/a", "list_agents", "gained"),
            change("lob1", "/a", "modify_agent", "lost"),
            change("lob2", "/a", "get_agent", "lost"),
        ];
        let (exit, text) = said(json!({"policy_version": "1", "candidate_version": "2", "faults": [],
            "warnings": [], "total_gained": 2, "total_lost": 2, "changes": changes}));
        assert_eq!(exit, Exit::Refused);
        assert_eq!(
            text,
            "group  path  gained                 lost\n\
             lob1   /a    get_agent list_agents  modify_agent\n\
             lob2   /a                           get_agent\n\n\
             next.yml: 2 gained, 2 lost: version 2 against 1 in force\n"
        );
    }

    #[test]
    fn a_cut_table_says_so_and_a_loss_beyond_it_counts() {
        let (exit, text) = said(json!({"policy_version": "1", "candidate_version": "2", "faults": [],
            "warnings": [], "total_gained": 10_000, "total_lost": 1,
            "changes": [change("g", "/a", "get_agent", "gained")]}));
        assert_eq!(exit, Exit::Refused);
        assert!(text.ends_with("the table is cut: it shows 1 of 10001 changes\n"), "{text}");
    }

    #[test]
    fn a_candidate_that_was_not_understood_is_never_fine() {
        let (exit, text) =
            said(json!({"policy_version": "1", "faults": [], "warnings": [], "total_gained": 0,
            "total_lost": 0, "changes": []}));
        assert_eq!(exit, Exit::Refused);
        assert!(text.contains("no server takes this file"), "{text}");
    }
}
