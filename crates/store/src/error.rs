//! What can go wrong with keeping things.

use std::path::PathBuf;

/// A store's refusal or failure.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another entry lives at this path, or has this name.
    #[error("'{0}' is taken")]
    Taken(String),
    /// Nothing lives at this path, or has this name.
    #[error("there is nothing at '{0}'")]
    Absent(String),
    /// The entry was changed since it was read.
    #[error("the entry at '{path}' has changed; its tag is now {current}")]
    Changed {
        /// Whose entry.
        path: String,
        /// The tag it has now.
        current: String,
    },
    /// The permit was given for something else: a mistake of ours, and refused as one.
    #[error("the permit is not for this write")]
    WrongPermit,
    /// The state cannot be written for the time being. Nothing of this write was kept, or (a connection
    /// lost while the database was committing) nobody can say.
    #[error("{place} cannot be written: {reason}")]
    Unavailable {
        /// Which file or database; never with a password.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The database is there, but not as this registry needs it.
    #[error("{place}: {reason}")]
    Unprepared {
        /// Which database; never with a password.
        place: String,
        /// What is missing, and the command that helps.
        reason: String,
    },
    /// The state cannot be read; a registry must not start over it.
    #[error("{}: {reason}", .file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong, with its place, and what helps.
        reason: String,
    },
}
