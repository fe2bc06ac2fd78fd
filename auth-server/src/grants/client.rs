//! Clients of the embedded issuer and their secrets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use boot::Secret;
use tokio::sync::Semaphore;

use super::error::GrantError;
use super::form::Credentials;
use crate::config::ClientEntry;

/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// The least work a hash must cost, in KiB of memory times passes: the weakest setting that
/// OWASP's password storage cheat sheet still lists is 7168 × 5.
const LEAST_WORK: u64 = 7168 * 5;
/// The most memory (KiB) and passes: more would let each wrong secret occupy the server.
const MOST: (u32, u32) = (1 << 18, 16);

/// The clients by their names.
pub(super) struct Clients {
    by_id: HashMap<String, Client>,
    /// What the secret of an unknown client is compared with.
    nobody: Arc<PasswordHash>,
    /// Hashing takes a core and 19 MB each: so many at once, whoever asks.
    turns: Arc<Semaphore>,
}

/// A client whose secret was right.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) client_id: String,
    pub(super) groups: Vec<String>,
    hash: Arc<PasswordHash>,
}

impl Clients {
    /// Takes the clients of a checked configuration.
    ///
    /// # Errors
    /// A line for the operator.
    pub(super) fn build(entries: &[ClientEntry]) -> Result<Clients, String> {
        let mut by_id = HashMap::new();
        let mut params = Params::DEFAULT;
        for entry in entries {
            let hash = PasswordHash::new(&entry.secret_hash).map_err(|fault| fault.to_string())?;
            params = Params::try_from(&hash).map_err(|fault| fault.to_string())?;
            let (client_id, groups) = (entry.client_id.clone(), entry.groups.clone());
            by_id.insert(client_id.clone(), Client { client_id, groups, hash: Arc::new(hash) });
        }
        // As costly as a client's own, so that the time of an answer does not tell who exists.
        let nobody = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(b"the secret of nobody")
            .map_err(|fault| fault.to_string())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Clients { by_id, nobody: Arc::new(nobody), turns: Arc::new(Semaphore::new(cores)) })
    }

    /// Proves that whoever asks knows the client's secret.
    ///
    /// # Errors
    /// [`GrantError::InvalidClient`], the same for a wrong secret and an unknown client;
    /// [`GrantError::Busy`] when others kept it waiting too long.
    pub(super) async fn prove(&self, shown: Credentials) -> Result<Client, GrantError> {
        let client = self.by_id.get(&shown.client_id);
        let hash = client.map_or(&self.nobody, |client| &client.hash);
        let right = self.compare(shown.secret, Arc::clone(hash)).await?;
        client.filter(|_| right).cloned().ok_or(GrantError::InvalidClient { basic: shown.basic })
    }

    /// Compares off the threads that serve requests; argon2's own comparison is constant-time.
    async fn compare(&self, secret: Secret, hash: Arc<PasswordHash>) -> Result<bool, GrantError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(GrantError::Busy) };
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has hung up.
            let _turn = turn;
            Argon2::default().verify_password(secret.expose().as_bytes(), &*hash).is_ok()
        })
        .await
        .map_err(|fault| GrantError::Internal(fault.to_string()))
    }
}

/// Checks that a text is an argon2id hash that is neither too cheap nor too dear.
///
/// # Errors
/// What to change.
pub(crate) fn check_hash(phc: &str) -> Result<(), String> {
    let hash = PasswordHash::new(phc).map_err(|fault| format!("not a PHC string: {fault}"))?;
    if hash.algorithm != ARGON2ID_IDENT || hash.salt.is_none() || hash.hash.is_none() {
        return Err("must be a whole argon2id hash (auth-server hash-secret)".to_owned());
    }
    let params = Params::try_from(&hash).map_err(|fault| fault.to_string())?;
    let (memory, passes) = (params.m_cost(), params.t_cost());
    if u64::from(memory) * u64::from(passes) < LEAST_WORK {
        return Err(format!("m={memory},t={passes} is too cheap to guess"));
    }
    if memory > MOST.0 || passes > MOST.1 {
        return Err(format!("m={memory},t={passes} takes too long for each sign-in"));
    }
    Ok(())
}

/// Hashes a new secret with argon2id and a random salt, as a PHC string for the clients file.
///
/// # Errors
/// A line for the operator: the secret is too short, or there is no randomness.
pub fn hash_secret(secret: &Secret) -> Result<String, String> {
    if secret.expose().len() < 16 {
        return Err("a client's secret must have at least 16 characters: make a random one".to_owned());
    }
    let hash = Argon2::default().hash_password(secret.expose().as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_hashes_are_taken() {
        let made = hash_secret(&Secret::new("a long enough secret")).expect("a hash");
        for (phc, good) in [
            (made.as_str(), true),
            (&made.replace("argon2id", "argon2i"), false),
            (&made.replace("m=19456", "m=256"), false),
            (&made.replace("m=19456", "m=4194304"), false),
            ("plain text", false),
            ("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ", false),
            ("", false),
        ] {
            assert_eq!(check_hash(phc).is_ok(), good, "{phc}");
        }
        assert!(hash_secret(&Secret::new("short")).is_err());
    }
}
