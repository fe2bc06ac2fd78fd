//! The file store: the conformance suite, and what is particular to a file.

mod common;
mod journal;
mod kinds;
mod samples;

use std::path::Path;

use catalog::{AgentEntry, ServerEntry};
use store::file::Folder;
use store::{EntryStore, StoreError, conformance};

use self::common::{open, open_kind};

fn state(folder: &Path, text: &str) {
    std::fs::write(folder.join("agent_state.json"), text).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_promise() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = || Folder::lock(folder.path()).expect("free");
    conformance::all(|| async { open_kind::<AgentEntry>(&folder()).expect("opened") }).await;
    // Beside the agents, in the same folder.
    conformance::all(|| async { open_kind::<ServerEntry>(&folder()).expect("opened") }).await;
}

#[test]
fn reads_the_guides_own_state_file() {
    let folder = tempfile::tempdir().expect("a folder");
    state(
        folder.path(),
        r#"{"agents": {"/code-reviewer": {"name": "Code Reviewer Agent", "path": "/code-reviewer",
            "url": "https://agent.example.com/code-reviewer", "protocol_version": "1.0", "is_enabled": true,
            "registered_at": "2025-11-09T10:30:00Z", "registered_by": "service-account-mcp-gateway-m2m"}}}"#,
    );
    let store = open(folder.path()).expect("opened");
    let catalogue = store.catalogue();
    let entry = catalogue.iter().next().expect("one agent");
    assert_eq!((entry.path.as_str(), entry.enabled), ("/code-reviewer", true));
}

#[test]
fn refuses_a_damaged_file_and_says_where() {
    for (text, part) in [
        ("{\"agents\": {\n  \"/a\": {\"name\": ", "line 2"),
        ("", "line 1"),
        ("[]", "must be {\"agents\""),
        ("{}", "needs \"agents\""),
        ("{\"agents\": {}, \"mine\": 1}", "\"mine\""),
        ("{\"agents\": {\"/a\": {\"name\": \"x\"}, \"/a\": {\"name\": \"y\"}}}", "stands twice"),
        ("{\"agents\": {\"/a\": 1, \"b\": {}}}", "agents[\"b\"]: a path must start"),
        ("{\"agents\": {\"/a\": {\"name\": \"x\", \"path\": \"/b\"}}}", "agents[\"/a\"]: path: differs"),
        ("{\"agents\": {\"/a\": {\"name\": \"x\", \"visibility\": \"?\"}}}", "agents[\"/a\"]: visibility"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        state(folder.path(), text);
        let Err(error) = open(folder.path()) else { panic!("{text:?} was opened") };
        assert!(matches!(error, StoreError::Damaged { .. }));
        let said = error.to_string();
        assert!(said.contains("agent_state.json") && said.contains(part), "{said}");
        assert_eq!(
            std::fs::read_to_string(folder.path().join("agent_state.json")).ok().as_deref(),
            Some(text)
        );
    }
}

#[tokio::test]
async fn the_deepest_card_that_registers_is_read_again() {
    use access::{Action, Policy, Principal, Resource, ScopeSet};
    let depth = catalog::json::MAX_NESTING - 1;
    let text = format!(
        r#"{{"name": "n", "description": "d", "url": "https://a.example", "path": "/a", "x": {}{}}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let card = catalog::json::read(text.as_bytes())
        .expect("within the limit")
        .as_object()
        .expect("an object")
        .clone();
    let draft = catalog::AgentDraft::read(card, catalog::CardRules::default()).expect("a card");
    let admin = Principal { scopes: ScopeSet::parse("a2a-agent-admin"), ..Principal::default() };
    let policy = Policy::parse("").expect("a policy");
    let permit = policy.decide(&admin, Action::PublishAgent, &Resource::vacant("/a")).expect("an admin may");
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    let entry = draft.into_new_entry("me", "2025-11-09T10:30:00Z").expect("an entry");
    store.insert(&permit, entry).await.expect("kept");
    drop(store);
    assert!(open(folder.path()).is_ok(), "what was registered can be read");
}

#[test]
fn one_registry_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path()).expect("opened");
    let Err(second) = open(folder.path()) else { panic!("opened twice") };
    assert!(second.to_string().contains("another registry"), "{second}");
    drop(first);
    assert!(open(folder.path()).is_ok(), "the lock goes with its holder");
}
