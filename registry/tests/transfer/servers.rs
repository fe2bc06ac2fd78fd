//! MCP servers travel with the agents: exports, states, and the Python system's folder of them.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Done, Folder, card, everything, server, servers_state, state};

/// No key has sealed it; it only looks so.
const SEALED: &str = "sealed:v1:AAECAwQFBgcICQoL";

fn sealed_server(path: &str) -> Value {
    let mut sealed = server(path, "keeps a secret");
    sealed["headers"] = json!({"x-api-key": SEALED});
    sealed["x-odd"] = json!({"z": [1.0, u64::MAX, null], "a": "\u{2028}"});
    sealed
}

fn rest(text: &str) -> Vec<String> {
    text.lines().skip(1).map(str::to_owned).collect()
}

fn notes(done: &Done) -> Vec<String> {
    let report = done.report();
    let notes = report["notes"].as_array().expect("a list").iter().filter_map(Value::as_str);
    notes.map(str::to_owned).collect()
}

#[test]
fn agents_and_servers_go_out_and_come_back_byte_for_byte() {
    let folder = Folder::new();
    let agents = folder.file("agents.json", &state(&[card("/a", "x"), card("/team/b", "y")]));
    // The same path is another place for another kind.
    let servers = folder.file("servers.json", &servers_state(&[sealed_server("/a"), server("/time", "z")]));
    folder.import("one", &[&agents]).is(0);
    let done = folder.import("one", &[&servers]).is(0);
    assert_eq!(done.counts(), [2, 2, 0, 0, 0, 0, 0]);
    assert_eq!(done.report()["recognised"], "the guide's server_state.json with 2 servers");
    assert!(notes(&done)[1].starts_with("the headers of 1 servers are sealed"), "{done:?}");
    let history = fs::read_to_string(folder.at("one").join("server_history.jsonl")).expect("a history");
    assert_eq!(history.matches("\"by\":\"operator\"").count(), 2, "the author is the operator");

    let export = folder.export("one");
    let head = export.lines().next().expect("a head");
    assert_eq!(head, r#"{"registry_export":1,"kinds":["agent","server"],"count":4,"last_change":2}"#);
    let of = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let kinds: Vec<Value> = export.lines().skip(1).map(|line| of(line)["kind"].clone()).collect();
    assert_eq!(kinds, ["agent", "agent", "server", "server"]);
    assert!(export.contains(SEALED), "a sealed secret is kept, as it is");

    let done = folder.import("two", &[&folder.file("all.jsonl", &export)]).is(0);
    assert_eq!(done.report()["recognised"], "an export of 2 agents and 2 servers, up to change 2");
    assert_eq!(rest(&folder.export("two")), rest(&export));
    for source in ["one", "all.jsonl"] {
        let again = folder.import("two", &[&folder.path(source), "--existing", "replace"]).is(0);
        assert_eq!(again.counts(), [4, 0, 0, 4, 4, 0, 0], "{source}: a folder is both of its states");
        let said = notes(&again);
        assert!(!said.iter().any(|note| note.contains("sealed")), "nothing was taken: {said:?}");
    }
    let text = fs::read_to_string(folder.at("two").join("server_state.json")).expect("a snapshot");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["servers"]["/a"], sealed_server("/a"));
}

#[test]
fn an_export_without_servers_is_the_one_it_always_was() {
    let folder = Folder::new();
    let old = "{\"registry_export\":1,\"kinds\":[\"agent\"],\"count\":1,\"last_change\":1}\n\
               {\"kind\":\"agent\",\"path\":\"/a\",\"card\":{\"name\":\"A\",\"path\":\"/a\"}}\n";
    folder.import("one", &[&folder.file("old.jsonl", old)]).is(0);
    assert_eq!(folder.export("one"), old);
    assert!(!folder.at("one").join("server_state.json").exists());
}

