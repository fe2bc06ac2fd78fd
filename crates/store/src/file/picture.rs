//! What is in a folder, read without writing anything: not even what a start would mend.

use std::path::Path;

use catalog::{AgentEntry, ServerEntry};

use super::files::Folder;
use super::{reading, repair};
use crate::{Catalogue, HistoryLimits, Kept, StoreError};

/// All agents and all servers under `folder` as the next start would show them; a folder that is not there
/// holds none.
///
/// # Errors
/// When a registry runs on the folder, and when something is damaged.
pub fn pictures(
    folder: &Path,
    limits: HistoryLimits,
) -> Result<(Catalogue<AgentEntry>, Catalogue<ServerEntry>), StoreError> {
    let folder = Folder::lock_existing(folder)?;
    Ok((picture(&folder, limits)?, picture(&folder, limits)?))
}

fn picture<E: Kept>(folder: &Folder, limits: HistoryLimits) -> Result<Catalogue<E>, StoreError> {
    let files = folder.files::<E>();
    let found = reading::read(&files, limits, repair::now());
    repair::refuse_damage(&files, &found)?;
    Ok(found.catalogue)
}
