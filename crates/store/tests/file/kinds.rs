//! Agents and MCP servers in one folder: files of their own, one lock, and no harm from one to the other.

use std::fs;
use std::path::Path;

use catalog::{AgentEntry, Entry as _, ServerEntry, WriteKind};
use serde_json::{Value, json};
use store::conformance::{entry, path, permit};
use store::file::{self, FileStore, Folder};
use store::{EntryStore, HistoryLimits, StoreError};

use crate::common::{insert, open, open_kind, shown};

const STATE: &str = "server_state.json";
const JOURNAL: &str = "server.journal";

type Stores = (FileStore<AgentEntry>, FileStore<ServerEntry>);

fn both(folder: &Path) -> Result<Stores, StoreError> {
    let folder = Folder::lock(folder)?;
    Ok((open_kind(&folder)?, open_kind(&folder)?))
}

async fn register(servers: &FileStore<ServerEntry>, at: &str) {
    servers.insert(&permit::<ServerEntry>(WriteKind::Insert, at), entry(at, "first")).await.expect("kept");
}

fn names(servers: &FileStore<ServerEntry>) -> Vec<String> {
    servers.catalogue().iter().map(|entry| entry.path.to_string()).collect()
}

/// A folder whose registry crashed: two of each kind in the journals.
async fn crashed(folder: &Path) {
    let (agents, servers) = both(folder).expect("opened");
    for at in ["/a", "/b"] {
        insert(&agents, at, "first").await.expect("kept");
        register(&servers, at).await;
    }
}

#[tokio::test]
async fn each_kind_has_its_files_and_its_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    crashed(folder.path()).await;
    let (agents, servers) = both(folder.path()).expect("opened");
    register(&servers, "/c").await;
    assert_eq!((shown(&agents).len(), names(&servers).len()), (2, 3));
    assert_eq!((agents.catalogue().changes().last(), servers.catalogue().changes().last()), (2, 3));
    agents.close().await;
    assert!(folder.path().join(JOURNAL).exists(), "the servers' journal is none of the agents' business");
    servers.close().await;
    drop((agents, servers));
    let text = fs::read_to_string(folder.path().join(STATE)).expect("readable");
    let state: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(state["servers"]["/a"]["proxy_pass_url"], "http://127.0.0.1:9/mcp");
    assert_eq!(state["change"], 3);
    // At rest a person may edit it.
    fs::write(folder.path().join(STATE), text.replacen("first", "by hand", 1)).expect("written");
    let (agents, servers) = both(folder.path()).expect("opened");
    assert_eq!(servers.catalogue().get(&path("/a")).expect("there").description, "by hand");
    assert!(servers.catalogue().changes().since(3).is_none(), "edited: followers begin anew");
    assert!(agents.catalogue().changes().since(2).is_some(), "those of agents go on");
}

#[tokio::test]
async fn a_folder_from_before_there_were_servers_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let agents = open(folder.path()).expect("opened");
    insert(&agents, "/a", "first").await.expect("kept");
    agents.close().await;
    drop(agents);
    let (agents, servers) = both(folder.path()).expect("opened");
    assert!(servers.catalogue().is_empty());
    servers.close().await;
    drop((agents, servers));
    let (agents, servers) = file::pictures(folder.path(), HistoryLimits::default()).expect("read");
    assert_eq!((agents.len(), servers.len()), (1, 0));
    assert!(file::check(folder.path()).expect("checked").sound);
    assert!(file::compact(folder.path(), HistoryLimits::default()).expect("folded").sound);
    assert!(!folder.path().join(STATE).exists(), "who has no servers needs no file of them");
}

#[test]
fn the_guides_form_is_read_and_kept_as_it_is() {
    let card = json!({
        "server_name": "Current Time", "description": "d", "path": "/currenttime/",
        "proxy_pass_url": "http://currenttime:8000/", "headers": [{"X-Key": "sealed:v1:AAAA"}], "is_python": true
    });
    let read = |state: Value| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(STATE), state.to_string()).expect("written");
        both(folder.path()).map(|(_, servers)| servers.catalogue())
    };
    let catalogue = read(json!({"servers": {"/currenttime": card}})).expect("opened");
    let server = catalogue.get(&path("/currenttime")).expect("there");
    assert_eq!(Value::Object(server.card()), card, "nothing is lost");
    for (state, part) in [
        (json!({"agents": {}}), "needs \"servers\""),
        (json!({"servers": {"/team/x": card}}), "servers[\"/team/x\"]: path"),
        (json!({"servers": {"/currenttime": {"server_name": "x"}}}), "proxy_pass_url"),
    ] {
        let Err(fault) = read(state.clone()) else { panic!("{state} was opened") };
        let said = fault.to_string();
        assert!(said.contains(STATE) && said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn damage_of_one_kind_is_told_and_repaired_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    crashed(folder.path()).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let mut damaged = journal.clone();
    // In the first change: the second one proves that it was whole.
    let line = journal.iter().position(|byte| *byte == b'\n').expect("a head") + 1;
    damaged[line + 60] ^= 0x20;
    fs::write(folder.path().join(JOURNAL), &damaged).expect("written");
    let Err(fault) = both(folder.path()) else { panic!("damage was not noticed") };
    assert!(fault.to_string().contains(JOURNAL), "{fault}");
    let report = file::check(folder.path()).expect("checked");
    assert!(
        !report.sound && report.text.contains("2 agents") && report.text.contains("1 servers"),
        "{report:?}"
    );
    let limits = HistoryLimits::default();
    assert!(file::pictures(folder.path(), limits).is_err());
    assert!(file::compact(folder.path(), limits).is_err());
    assert!(!folder.path().join("agent_state.json").exists(), "nothing was folded, the agents' neither");
    let report = file::repair(folder.path(), limits).expect("repaired");
    assert!(report.sound, "{}", report.text);
    assert!(!folder.path().join("registry.journal.before-repair").exists(), "what is sound stays");
    assert_eq!(fs::read(folder.path().join("server.journal.before-repair")).expect("kept"), damaged);
    let (agents, servers) = both(folder.path()).expect("it starts again");
    assert_eq!((shown(&agents).len(), names(&servers)), (2, vec!["/b".to_owned()]));
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_tore() {
    let folder = tempfile::tempdir().expect("a folder");
    crashed(folder.path()).await;
    let journal = fs::read(folder.path().join(JOURNAL)).expect("readable");
    let last = journal[..journal.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
    for cut in last..journal.len() {
        fs::write(folder.path().join(JOURNAL), &journal[..cut]).expect("written");
        let (agents, servers) = both(folder.path()).unwrap_or_else(|fault| panic!("cut at {cut}: {fault}"));
        assert_eq!((shown(&agents).len(), names(&servers)), (2, vec!["/a".to_owned()]), "cut at {cut}");
    }
}

#[test]
fn one_registry_a_folder_whatever_is_still_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let (agents, servers) = both(folder.path()).expect("opened");
    drop(agents);
    let Err(second) = both(folder.path()) else { panic!("opened twice") };
    assert!(second.to_string().contains("another registry"), "{second}");
    drop(servers);
    both(folder.path()).expect("the lock goes with its last holder");
}