#[test]
fn one_kind_that_is_taken_stops_the_other_where_all_or_nothing_is_wanted() {
    let folder = Folder::new();
    folder.import("one", &[&folder.file("s.json", &servers_state(&[server("/time", "old")]))]).is(0);
    let both = json!({"agents": {"/a": card("/a", "x")}, "servers": {"/time": server("/time", "new")}});
    let both = folder.file("both.json", &both.to_string());
    let failed = folder.import("one", &[&both, "--existing", "fail"]).is(1);
    assert_eq!(failed.counts(), [2, 0, 0, 0, 0, 1, 1]);
    assert_eq!(folder.export("one").lines().count(), 2);
    let kept = folder.run("one", &["import", &both]).is(0);
    assert!(
        kept.out.contains("both.json, line 1: server /time: another card is registered there"),
        "{kept:?}"
    );
    assert_eq!(folder.import("one", &[&both, "--existing", "replace"]).is(0).counts(), [2, 0, 1, 1, 1, 0, 0]);
}

#[test]
fn a_journal_of_servers_is_half_of_the_truth_too() {
    let folder = Folder::new();
    folder.import("one", &[&folder.file("s.json", &servers_state(&[server("/time", "x")]))]).is(0);
    fs::write(folder.at("one").join("server.journal.folding"), "").expect("written");
    for source in ["one", "one/server_state.json"] {
        let refused = folder.import("two", &[&folder.path(source)]).is(1);
        assert!(
            refused.err.contains("server.journal.folding") && refused.err.contains("compact"),
            "{refused:?}"
        );
    }
    // Of a folder both kinds count, also one whose state was never written.
    folder.import("three", &[&folder.file("a.json", &state(&[card("/a", "x")]))]).is(0);
    fs::write(folder.at("three").join("server.journal"), "").expect("written");
    let refused = folder.import("two", &[&folder.path("three")]).is(1);
    assert!(refused.err.contains("server.journal"), "{refused:?}");
    folder.import("two", &[&folder.path("three/agent_state.json")]).is(0);
}

/// What the Python system keeps of a server.
fn python_server(path: &str) -> Value {
    json!({
        "server_name": "Time", "description": "Tells the time", "path": path,
        "proxy_pass_url": "http://currenttime-server:8000/", "supported_transports": ["streamable-http"],
        "tags": ["time"], "num_tools": 1, "num_stars": 4.5, "is_python": true, "license": "MIT-0",
        "headers": [], "is_enabled": true,
        "tool_list": [{
            "name": "current_time", "parsed_description": {"main": "Tells the time.", "args": "tz: a zone"},
            "schema": {"type": "object", "properties": {"tz": {"type": "string"}}}
        }]
    })
}

/// Their folder, with one file a server.
fn python_folder(folder: &Folder, servers: &[(&str, Value)]) -> String {
    fs::create_dir_all(folder.at("servers")).expect("made");
    for (name, card) in servers {
        folder.file(&format!("servers/{name}.json"), &format!("{card:#}"));
    }
    folder.path("servers")
}

#[test]
fn the_python_systems_servers_are_taken() {
    let folder = Folder::new();
    let sources = python_folder(
        &folder,
        &[
            ("currenttime", python_server("/currenttime/")),
            ("idle", python_server("/idle")),
            ("both", python_server("/both/")),
            ("unlisted", python_server("/unlisted")),
            ("package", json!({"name": "no server", "version": "1"})),
        ],
    );
    let switches =
        json!({"/currenttime/": true, "/idle/": false, "/both": true, "/both/": false, "/gone/": true});
    folder.file("servers/server_state.json", &switches.to_string());
    let before = everything(&folder.at("servers"));
    let done = folder.import("one", &[&sources]).is(0);
    assert_eq!(everything(&folder.at("servers")), before);
    assert_eq!(done.counts(), [4, 4, 0, 0, 0, 0, 0]);
    assert_eq!(
        done.report()["recognised"],
        "the Python system's layout: 4 files of servers, server_state.json with 2 enabled and 2 disabled"
    );
    let taken = |path: &str| folder.card("one", path);
    let enabled =
        ["/currenttime", "/idle", "/both", "/unlisted"].map(|path| taken(path)["is_enabled"] == true);
    assert_eq!(enabled, [true, false, false, false], "what is in doubt is disabled");
    let mut expected = python_server("/currenttime");
    let tool = expected["tool_list"][0].as_object_mut().expect("a tool");
    let schema = tool["schema"].clone();
    tool.insert("description".to_owned(), json!("Tells the time."));
    tool.insert("inputSchema".to_owned(), schema);
    assert_eq!(taken("/currenttime"), expected, "nothing else is changed, nothing is lost");
    assert_eq!(
        done.said("/both"),
        ["both.json doubtful: stands in the state twice, as both: it is disabled"]
    );
    assert_eq!(
        done.said("/unlisted"),
        ["unlisted.json doubtful: does not stand in the state: it is disabled"]
    );
    assert!(done.said("/gone")[0].contains("no file that can be read has it"), "{done:?}");
    let notes = notes(&done);
    assert!(notes[0].starts_with("not read") && notes[0].contains("package.json"), "{notes:?}");
    assert!(notes[1].contains("in servers") && notes[1].contains("is_python (4)"), "{notes:?}");
    // The state by its own name; and without one, all are disabled.
    let state = folder.path("servers/server_state.json");
    assert_eq!(folder.import("one", &[&state]).is(0).counts(), [4, 0, 0, 4, 4, 0, 0]);
    fs::remove_file(&state).expect("removed");
    let without = folder.import("two", &[&sources]).is(0);
    assert!(without.report()["recognised"].to_string().contains("every server is disabled"), "{without:?}");
    assert_eq!(folder.card("two", "/currenttime")["is_enabled"], false);
}

