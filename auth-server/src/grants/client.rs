//! Clients of the embedded issuer and their secrets.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use boot::Secret;
use store::directory::AgentIdentity;
use tokio::sync::Semaphore;

use super::error::GrantError;
use super::form::Credentials;
use crate::agents::Agents;
use crate::config::ClientEntry;

/// How many sign-ins may wait for their turn: at some 20 ms each, a second or two of waiting.
/// One more is told at once to come back, which costs nothing and keeps nobody hanging.
const WAITING: usize = 64;
/// The least work a hash must cost, in KiB of memory times passes: the weakest setting that
/// OWASP's password storage cheat sheet still lists is 7168 × 5.
const LEAST_WORK: u64 = 7168 * 5;
/// The most memory (KiB) and passes: more would let each wrong secret occupy the server.
const MOST: (u32, u32) = (1 << 18, 16);

/// The clients by their names.
pub(crate) struct Clients {
    by_id: HashMap<String, Client>,
    /// What the secret of an unknown client is compared with.
    nobody: Arc<PasswordHash>,
    /// What new secrets cost: as much as all others.
    cost: Cost,
    /// Hashing takes a core and 19 MB each: so many at once, whoever asks.
    turns: Arc<Semaphore>,
    /// One for each sign-in that has its turn or waits for it.
    places: Arc<Semaphore>,
}

/// A client of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) client_id: String,
    pub(super) groups: Vec<String>,
    hash: Arc<PasswordHash>,
}

/// Somebody whose secret was right.
#[derive(Clone, Debug)]
pub(super) enum Party {
    /// A client of the configuration.
    Client(Client),
    /// An agent of the directory.
    Agent(Arc<AgentIdentity>),
}

/// An agent that says to be asking, and what its secret must fit.
struct Candidate {
    agent: Arc<AgentIdentity>,
    hash: Arc<PasswordHash>,
}

impl Clients {
    /// Takes the clients of a checked configuration: their hashes all cost the same.
    ///
    /// # Errors
    /// A line for the operator.
    pub(super) fn build(entries: &[ClientEntry]) -> Result<Clients, String> {
        let mut by_id = HashMap::new();
        let mut cost = Cost::of_new();
        for entry in entries {
            let hash = PasswordHash::new(&entry.secret_hash).map_err(|fault| fault.to_string())?;
            cost = Cost::of(&hash)?;
            let (client_id, groups) = (entry.client_id.clone(), entry.groups.clone());
            by_id.insert(client_id.clone(), Client { client_id, groups, hash: Arc::new(hash) });
        }
        // As costly as every client's own, so that the time of an answer does not tell who exists.
        let nobody =
            cost.hasher().hash_password(b"the secret of nobody").map_err(|fault| fault.to_string())?;
        // Half the cores: wrong secrets cost the sender nothing, and must not take from
        // /validate, which the whole gateway waits for, the cores that it runs on.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = (cores / 2).max(1);
        Ok(Clients {
            by_id,
            nobody: Arc::new(nobody),
            cost,
            turns: Arc::new(Semaphore::new(turns)),
            places: Arc::new(Semaphore::new(turns + WAITING)),
        })
    }

    /// Whether the configuration has a client of this name.
    pub(crate) fn knows(&self, client_id: &str) -> bool {
        self.by_id.contains_key(client_id)
    }

    /// Proves that whoever asks knows the client's secret, or the agent's. Exactly one hash is compared,
    /// whoever it is: the clock must not tell who exists, who is suspended, or who has two secrets.
    ///
    /// # Errors
    /// [`GrantError::InvalidClient`], the same for a wrong secret, an unknown client and a suspended agent;
    /// [`GrantError::Busy`] when too many others are waiting.
    pub(super) async fn prove(
        &self,
        agents: Option<&Agents>,
        shown: Credentials,
        now: u64,
    ) -> Result<Party, GrantError> {
        let client = self.by_id.get(&shown.client_id);
        let hash = match client {
            Some(client) => Some(Arc::clone(&client.hash)),
            None => candidate(agents, &shown, now)?.map(|found| found.hash),
        };
        let known = hash.is_some();
        let basic = shown.basic;
        let right = self.compare(&shown.secret, hash.unwrap_or_else(|| Arc::clone(&self.nobody))).await?;
        let party = match client {
            _ if !(right && known) => None,
            Some(client) => Some(Party::Client(client.clone())),
            // Once more: while it waited for its turn, the agent may have been suspended, or its secret ended.
            None => candidate(agents, &shown, now)?
                .map(|found| found.agent)
                .filter(|agent| agent.is_active())
                .map(Party::Agent),
        };
        party.ok_or(GrantError::InvalidClient { basic })
    }

    /// Hashes a new secret of an agent, at the cost of all others.
    ///
    /// # Errors
    /// [`GrantError::Busy`], [`GrantError::Internal`].
    pub(crate) async fn hash(&self, secret: Secret) -> Result<String, GrantError> {
        let hasher = self.cost.hasher();
        self.in_turn(move || hasher.hash_password(secret.expose().as_bytes()).map(|hash| hash.to_string()))
            .await?
            .map_err(|fault| GrantError::Internal(fault.to_string()))
    }

