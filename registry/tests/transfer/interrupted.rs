//! An import that breaks off says so, and goes on where it ended.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{Done, Folder, card, state};

/// Files may not grow beyond this many blocks of 512 or 1024 bytes: a full disk.
const BLOCKS: u32 = 400;

#[test]
fn what_was_not_written_is_written_by_the_next_import() {
    let folder = Folder::new();
    let cards: Vec<Value> = (0..2000).map(|n| card(&format!("/agent{n}"), &"long ".repeat(20))).collect();
    let source = folder.file("cards.json", &state(&cards));
    let import = folder.command("one", &["import", "--json", &source]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &BLOCKS.to_string()]);
    limited.arg(import.get_program()).args(import.get_args());
    let full = Done::of(limited.env_clear().stdin(Stdio::null()).output().expect("it runs")).is(1);
    let [found, taken, replaced, kept, _, refused, unwritten] = full.counts();
    assert_eq!((found, replaced, kept, refused), (2000, 0, 0, 0));
    assert!(taken > 0 && unwritten > 0 && taken + unwritten == 2000, "{taken} + {unwritten}");
    let note = full.report()["notes"][0].to_string();
    assert!(
        note.contains("cannot be written") && note.contains("importing again goes on from there"),
        "{note}"
    );

    let again = folder.import("one", &[&source]).is(0);
    assert_eq!(
        again.counts(),
        [2000, unwritten, 0, taken, taken, 0, 0],
        "exactly what was acknowledged is there"
    );
    assert_eq!(folder.export("one").lines().count(), 2001);
}

#[test]
fn a_report_steers_no_terminal() {
    let folder = Folder::new();
    let source = folder.file("s.json", "{\"agents\": {\"/\\u001b[2J\": {\"name\": \"\\u001b]0;x\"}}}");
    let done = folder.run("one", &["import", &source]).is(1);
    assert!(done.out.contains("/\\u{1b}[2J") && !done.out.contains('\u{1b}'), "{done:?}");
}
