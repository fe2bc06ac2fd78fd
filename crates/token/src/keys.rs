//! Where public keys come from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::Algorithm;
use serde::Serialize;

use crate::{Key, KeySet, TokenError};

/// Where an issuer's keys come from.
#[async_trait]
pub trait KeySource: Send + Sync + fmt::Debug {
    /// The key a token names. Without a `kid` there must be exactly one key for the algorithm.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`], or [`TokenError::Unavailable`] when there are no keys at all.
    async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, TokenError>;

    /// What to show at `/health`.
    fn state(&self) -> KeyState;
}

/// How an issuer's keys are doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyState {
    /// How many keys can be used.
    pub keys: usize,
    /// When they were last fetched, in seconds since the epoch; `None` for local keys.
    pub refreshed_at: Option<u64>,
    /// Why the last refresh failed.
    pub fault: Option<String>,
}

/// Keys that are here: our own, or those of a file that was shared at set-up.
#[derive(Debug)]
pub struct LocalKeys(KeySet);

impl LocalKeys {
    /// Serves these keys.
    pub fn new(set: KeySet) -> LocalKeys {
        LocalKeys(set)
    }

    /// Serves the key set of a file.
    ///
    /// # Errors
    /// [`TokenError::Key`] with the file's name.
    pub fn from_file(path: &Path) -> Result<LocalKeys, TokenError> {
        let named = |fault: String| TokenError::Key(format!("{}: {fault}", path.display()));
        let json = std::fs::read(path).map_err(|fault| named(fault.to_string()))?;
        KeySet::parse(&json).map(LocalKeys).map_err(|fault| named(fault.to_string()))
    }
}

#[async_trait]
impl KeySource for LocalKeys {
    async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, TokenError> {
        self.0.find(kid, algorithm).ok_or(TokenError::UnknownKey)
    }

    fn state(&self) -> KeyState {
        KeyState { keys: self.0.len(), refreshed_at: None, fault: None }
    }
}
