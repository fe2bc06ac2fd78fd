//! The store that an operator's command works on: looked at without writing, or opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use store::file::{self, FileStore};
use store::{AgentStore, Catalogue, Clock, HistoryLimits};

/// Where the agents are kept.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// In a folder.
    File(PathBuf),
}

impl Kept {
    /// All agents, without writing anything.
    pub(super) fn picture(&self) -> Result<Arc<Catalogue>, String> {
        match self {
            Kept::File(folder) => {
                let picture = file::picture(folder, HistoryLimits::default());
                picture.map(Arc::new).map_err(|fault| fault.to_string())
            }
        }
    }

    /// Whether a file would lie among the store's own.
    pub(super) fn holds(&self, file: &Path) -> bool {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match self {
            Kept::File(state) => folder
                .canonicalize()
                .is_ok_and(|folder| state.canonicalize().is_ok_and(|state| state == folder)),
        }
    }

    /// Does something with the opened store, and closes it well.
    pub(super) fn with_store<T>(
        &self,
        act: impl AsyncFnOnce(&Arc<dyn AgentStore>) -> T,
    ) -> Result<T, String> {
        let runtime = tokio::runtime::Runtime::new().map_err(|fault| fault.to_string())?;
        runtime.block_on(async {
            let store = self.open().await?;
            let done = act(&store).await;
            store.close().await;
            Ok(done)
        })
    }

    async fn open(&self) -> Result<Arc<dyn AgentStore>, String> {
        match self {
            Kept::File(folder) => {
                let store = FileStore::open(folder, clock(), HistoryLimits::default());
                Ok(Arc::new(store.map_err(|fault| fault.to_string())?))
            }
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::File(folder) => write!(out, "the file store in {}", folder.display()),
        }
    }
}

fn clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
