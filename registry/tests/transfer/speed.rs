//! Many agents at once: writes share their way to the disk.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Folder, card, state};

#[test]
fn two_thousand_agents_take_no_two_thousand_fsyncs() {
    let folder = Folder::new();
    let cards: Vec<Value> =
        (0..2000).map(|n| card(&format!("/team{}/agent{n}", n % 7), "does things")).collect();
    let source = folder.file("cards.json", &state(&cards));
    let begin = Instant::now();
    assert_eq!(folder.import("one", &[&source]).is(0).counts(), [2000, 2000, 0, 0, 0, 0, 0]);
    // A second or so on a slow machine; one fsync an agent would be minutes on a slow disk.
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert_eq!(folder.export("one").lines().count(), 2001);
}
