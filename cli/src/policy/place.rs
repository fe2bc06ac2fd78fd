//! Places in a policy's file, in the form editors jump to.

use std::path::Path;

use access::Fault;
use serde::{Deserialize, Serialize};

use crate::plain::plain;

/// A place and what is wrong there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Place {
    line: usize,
    column: usize,
    message: String,
}

impl From<&Fault> for Place {
    fn from(fault: &Fault) -> Place {
        Place { line: fault.line, column: fault.column, message: fault.message.clone() }
    }
}

/// One line for each fault: `FILE:line:column: message`.
pub(super) fn faults(file: &Path, places: &[Place]) -> String {
    lines(file, places, "")
}

/// The same for what is only a warning, and says so.
pub(super) fn warnings(file: &Path, places: &[Place]) -> String {
    lines(file, places, "warning: ")
}

fn lines(file: &Path, places: &[Place], kind: &str) -> String {
    let line = |place: &Place| {
        let Place { line, column, message } = place;
        format!("{}:{line}:{column}: {kind}{}\n", file.display(), plain(message))
    };
    places.iter().map(line).collect()
}
