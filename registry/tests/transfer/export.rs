//! An export holds everything byte for byte, and a damaged one is not imported.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::common::{Folder, card, everything, state};

/// Cards whose bytes a careless reader would change.
fn odd_cards() -> Vec<Value> {
    let numbers: Vec<f64> = (1..2000).map(|n| f64::from(n).sqrt() * 1e-7_f64.powi(n % 30)).collect();
    let mut odd = card("/équipe/日本", "quotes \" and \\ and \u{1f6a2} and \u{2028}");
    odd["x-numbers"] = json!(numbers);
    odd["x-big"] = json!([u64::MAX, i64::MIN, 1.0, 1e300, -0.0]);
    odd["z"] = json!({"b": null, "a": [{}, [], ""]});
    vec![card("/b", "second"), odd, card("/a/long/path", "first"), json!({"path": "/poor", "name": "Poor"})]
}

#[test]
fn an_export_comes_back_byte_for_byte() {
    let folder = Folder::new();
    let source = folder.file("cards.json", &state(&odd_cards()));
    folder.import("one", &[&source]).is(0);
    let export = folder.export("one");
    let head = export.lines().next().expect("a head");
    assert_eq!(head, r#"{"registry_export":1,"kinds":["agent"],"count":4,"last_change":4}"#);
    let path = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["path"].clone();
    let paths: Vec<Value> = export.lines().skip(1).map(path).collect();
    assert_eq!(paths, ["/a/long/path", "/b", "/poor", "/équipe/日本"], "in the order of paths");

    let file = folder.path("export.jsonl");
    folder.run("one", &["export", "--to", &file]).is(0);
    assert_eq!(fs::read_to_string(&file).expect("read"), export);
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);

    folder.import("two", &[&file]).is(0);
    let rest = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<String>>();
    assert_eq!(rest(&folder.export("two")), rest(&export));
    let agents = |state: &str| {
        let text = fs::read_to_string(folder.at(state).join("agent_state.json")).expect("a snapshot");
        text.lines().filter(|line| line.starts_with("\"/")).map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(agents("one"), agents("two"), "and so are the snapshots");
    let history = fs::read_to_string(folder.at("two").join("agent_history.jsonl")).expect("a history");
    assert_eq!(history.matches("\"by\":\"operator\"").count(), 4, "the author is the operator");
}

#[test]
fn importing_again_changes_nothing() {
    let folder = Folder::new();
    let source = folder.file("cards.json", &state(&odd_cards()));
    folder.import("one", &[&source]).is(0);
    let before = everything(&folder.at("one"));
    for existing in ["keep", "replace"] {
        let again = folder.import("one", &[&source, "--existing", existing]).is(0);
        assert_eq!(again.counts(), [4, 0, 0, 4, 4, 0, 0]);
        assert_eq!(again.report()["remarks"], json!([]));
        assert_eq!(everything(&folder.at("one")), before);
    }
}

#[test]
fn what_is_taken_is_kept_or_replaced_or_stops_everything() {
    let folder = Folder::new();
    let old = folder.file("old.json", &state(&[card("/a", "old"), card("/b", "same")]));
    let new = folder.file("new.json", &state(&[card("/a", "new"), card("/b", "same"), card("/c", "new")]));
    folder.import("one", &[&old]).is(0);
    let failed = folder.import("one", &[&new, "--existing", "fail"]).is(1);
    assert_eq!(failed.counts(), [3, 0, 0, 0, 0, 2, 1]);
    assert_eq!(failed.said("/a"), ["new.json:1 refused: the path is taken"]);
    assert_eq!(folder.export("one").lines().count(), 3, "not even what could have been taken");

    let kept = folder.import("one", &[&new]).is(0);
    assert_eq!(kept.counts(), [3, 1, 0, 2, 1, 0, 0]);
    assert_eq!(kept.said("/a"), ["new.json:1 kept: another card is registered there, and stays"]);
    assert_eq!(folder.card("one", "/a")["description"], "old");

    let replaced = folder.import("one", &[&new, "--existing", "replace"]).is(0);
    assert_eq!(replaced.counts(), [3, 0, 1, 2, 2, 0, 0]);
    assert_eq!(folder.card("one", "/a"), card("/a", "new"), "with its times and its registrant");
    let text = folder.run("one", &["import", &new]).is(0);
    assert!(
        text.out.contains("3 found: 0 taken, 0 replaced, 3 kept (3 the same), 0 refused; 0 doubtful"),
        "{text:?}"
    );
}

#[test]
fn an_export_that_is_not_whole_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    let cards: Vec<Value> = (0..5).map(|n| card(&format!("/a{n}"), "x")).collect();
    folder.import("one", &[&folder.file("cards.json", &state(&cards))]).is(0);
    let export = folder.export("one");
    let ends: Vec<usize> = export.match_indices('\n').map(|(end, _)| end).collect();
    // Without its last line's end it is whole; every other cut is seen.
    for cut in [ends[0], ends[0] / 2, ends[2], ends[2] + 1, ends[5] - 1, ends[5] - 40, ends[4] + 1] {
        let source = folder.file("cut.jsonl", &export[..cut]);
        let refused = folder.import("two", &[&source]).is(1);
        assert!(
            refused.err.contains("was cut off or edited; nothing was imported"),
            "cut at {cut}: {refused:?}"
        );
        assert!(!folder.at("two").exists(), "cut at {cut}");
    }
    let newer = folder.file("newer.jsonl", &export.replace("\"registry_export\":1", "\"registry_export\":2"));
    let refused = folder.import("two", &[&newer]).is(1);
    assert!(refused.err.contains("has form 2; this registry reads form 1"), "{refused:?}");
    folder.import("two", &[&folder.file("whole.jsonl", export.trim_end())]).is(0);
}