#[test]
fn what_would_open_what_was_closed_is_refused() {
    let folder = Folder::new();
    let with = |path: &str, key: &str, value: Value| {
        let mut card = python_server(path);
        card[key] = value;
        card
    };
    let sources = python_folder(
        &folder,
        &[
            ("hidden", with("/hidden", "visibility", json!("private"))),
            ("public", with("/public", "visibility", json!("public"))),
            ("token", with("/token", "auth_token", json!("hush-hush"))),
            ("none", with("/none", "auth_token", json!(null))),
            ("capital", with("/capital", "Headers", json!([{"Authorization": "hush-hush"}]))),
            ("deep", with("/team/deep", "tags", json!([]))),
            ("where", with("/where", "proxy_pass_url", json!("nowhere"))),
        ],
    );
    folder.file("servers/broken.json", "{\"server_name\": ");
    let done = folder.import("one", &[&sources]).is(1);
    assert_eq!(done.counts(), [8, 2, 0, 0, 0, 6, 0]);
    for (path, says) in [
        ("/hidden", "hidden.json refused: visibility: \"private\" would be lost"),
        ("/token", "token.json refused: auth_token: holds what everybody"),
        ("/capital", "capital.json refused: Headers: holds what everybody"),
        ("/team/deep", "deep.json refused: path: a server's path is '/' and one name"),
        ("/where", "where.json refused: proxy_pass_url: must be an absolute"),
        ("", "broken.json refused: is not JSON"),
    ] {
        let said = done.said(path).join(" | ");
        assert!(said.starts_with(says), "{path}: {said}");
    }
    assert!(!done.out.contains("hush-hush"), "no report repeats a secret");
}

#[test]
fn a_secret_in_clear_is_told_of_and_leaves_in_no_export() {
    let folder = Folder::new();
    let mut open = python_server("/open");
    open["headers"] = json!([{"Authorization": "Bearer hush-hush"}, {"X-Key": "hush-hush-too"}]);
    let sources = python_folder(&folder, &[("open", open.clone())]);
    let done = folder.import("one", &[&sources]).is(0);
    let said = done.said("/open").join(" | ");
    assert!(said.contains("headers: authorization, x-key are in clear"), "{said}");
    assert!(!done.out.contains("hush-hush"), "{done:?}");
    let text = fs::read_to_string(folder.at("one").join("server_state.json")).expect("a snapshot");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(kept["servers"]["/open"]["headers"], open["headers"], "as it is, until a registry seals it");
    let file = folder.path("export.jsonl");
    for arguments in [&["export"][..], &["export", "--to", &file]] {
        let refused = folder.run("one", arguments).is(1);
        assert!(refused.err.contains("/open: start a registry on this store once"), "{refused:?}");
        assert!(!format!("{refused:?}").contains("hush-hush"));
    }
    assert!(!folder.at("export.jsonl").exists());
}
