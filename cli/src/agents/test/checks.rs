//! What was checked and how it ended: a list for people, a structure for programs.

use std::io::{self, IsTerminal};

use serde_json::{Value, json};

use crate::plain::plain;
use crate::table::{fit, room};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// Worth a look; the agent has not failed.
    Warning,
    Failed,
    /// Nothing can be said.
    Skipped,
}

impl Verdict {
    /// On a terminal.
    fn mark(self) -> &'static str {
        match self {
            Verdict::Passed => "✓",
            Verdict::Warning => "!",
            Verdict::Failed => "✗",
            Verdict::Skipped => "–",
        }
    }

    /// In a pipe.
    fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "ok",
            Verdict::Warning => "warn",
            Verdict::Failed => "FAIL",
            Verdict::Skipped => "skip",
        }
    }

    /// For programs.
    fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
        }
    }
}

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    name: &'static str,
    pub(super) verdict: Verdict,
    pub(super) says: String,
}

impl Check {
    pub(super) fn new(name: &'static str, verdict: Verdict, says: impl Into<String>) -> Check {
        Check { name, verdict, says: says.into() }
    }
}

/// All that was checked of one agent.
#[derive(Debug)]
pub(super) struct Examination {
    pub(super) path: String,
    url: String,
    /// Whether anybody answered.
    pub(super) reachable: bool,
    checks: Vec<Check>,
}

impl Examination {
    /// Of an agent at this address.
    pub(super) fn new(path: &str, url: &str) -> Examination {
        Examination { path: path.to_owned(), url: url.to_owned(), reachable: true, checks: Vec::new() }
    }

    /// Of an agent whose card the registry did not hand out.
    pub(super) fn untold(path: &str, why: String) -> Examination {
        let mut examination = Examination::new(path, "");
        examination.add(Check::new("entry", Verdict::Failed, why));
        examination
    }

    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Whether nothing failed.
    pub(super) fn passed(&self) -> bool {
        self.reachable && self.checks.iter().all(|check| check.verdict != Verdict::Failed)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let on_terminal = io::stdout().is_terminal();
        let mut out = format!("{} at {}\n", plain(&self.path), plain(&self.url));
        for Check { name, verdict, says } in &self.checks {
            let mark = if on_terminal { verdict.mark() } else { &format!("{:4}", verdict.word()) };
            out += &format!("{mark} {name:8}  {}\n", plain(says));
        }
        out + self.result() + "\n"
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let check = |check: &Check| json!({"check": check.name, "verdict": check.verdict.name(), "detail": check.says});
        let checks: Vec<Value> = self.checks.iter().map(check).collect();
        let (path, url, reachable) = (&self.path, &self.url, self.reachable);
        json!({"path": path, "url": url, "passed": self.passed(), "reachable": reachable, "checks": checks})
    }

    fn result(&self) -> &'static str {
        match (self.reachable, self.passed()) {
            (false, _) => "unreachable",
            (true, false) => "failed",
            (true, true) => "passed",
        }
    }

    /// What is worth a look, in one cell.
    fn brief(&self) -> String {
        let worth = |check: &&Check| matches!(check.verdict, Verdict::Failed | Verdict::Warning);
        let mut checks: Vec<&Check> = self.checks.iter().filter(worth).collect();
        checks.sort_by_key(|check| check.verdict != Verdict::Failed);
        checks.iter().map(|check| format!("{}: {}", check.name, check.says)).collect::<Vec<_>>().join("; ")
    }
}

/// Many agents, a line each, and how many there were.
pub(super) fn summary(examined: &[Examination]) -> String {
    let row = |one: &Examination| [one.path.clone(), one.result().to_owned(), one.brief()];
    let rows: Vec<_> = examined.iter().map(row).collect();
    let passed = examined.iter().filter(|one| one.passed()).count();
    let table = fit(["PATH", "RESULT", "DETAIL"], &rows, [false, false, true], room());
    format!("{table}{passed} of {} passed\n", examined.len())
}