#[test]
fn every_line_that_cannot_be_taken_is_named() {
    let folder = Folder::new();
    let lines = [
        r#"{"registry_export":1,"kinds":["agent"],"count":9,"last_change":9}"#,
        r#"{"kind":"agent","path":"/good","card":{"name":"Good"}}"#,
        r#"{"kind":"agent","path":"/broken","card":{"name":"#,
        r#"{"kind":"robot","path":"/server","card":{"name":"S"}}"#,
        r#"{"kind":"agent","path":"/more","card":{"name":"M"},"note":1}"#,
        r#"{"kind":"agent","path":"/none"}"#,
        r#"{"kind":"agent","path":"/other","card":{"name":"O","path":"/another","visibility":"all"}}"#,
        r#"{"kind":"agent","path":"/dup","card":{"name":"D","name":"E"}}"#,
        r#"{"kind":"agent","path":"/twice","card":{"name":"T"}}"#,
        r#"{"kind":"agent","path":"/twice","card":{"name":"T"}}"#,
    ];
    let done = folder.import("one", &[&folder.file("x.jsonl", &(lines.join("\n") + "\n"))]).is(1);
    assert_eq!(done.counts(), [9, 1, 0, 0, 0, 8, 0]);
    let said = |path: &str| done.said(path).join(" | ");
    assert!(done.said("").iter().any(|said| said.starts_with("x.jsonl:3 refused: is not JSON")));
    assert!(
        done.said("").iter().any(|said| said.starts_with("x.jsonl:8 refused: the key 'name' stands twice"))
    );
    assert_eq!(
        said("/server"),
        "x.jsonl:4 refused: is of the kind 'robot'; this registry takes 'agent' and 'server'"
    );
    assert_eq!(said("/more"), "x.jsonl:5 refused: has 'note' beside its card, which would be lost");
    assert_eq!(said("/none"), "x.jsonl:6 refused: needs a path and a card");
    assert_eq!(
        said("/other"),
        "x.jsonl:7 refused: path: differs from the key '/other' it stands under; \
         visibility: must be public, private or group-restricted"
    );
    assert_eq!(done.said("/twice").len(), 2);
    assert!(said("/twice").contains("x.jsonl, line 10 too: keep one of them"), "{}", said("/twice"));
    assert_eq!(
        said("/good"),
        "x.jsonl:2 doubtful: would not register today: description: is required; \
         would not register today: url: is required"
    );
}

#[test]
fn an_export_never_lands_among_the_registrys_own_files() {
    let folder = Folder::new();
    folder.import("one", &[&folder.file("cards.json", &state(&[card("/a", "x")]))]).is(0);
    let before = everything(&folder.at("one"));
    folder.run("one", &["export", "--to", &folder.path("one/agent_state.json")]).is(2);
    assert_eq!(everything(&folder.at("one")), before);
    folder.run("one", &["export", "--to", &folder.path("nowhere/x.jsonl")]).is(1);
    assert_eq!(folder.export("absent").lines().count(), 1, "no store is an empty one");
    assert!(!folder.at("absent").exists(), "and an export makes none");
}
