//! The store that an operator's command works on: looked at without writing, or opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use catalog::{AgentEntry, ServerEntry};
use store::{Catalogue, Clock, StoreError, file};

use crate::storage::{Opened, Storage};

/// Where the entries are kept: what the registry that serves would be given.
#[derive(Clone, Debug)]
pub(super) struct Kept(pub(super) Storage);

/// All entries of one moment.
pub(super) struct Pictures {
    pub(super) agents: Arc<Catalogue<AgentEntry>>,
    pub(super) servers: Arc<Catalogue<ServerEntry>>,
}

impl Pictures {
    /// What an opened store shows.
    pub(super) fn of(opened: &Opened) -> Pictures {
        Pictures { agents: opened.agents.catalogue(), servers: opened.servers.catalogue() }
    }
}

impl Kept {
    /// All entries, without writing anything.
    pub(super) fn pictures(&self) -> Result<Pictures, String> {
        match &self.0 {
            Storage::File { state, limits, .. } => {
                let read = file::pictures(state, *limits).map_err(|fault| fault.to_string())?;
                Ok(Pictures { agents: Arc::new(read.0), servers: Arc::new(read.1) })
            }
            Storage::Postgres { .. } => {
                let mut looking = self.0.clone();
                if let Storage::Postgres { migrate, .. } = &mut looking {
                    *migrate = false;
                }
                Kept(looking).with_store(async |opened| Pictures::of(opened))
            }
        }
    }

    /// Whether a file would lie among the store's own.
    pub(super) fn holds(&self, file: &Path) -> bool {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match &self.0 {
            Storage::File { state, .. } => folder
                .canonicalize()
                .is_ok_and(|folder| state.canonicalize().is_ok_and(|state| state == folder)),
            Storage::Postgres { .. } => false,
        }
    }

    /// Does something with the opened store, and closes it well.
    pub(super) fn with_store<T>(&self, act: impl AsyncFnOnce(&Opened) -> T) -> Result<T, String> {
        let runtime = tokio::runtime::Runtime::new().map_err(|fault| fault.to_string())?;
        let done = runtime.block_on(async {
            // Nothing is searched here; the registry that serves follows its store.
            let opened = self.0.clone().open(clock()).await?;
            let done = act(&opened).await;
            opened.agents.close().await;
            opened.servers.close().await;
            Ok(done)
        });
        done.map_err(|fault: StoreError| fault.to_string())
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Storage::File { state, .. } => write!(out, "the file store in {}", state.display()),
            Storage::Postgres { .. } => out.write_str("the Postgres store"),
        }
    }
}

pub(super) fn clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
