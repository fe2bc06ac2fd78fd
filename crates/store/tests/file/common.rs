//! What the file store's tests share.

use std::path::Path;
use std::sync::Arc;

use access::Action;
use store::file::{FileStore, Folder};
use store::{EntryStore, HistoryLimits, Kept, StoreError};

pub(crate) use crate::samples::{entry, path, permit};

/// The agents.
pub(crate) fn open(folder: &Path) -> Result<FileStore, StoreError> {
    open_kind(&Folder::lock(folder)?)
}

pub(crate) fn open_kind<E: Kept>(folder: &Folder) -> Result<FileStore<E>, StoreError> {
    FileStore::open(folder, Arc::new(|| 1_800_000_000), HistoryLimits::default())
}

pub(crate) async fn insert(store: &FileStore, at: &str, description: &str) -> Result<(), StoreError> {
    store.insert(&permit(Action::PublishAgent, at), entry(at, description)).await.map(drop)
}

/// The paths and descriptions of a store.
pub(crate) fn shown(store: &FileStore) -> Vec<(String, String)> {
    let catalogue = store.catalogue();
    catalogue.iter().map(|entry| (entry.path.to_string(), entry.description.clone())).collect()
}
