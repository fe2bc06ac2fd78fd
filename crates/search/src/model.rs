//! Where the files of the model are: a folder, the hub's cache on this machine, or the hub.

use std::path::{Path, PathBuf};

use crate::{ModelError, hub};

/// The model everything here was measured with.
pub const DEFAULT_REPOSITORY: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// A commit, not a branch: a commit in the cache is used without a word to the hub, and never changes.
pub const DEFAULT_REVISION: &str = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf";

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// Which model, and where it may be looked for.
#[derive(Debug, Clone)]
pub struct ModelSource {
    /// A folder with `config.json`, `tokenizer.json` and `model.safetensors`. When it does not exist
    /// the search goes on; when it exists and lacks a file, that is an error.
    pub local: Option<PathBuf>,
    /// `owner/name` on the hub.
    pub repository: String,
    /// A commit of the repository (a branch works, but must then be asked for at the hub each time).
    pub revision: String,
    /// The hub's cache folder; none means the hub's own choice (`HF_HUB_CACHE`, `HF_HOME`, or the
    /// cache folder below the home of the user).
    pub cache: Option<PathBuf>,
    /// Never ask the hub. hf-hub 1.0 does not read `HF_HUB_OFFLINE`: the caller maps it to this.
    pub offline: bool,
}

impl Default for ModelSource {
    fn default() -> Self {
        Self {
            local: None,
            repository: DEFAULT_REPOSITORY.to_owned(),
            revision: DEFAULT_REVISION.to_owned(),
            cache: None,
            offline: false,
        }
    }
}

impl ModelSource {
    /// Finds the three files: in the local folder, then in the hub's cache, then at the hub.
    ///
    /// The last one blocks while about 90 MB are fetched, but not longer than
    /// 15 s without a byte.
    ///
    /// # Errors
    /// One that says in a sentence what to do; see [`ModelError`].
    pub fn locate(&self) -> Result<ModelFiles, ModelError> {
        if let Some(folder) = self.local.as_deref().filter(|folder| folder.exists()) {
            return ModelFiles::in_folder(folder);
        }
        if let Some(files) = hub::cached(self)? {
            return Ok(files);
        }
        if self.offline {
            return Err(ModelError::NotHere {
                repository: self.repository.clone(),
                revision: self.revision.clone(),
            });
        }
        hub::fetch(self, None, hub::PATIENCE)
    }
}

/// The three files of a model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// Shape of the network.
    pub config: PathBuf,
    /// From text to token ids.
    pub tokenizer: PathBuf,
    /// The weights, as safetensors.
    pub weights: PathBuf,
}

impl ModelFiles {
    /// The three files in one folder.
    ///
    /// # Errors
    /// [`ModelError::Incomplete`] names the first file that is not there.
    pub fn in_folder(folder: &Path) -> Result<Self, ModelError> {
        let file = |name: &'static str| {
            let path = folder.join(name);
            let missing = || ModelError::Incomplete { folder: folder.to_owned(), missing: name };
            path.is_file().then_some(path).ok_or_else(missing)
        };
        Ok(Self { config: file(CONFIG)?, tokenizer: file(TOKENIZER)?, weights: file(WEIGHTS)? })
    }
}
