//! What was done in a realm, and what was there already.

use serde_json::{Value, json};

use crate::plain::plain;

/// One thing that is to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    did: Did,
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    There,
    Made,
    Changed,
    Removed,
    Left,
    Broken,
}

impl Step {
    /// It is so already.
    pub(super) fn there(what: impl Into<String>) -> Step {
        Step { did: Did::There, what: what.into() }
    }

    /// It was not there.
    pub(super) fn made(what: impl Into<String>) -> Step {
        Step { did: Did::Made, what: what.into() }
    }

    /// It was otherwise.
    pub(super) fn changed(what: impl Into<String>) -> Step {
        Step { did: Did::Changed, what: what.into() }
    }

    /// It was too much.
    pub(super) fn removed(what: impl Into<String>) -> Step {
        Step { did: Did::Removed, what: what.into() }
    }

    /// It is not as one would expect, does no harm, and nobody asked to change it.
    pub(super) fn left(what: impl Into<String>) -> Step {
        Step { did: Did::Left, what: what.into() }
    }

    /// It is so that the account does not work, and it is not for us to change it.
    pub(super) fn broken(what: impl Into<String>) -> Step {
        Step { did: Did::Broken, what: what.into() }
    }

    /// For scripts.
    pub(super) fn json(&self) -> Value {
        json!({"did": self.did.name(), "what": self.what})
    }
}

impl Did {
    fn name(self) -> &'static str {
        match self {
            Did::There => "there",
            Did::Made => "made",
            Did::Changed => "changed",
            Did::Removed => "removed",
            Did::Left => "left",
            Did::Broken => "broken",
        }
    }
}

/// Whether anything was done.
pub(super) fn changed(steps: &[Step]) -> bool {
    steps.iter().any(|step| !matches!(step.did, Did::There | Did::Left | Did::Broken))
}

/// Whether the account cannot work as it is.
pub(super) fn broken(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.did == Did::Broken)
}

/// For people, one to a line.
pub(super) fn text(steps: &[Step]) -> String {
    let line = |step: &Step| format!("{:<8} {}\n", step.did.name(), plain(&step.what));
    let mut text: String = steps.iter().map(line).collect();
    if !changed(steps) && !broken(steps) {
        text += "all was there already\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_apart_from_what_was_there() {
        let there = [Step::there("client a"), Step::left("in group\nb")];
        assert_eq!(text(&there), "there    client a\nleft     in group\\u{a}b\nall was there already\n");
        let off = [Step::there("client a"), Step::broken("client a is switched off")];
        assert_eq!(text(&off), "there    client a\nbroken   client a is switched off\n");
        assert_eq!((broken(&there), broken(&off), changed(&off)), (false, true, false));
        assert!(changed(&[Step::there("a"), Step::removed("b")]));
    }
}
