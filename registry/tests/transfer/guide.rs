//! The guide's `agent_state.json`, and what is no source at all.

use std::fs;

use serde_json::json;

use crate::common::{Folder, card, everything, state};

#[test]
fn the_guides_own_file_is_taken() {
    let folder = Folder::new();
    // As the guide prints it: without descriptions.
    let text = r#"{
      "agents": {
        "/code-reviewer": {
          "name": "Code Reviewer Agent", "path": "/code-reviewer",
          "url": "https://agents.example.com/code-reviewer", "protocol_version": "1.0", "is_enabled": true,
          "registered_at": "2025-11-09T10:30:00Z", "registered_by": "service-account-mcp-gateway-m2m"
        },
        "/bad path": {"name": "Bad"},
        "/text": "no card"
      },
      "version": 3
    }"#;
    let done = folder.import("one", &[&folder.file("agent_state.json", text)]).is(1);
    assert_eq!(done.counts(), [3, 1, 0, 0, 0, 2, 0]);
    assert_eq!(
        done.said("/code-reviewer"),
        ["agent_state.json:3 doubtful: would not register today: description: is required"]
    );
    assert_eq!(done.said("/text"), ["agent_state.json:9 refused: is no card: must be an object"]);
    assert!(done.said("/bad path")[0].starts_with("agent_state.json:8 refused: a path must not contain"));
    assert_eq!(done.report()["notes"], json!(["not taken: 'version', which is no agent"]));
    let taken = folder.card("one", "/code-reviewer");
    assert_eq!(taken["registered_by"], "service-account-mcp-gateway-m2m");
    assert_eq!(taken["is_enabled"], true);
}

#[test]
fn keys_that_nobody_reads_are_kept_and_named() {
    let folder = Folder::new();
    let mut odd = card("/a", "x");
    odd["trustLevel"] = json!("verified");
    odd["capabilities"] = json!({"streaming": true});
    let done = folder.import("one", &[&folder.file("s.json", &state(&[odd.clone()]))]).is(0);
    assert_eq!(
        done.said("/a"),
        ["s.json:1 doubtful: trustLevel: is kept as it is, but read in snake_case only: rename it"]
    );
    assert_eq!(
        done.report()["notes"],
        json!(["kept as they are, and not read by this registry: capabilities (1)"])
    );
    assert_eq!(folder.card("one", "/a"), odd);
}

#[test]
fn a_running_registrys_file_is_not_half_the_truth() {
    let folder = Folder::new();
    folder.import("one", &[&folder.file("s.json", &state(&[card("/a", "x")]))]).is(0);
    fs::write(folder.at("one").join("registry.journal"), "").expect("written");
    for source in ["one", "one/agent_state.json"] {
        let refused = folder.import("two", &[&folder.path(source)]).is(1);
        assert!(refused.err.contains("registry store compact"), "{refused:?}");
    }
    fs::remove_file(folder.at("one").join("registry.journal")).expect("removed");
    for source in ["one", "one/agent_state.json"] {
        folder.import("two", &[&folder.path(source)]).is(0);
    }
}

#[test]
fn a_dry_run_writes_nothing_and_says_the_same() {
    let folder = Folder::new();
    let old = folder.file("old.json", &state(&[card("/a", "old")]));
    let new = folder.file("new.json", &state(&[card("/a", "new"), card("/b", "new"), json!({"path": "/c"})]));
    folder.import("absent", &[&new, "--dry-run"]).is(1);
    assert!(!folder.at("absent").exists());
    folder.import("one", &[&old]).is(0);
    // A state that a start would mend: edited by hand, without a lock.
    let state = folder.at("one").join("agent_state.json");
    let text = fs::read_to_string(&state).expect("read").replace("\"old\"", "\"hand\"");
    fs::write(&state, text).expect("written");
    fs::remove_file(folder.at("one").join("registry.lock")).expect("removed");
    let before = everything(&folder.at("one"));
    let dry = folder.import("one", &[&new, "--dry-run", "--existing", "replace"]).is(1);
    assert_eq!(everything(&folder.at("one")), before);
    let (mut dry, mut wet) =
        (dry.report(), folder.import("one", &[&new, "--existing", "replace"]).is(1).report());
    assert_eq!((dry["dry_run"].take(), wet["dry_run"].take()), (json!(true), json!(false)));
    assert_eq!(dry, wet);
    let text = folder.run("one", &["import", "--dry-run", &new]).is(1);
    assert!(text.out.ends_with("a dry run: nothing was written\n"), "{text:?}");
}

#[test]
fn what_is_no_source_is_said() {
    let folder = Folder::new();
    fs::create_dir(folder.at("empty")).expect("made");
    let missing = folder.path("missing");
    let empty = folder.path("empty");
    for (source, says) in [
        (missing.as_str(), "No such file"),
        (
            &empty,
            "has neither agent_state.json nor server_state.json, no file whose name ends with _agent.json",
        ),
        (&folder.file("nothing.json", " \n"), "is empty"),
        (&folder.file("list.json", "[]"), "is no JSON object"),
        (&folder.file("card.json", "{\"name\": \"x\"}"), "is neither the guide's"),
    ] {
        let refused = folder.import("one", &[source]).is(2);
        assert!(refused.err.contains(says), "{source}: {refused:?}");
    }
    let broken = folder.import("one", &[&folder.file("broken.json", "{\"agents\": {")]).is(1);
    assert!(broken.err.contains("is not JSON") && broken.err.contains("line 1"), "{broken:?}");
    folder.import("one", &[&empty, "--existing", "perhaps"]).is(2);
    assert!(!folder.at("one").exists());
}

#[test]
fn a_store_in_use_or_damaged_is_left_alone() {
    let folder = Folder::new();
    let source = folder.file("s.json", &state(&[card("/a", "x")]));
    folder.import("one", &[&source]).is(0);
    let held = fs::File::open(folder.at("one").join("registry.lock")).expect("a lock");
    held.try_lock().expect("free");
    for arguments in [&["import", &source][..], &["import", &source, "--dry-run"], &["export"]] {
        let refused = folder.run("one", arguments).is(1);
        assert!(refused.err.contains("another registry runs on this folder"), "{refused:?}");
    }
    drop(held);
    fs::write(folder.at("one").join("agent_state.json"), "{").expect("written");
    for arguments in [&["import", &source][..], &["import", &source, "--dry-run"], &["export"]] {
        let refused = folder.run("one", arguments).is(1);
        assert!(refused.err.contains("registry store check"), "{refused:?}");
    }
}