    /// argon2's own comparison is constant-time.
    async fn compare(&self, secret: &Secret, hash: Arc<PasswordHash>) -> Result<bool, GrantError> {
        let secret = secret.clone();
        self.in_turn(move || Argon2::default().verify_password(secret.expose().as_bytes(), &*hash).is_ok())
            .await
    }

    /// Works off the threads that serve requests.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GrantError> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(GrantError::Busy) };
        // In the order of arrival, so that nobody waits for longer than the places before him.
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return Err(GrantError::Busy) };
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has hung up.
            let _held = (place, turn);
            work()
        })
        .await
        .map_err(|fault| GrantError::Internal(fault.to_string()))
    }
}

/// The agent of these credentials and the hash that its secret must fit: the secret says which one, and it must
/// not have ended.
///
/// # Errors
/// [`GrantError::Store`] when nobody knows what is there.
fn candidate(
    agents: Option<&Agents>,
    shown: &Credentials,
    now: u64,
) -> Result<Option<Candidate>, GrantError> {
    let Some(agents) = agents else { return Ok(None) };
    let directory = agents.now().map_err(|_| GrantError::Store)?;
    let Some(agent) = directory.client(&shown.client_id) else { return Ok(None) };
    let held = secret_key(shown.secret.expose())
        .and_then(|key| agent.secrets.iter().find(|held| held.key == key))
        .filter(|held| held.expires_at.is_none_or(|end| end > now))
        .and_then(|held| PasswordHash::new(&held.hash).ok());
    Ok(held.map(|hash| Candidate { agent: Arc::clone(agent), hash: Arc::new(hash) }))
}

/// Which of an agent's secrets a text is: `ags_<key>_<random>`.
fn secret_key(secret: &str) -> Option<&str> {
    secret.strip_prefix("ags_")?.split_once('_').map(|(key, _)| key)
}

/// What one comparison with a hash costs: memory, passes, lanes, and the length of the result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cost(Params);

impl Cost {
    /// The cost of the hashes made by [`hash_secret`].
    fn of_new() -> Cost {
        Cost(Params::DEFAULT)
    }

    fn hasher(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.0.clone())
    }

    fn of(hash: &PasswordHash) -> Result<Cost, String> {
        Params::try_from(hash).map(Cost).map_err(|fault| fault.to_string())
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (memory, passes, lanes) = (self.0.m_cost(), self.0.t_cost(), self.0.p_cost());
        write!(out, "m={memory},t={passes},p={lanes}")?;
        match self.0.output_len() {
            None | Some(Params::DEFAULT_OUTPUT_LEN) => Ok(()),
            Some(length) => write!(out, " with {length} bytes"),
        }
    }
}

/// Checks that a text is an argon2id hash that is neither too cheap nor too dear, and says
/// what it costs.
///
/// # Errors
/// What to change.
pub(crate) fn check_hash(phc: &str) -> Result<Cost, String> {
    let hash = PasswordHash::new(phc).map_err(|fault| format!("not a PHC string: {fault}"))?;
    let current = hash.version == Some(Version::V0x13.into());
    if hash.algorithm != ARGON2ID_IDENT || !current || hash.salt.is_none() || hash.hash.is_none() {
        return Err("must be a whole argon2id hash, v=19 (auth-server hash-secret)".to_owned());
    }
    let cost = Cost::of(&hash)?;
    let (memory, passes) = (cost.0.m_cost(), cost.0.t_cost());
    if u64::from(memory) * u64::from(passes) < LEAST_WORK {
        return Err(format!("m={memory},t={passes} is too cheap to guess"));
    }
    if memory > MOST.0 || passes > MOST.1 {
        return Err(format!("m={memory},t={passes} takes too long for each sign-in"));
    }
    Ok(cost)
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
            (&made.replace("v=19", "v=16"), false),
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

    #[tokio::test]
    async fn who_finds_no_place_is_told_at_once() {
        let secret = "a long enough secret";
        let secret_hash = hash_secret(&Secret::new(secret)).expect("a hash");
        let entry = ClientEntry { client_id: "a".to_owned(), secret_hash, groups: vec![] };
        let clients = Clients::build(&[entry]).expect("clients");
        let shown = || Credentials { client_id: "a".to_owned(), secret: Secret::new(secret), basic: false };
        let turns = clients.places.available_permits() - WAITING;
        assert_eq!(turns, clients.turns.available_permits());
        let places = u32::try_from(turns + WAITING).expect("few places");
        let taken = Arc::clone(&clients.places).acquire_many_owned(places).await.expect("all places");
        assert_eq!(clients.prove(None, shown(), 0).await.err(), Some(GrantError::Busy));
        drop(taken);
        let proven = clients.prove(None, shown(), 0).await;
        assert!(matches!(proven, Ok(Party::Client(client)) if client.client_id == "a"));
        assert_eq!(clients.places.available_permits(), turns + WAITING, "a place is given back");
    }
}
