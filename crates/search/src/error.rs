//! Everything that can go wrong here, in sentences that say what to do.

use std::io;
use std::path::PathBuf;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a text could not be embedded, kept or looked for.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The model failed on this text.
    #[error("the text could not be embedded")]
    Embedding(#[source] Cause),
    /// The embedder broke its promise of finite, L2-normalised vectors of one length.
    #[error("the embedder gave a vector that cannot be searched: {0}")]
    BadVector(String),
    /// The calling thread does arithmetic for another thread pool already.
    #[error(
        "this thread cannot do its arithmetic alone: call single_threaded_maths() once, on a thread of your own"
    )]
    Threads(#[source] Cause),
}

/// Why there is no model to embed with.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The folder is there, but a file is not.
    #[error(
        "the model folder {folder} has no {missing}: put config.json, tokenizer.json and model.safetensors of one model there"
    )]
    Incomplete {
        /// The folder that was named.
        folder: PathBuf,
        /// The first file that was looked for in vain.
        missing: &'static str,
    },
    /// Nothing on this machine, and the hub may not be asked.
    #[error(
        "{repository} at revision {revision} is not on this machine and the hub may not be asked (offline): name a folder that holds the model, or allow one download"
    )]
    NotHere {
        /// The repository that was looked for.
        repository: String,
        /// Its revision.
        revision: String,
    },
    /// The hub did not send a byte for too long.
    #[error(
        "the model hub was silent for {seconds} s while {repository} was asked for: name a folder that holds the model, or check the way to the hub"
    )]
    HubSilent {
        /// The repository that was asked for.
        repository: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// The hub or the way to it refused.
    #[error(
        "{repository} at revision {revision} could not be had from the model hub: check both names and the way to the hub, or name a folder that holds the model"
    )]
    Hub {
        /// The repository that was asked for.
        repository: String,
        /// Its revision.
        revision: String,
        /// What the hub client said.
        #[source]
        cause: Cause,
    },
    /// A file of the model cannot be read.
    #[error("{path} cannot be read: check that it is a file and who may read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file of the model does not hold what its name says.
    #[error("{path} is damaged or of another format ({reason}): fetch the model again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// A sound model, of a kind this crate cannot compute.
    #[error("the model of {path} is not supported ({reason}): choose a mean-pooled model of the BERT family")]
    Unsupported {
        /// The configuration that says so.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

/// Why saved vectors cannot be used, or not be saved. Reading errors cost time, not data: the caller
/// logs them, goes on without, and every text is embedded again.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    /// There is no such file: the first start.
    #[error("{0} is not there yet: it is written when the catalogue is saved")]
    Absent(PathBuf),
    /// The file is not one of ours, was cut short, or its checksum disagrees.
    #[error("{path} is damaged ({reason}): it is ignored and written anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The file is sound, but of another model or recipe.
    #[error("the saved vectors are of the model {found}, not of {expected}: they are ignored and made anew")]
    Foreign {
        /// Fingerprint and dimensions in the file.
        found: String,
        /// Fingerprint and dimensions of the embedder.
        expected: String,
    },
    /// The system refused to read the file.
    #[error("{path} cannot be read: check who may read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The system refused to write the file.
    #[error("{path} cannot be written: check that its folder exists, has room and may be written to")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}
