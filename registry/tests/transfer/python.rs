//! The Python system's folder: its counts, and everything that is said of it.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Folder, everything};

const LAYOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/python-layout");

#[test]
fn the_layout_is_taken_with_its_counts() {
    let folder = Folder::new();
    let dry = folder.import("one", &[LAYOUT, "--dry-run"]).is(1);
    assert!(!folder.at("one").exists());
    let done = folder.import("one", &[LAYOUT]).is(1);
    assert_eq!(dry.report()["remarks"], done.report()["remarks"]);
    assert_eq!(done.counts(), [13, 8, 0, 0, 0, 5, 0]);
    assert_eq!(
        done.report()["recognised"],
        "the Python system's layout: 13 files *_agent.json, agent_state.json with 8 enabled and 4 disabled, and 0 files \
         of servers, server_state.json with 1 enabled and 0 disabled"
    );
    let export = folder.export("one");
    let states: Vec<(String, bool)> = export
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| (line["path"].to_string(), line["card"]["is_enabled"] == true))
        .collect();
    let states: Vec<(&str, bool)> =
        states.iter().map(|(path, enabled)| (path.trim_matches('"'), *enabled)).collect();
    assert_eq!(
        states,
        [
            ("/berth-finder", true),
            ("/buoy-watch", false),
            ("/crane-planner", true),
            ("/customs-clerk", false),
            ("/ferry-timer", true),
            ("/night-pilot", false),
            ("/old-log", false),
            ("/team/tide-teller", true),
        ]
    );
    let again = folder.import("one", &[LAYOUT]).is(1);
    assert_eq!(again.counts(), [13, 0, 0, 8, 8, 5, 0]);
}

#[test]
fn everything_that_is_refused_or_doubtful_is_said_once() {
    let folder = Folder::new();
    let done = folder.import("one", &[LAYOUT]);
    for (path, says) in [
        ("/crane-planner", vec![]),
        ("/team/tide-teller", vec![]),
        ("/customs-clerk", vec![]),
        (
            "/berth-finder",
            vec![
                "berth-finder_agent.json doubtful: num_stars: 4.5 is no whole number: it is kept in the card and shown as 0",
            ],
        ),
        (
            "/ferry-timer",
            vec![
                "ferry-timer_agent.json doubtful: would not register today: url: must be https: plain http is accepted for loopback and private hosts only",
            ],
        ),
        (
            "/buoy-watch",
            vec!["buoy-watch_agent.json doubtful: stands in no list of the state: it is disabled"],
        ),
        (
            "/night-pilot",
            vec!["night-pilot_agent.json doubtful: stands in both lists of the state: it is disabled"],
        ),
        ("/old-log", vec!["old-log_agent.json doubtful: visibility: is not in the card: it is private"]),
        (
            "/gull-counter",
            vec!["gull-counter_agent.json refused: visibility: must be public, private or group-restricted"],
        ),
        (
            "/lighthouse/",
            vec![
                "lighthouse_agent.json refused: a path must not have an empty segment: no '//' and no '/' at its end",
            ],
        ),
        (
            "/weather",
            vec![
                "server_state.json doubtful: stands in the state, and no file that can be read has it: there is nothing to take",
            ],
        ),
        (
            "/sunken-barge",
            vec![
                "agent_state.json doubtful: stands in the state, and no file that can be read has it: there is nothing to take",
            ],
        ),
    ] {
        assert_eq!(done.said(path), says, "{path}");
    }
    assert_eq!(done.said("/net-mender").len(), 2);
    assert!(done.said("/net-mender")[0].contains("net-mender_agent.json too: keep one of them"));
    let broken = done.said("");
    assert_eq!(broken.len(), 1);
    assert!(broken[0].starts_with("rope-maker_agent.json refused: is not JSON"), "{broken:?}");
    let report = done.report();
    let notes: Vec<&str> =
        report["notes"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(notes[0], "is_enabled of 7 cards differs from the lists: the lists count");
    assert!(notes[1].contains("capabilities (12)") && notes[1].contains("rating_details (12)"), "{notes:?}");
}

#[test]
fn a_card_is_kept_as_it_is_but_for_the_lists() {
    let folder = Folder::new();
    folder.import("one", &[LAYOUT]).is(1);
    let file = fs::read_to_string(format!("{LAYOUT}/berth-finder_agent.json")).expect("read");
    let mut card: Value = serde_json::from_str(&file).expect("JSON");
    card["is_enabled"] = json!(true);
    assert_eq!(
        folder.card("one", "/berth-finder").to_string(),
        card.to_string(),
        "in its order, with its times"
    );
}

#[test]
fn without_a_state_everything_is_disabled_and_a_broken_one_stops_everything() {
    let folder = Folder::new();
    fs::create_dir_all(folder.at("old/deep")).expect("made");
    for name in ["crane-planner_agent.json", "customs-clerk_agent.json"] {
        fs::copy(format!("{LAYOUT}/{name}"), folder.at("old/deep").join(name)).expect("copied");
    }
    let old = folder.path("old");
    let done = folder.import("one", &[&old]).is(0);
    assert_eq!(done.counts(), [2, 2, 0, 0, 0, 0, 0]);
    assert!(
        done.report()["recognised"]
            .as_str()
            .expect("text")
            .ends_with("no agent_state.json: every agent is disabled")
    );
    assert_eq!(done.report()["remarks"], json!([]));
    for (state, says) in [
        ("{\"enabled\": [\"/a\"", "is not JSON"),
        ("{\"enabled\": {\"/a\": true}}", "\"enabled\" must be a list of paths"),
        ("{\"enabled\": [], \"disabled\": [1]}", "\"disabled\" must be a list of paths"),
    ] {
        folder.file("old/agent_state.json", state);
        let refused = folder.import("two", &[&old]).is(1);
        assert!(refused.err.contains(says), "{state}: {refused:?}");
        assert!(!folder.at("two").exists());
    }
    folder.file("old/agent_state.json", "{\"enabled\": [\"/crane-planner\"]}");
    let before = everything(&folder.at("old"));
    let done = folder.import("two", &[&folder.path("old/agent_state.json"), "--json"]).is(2);
    assert!(done.err.contains("cannot be used multiple times"), "{done:?}");
    folder.import("two", &[&folder.path("old/agent_state.json")]).is(0);
    assert_eq!(
        folder.card("two", "/crane-planner")["is_enabled"],
        true,
        "the state's name stands for its folder"
    );
    assert_eq!(everything(&folder.at("old")), before, "the source is only read");
}
