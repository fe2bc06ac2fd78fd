//! What came of an import, for a person or for a program.

use std::fmt;

use serde_json::{Value, json};

use crate::operator::source::{Kind, Place};

/// What is said of one entry, or of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was not taken.
    Refused,
    /// It was taken, and a person should look at it.
    Doubtful,
    /// Another one lives there, and stays.
    Kept,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Refused => "refused",
            Verdict::Doubtful => "doubtful",
            Verdict::Kept => "kept",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) verdict: Verdict,
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) path: Option<String>,
    pub(super) reasons: Vec<String>,
}

/// What came of an import, or would.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What the source was recognised as.
    pub(super) recognised: String,
    /// Where the entries go.
    pub(super) target: String,
    pub(super) dry_run: bool,
    /// How many entries the source holds, readable or not.
    pub(super) found: usize,
    /// New ones.
    pub(super) taken: usize,
    /// Those that took the place of others.
    pub(super) replaced: usize,
    /// Those whose place is taken, and the same ones.
    pub(super) kept: usize,
    /// Of those, the ones that were there byte for byte.
    pub(super) unchanged: usize,
    pub(super) refused: usize,
    /// Those that could be taken and were not, because the whole import ended.
    pub(super) unwritten: usize,
    pub(super) remarks: Vec<Remark>,
    pub(super) notes: Vec<String>,
}

impl Report {
    /// Whether everything is where it should be.
    pub(super) fn complete(&self) -> bool {
        self.refused == 0 && self.unwritten == 0
    }

    /// The same for a program.
    pub(super) fn json(&self) -> Value {
        let remark = |remark: &Remark| {
            json!({
                "verdict": remark.verdict.name(), "kind": remark.kind.name(), "file": remark.place.file, "line": remark.place.line,
                "path": remark.path, "reasons": remark.reasons
            })
        };
        json!({
            "recognised": self.recognised, "target": self.target, "dry_run": self.dry_run,
            "found": self.found, "taken": self.taken, "replaced": self.replaced, "kept": self.kept,
            "unchanged": self.unchanged, "refused": self.refused, "unwritten": self.unwritten,
            "remarks": self.remarks.iter().map(remark).collect::<Vec<Value>>(), "notes": self.notes
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "from: {}", self.recognised)?;
        writeln!(out, "to:   {}", self.target)?;
        for remark in &self.remarks {
            write!(out, "{:<8} {}", remark.verdict.name(), harmless(&remark.place.to_string()))?;
            let kind = if remark.kind == Kind::Server { "server " } else { "" };
            remark.path.as_ref().map_or(Ok(()), |path| write!(out, ": {kind}{}", harmless(path)))?;
            writeln!(out, ": {}", harmless(&remark.reasons.join("; ")))?;
        }
        for note in &self.notes {
            writeln!(out, "note: {}", harmless(note))?;
        }
        let doubtful = self.remarks.iter().filter(|remark| remark.verdict == Verdict::Doubtful).count();
        let Report { found, taken, replaced, kept, unchanged, refused, unwritten, .. } = self;
        write!(
            out,
            "{found} found: {taken} taken, {replaced} replaced, {kept} kept ({unchanged} the same), "
        )?;
        write!(out, "{refused} refused")?;
        if *unwritten > 0 {
            write!(out, ", {unwritten} not written")?;
        }
        writeln!(out, "; {doubtful} doubtful")?;
        if self.dry_run {
            writeln!(out, "a dry run: nothing was written")?;
        }
        Ok(())
    }
}

/// What a source spells could steer a terminal.
fn harmless(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}
