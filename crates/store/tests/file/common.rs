//! What the file store's tests share.

use std::path::Path;
use std::sync::Arc;

use access::{Action, Permit, Policy, Principal, Resource, ScopeSet, Visibility};
use catalog::{AgentEntry, EntryPath};
use store::file::FileStore;
use store::{AgentStore, HistoryLimits, StoreError};

pub(crate) fn open(folder: &Path) -> Result<FileStore, StoreError> {
    FileStore::open(folder, Arc::new(|| 1_800_000_000), HistoryLimits::default())
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).expect("a path")
}

pub(crate) fn entry(at: &str, description: &str) -> AgentEntry {
    let card = serde_json::json!({"name": "N", "description": description, "path": at});
    AgentEntry::from_card(path(at), card.as_object().expect("an object").clone()).expect("an entry")
}

pub(crate) fn permit(action: Action, at: &str) -> Permit {
    let scopes = ScopeSet::parse("a2a-agent-admin");
    let admin = Principal { username: "me".to_owned(), scopes, ..Principal::default() };
    let resource = Resource::entry(at, "me", Visibility::Public, Vec::new());
    Policy::parse("").expect("a policy").decide(&admin, action, &resource).expect("an admin may")
}

pub(crate) async fn insert(store: &FileStore, at: &str, description: &str) -> Result<(), StoreError> {
    store.insert(&permit(Action::PublishAgent, at), entry(at, description)).await.map(drop)
}

/// The paths and descriptions of a store.
pub(crate) fn shown(store: &FileStore) -> Vec<(String, String)> {
    let catalogue = store.catalogue();
    catalogue.iter().map(|entry| (entry.path.to_string(), entry.description.clone())).collect()
}
