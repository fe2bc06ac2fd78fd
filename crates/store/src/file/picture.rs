//! What is in a folder, read without writing anything: not even what a start would mend.

use std::path::Path;

use super::files::Files;
use super::{reading, repair};
use crate::{Catalogue, HistoryLimits, StoreError};

/// All agents under `folder` as the next start would show them; a folder that is not there holds none.
///
/// # Errors
/// When a registry runs on the folder, and when something is damaged.
pub fn picture(folder: &Path, limits: HistoryLimits) -> Result<Catalogue, StoreError> {
    let files = Files::in_folder(folder);
    let _lock = files.lock_existing()?;
    let found = reading::read(&files, limits, repair::now());
    repair::refuse_damage(&files, &found)?;
    Ok(found.catalogue)
}
