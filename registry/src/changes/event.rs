//! The text of server-sent events (WHATWG HTML, section 9.2).

use std::fmt::Write as _;

use store::Change;

use super::body::ToldChange;
use super::sight::Sight;

/// How long a client waits before it comes back, in milliseconds.
pub(super) const RETRY: &str = "retry: 2000\n\n";
/// A comment.
pub(super) const STILL_HERE: &str = ": still here\n\n";

/// One change.
pub(super) fn change(text: &mut String, change: &Change, sight: Sight) {
    let told = ToldChange::new(change, sight);
    event(text, change.number, told.what(), &told.json());
}

/// Where the follower is: nothing up to there is left to tell him.
pub(super) fn position(text: &mut String, last: u64) {
    event(text, last, "position", &last_as_json(last));
}

/// The changes since the number he gave are not known here: he must read the list anew.
pub(super) fn reset(text: &mut String, last: u64) {
    event(text, last, "reset", &last_as_json(last));
}

fn last_as_json(last: u64) -> String {
    format!("{{\"last\":{last}}}")
}

/// `data` is one line: JSON has no line breaks but in our hands.
fn event(text: &mut String, id: u64, name: &str, data: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n");
}
