//! Everything a request may need, built once by `main` or by a test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use access::{LivePolicy, Offered, identity};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::Secret;
use boot::audit::Audit;
use boot::watch::FileWatch;
use store::directory::DirectoryStore;
use token::{Audience, Clock, Issuer, KeySet, LocalKeys, RemoteKeys, Signer, SigningAlgorithm, TokenType};

use crate::agents::Agents;
use crate::config::{Config, Database};
use crate::directory;
use crate::grants::Embedded;
use crate::issuers::Trusted;
use crate::keys;
use crate::metrics::Metrics;
use crate::validate::Cache;

/// Fills bytes with randomness; a field, so that tests can fix it.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The server's state.
pub struct App {
    pub(crate) public_url: String,
    /// The state folder.
    pub(crate) state: PathBuf,
    pub(crate) x_authorization: bool,
    pub(crate) policy: LivePolicy,
    /// Where refused requests are recorded.
    pub(crate) audit: Audit,
    pub(crate) issuers: Vec<Trusted>,
    pub(crate) embedded: Option<Embedded>,
    /// Signs `X-Identity`.
    pub(crate) identity: Signer,
    /// The key set that proves `X-Identity`.
    pub(crate) identity_keys: String,
    /// What proves an `X-Identity` that comes back.
    pub(crate) sealed: Issuer,
    pub(crate) cache: Cache,
    pub(crate) metrics: Metrics,
    remote_keys: Vec<RemoteKeys>,
    clock: Clock,
    random: Random,
}

impl App {
    /// Builds the state; makes the signing keys and the organisation's key at the first start. No keys are
    /// fetched yet.
    ///
    /// # Errors
    /// Every fault found, one line each.
    pub async fn build(config: Config, clock: Clock, random: Random) -> Result<App, Vec<String>> {
        let mut faults = Vec::new();
        let changes = Arc::new(AtomicU64::new(0));
        let mut issuers = Vec::new();
        let mut remote_keys = Vec::new();
        for entry in config.issuers.iter().cloned() {
            match Trusted::remote(entry, &clock, &changes) {
                Ok((trusted, keys)) => {
                    issuers.push(trusted);
                    remote_keys.push(keys);
                }
                Err(fault) => faults.push(fault.to_string()),
            }
        }
        let identity = keys::load_or_make(&config.state, "identity", SigningAlgorithm::EdDsa)
            .map_err(|fault| faults.push(fault))
            .ok();
        let agents = match open_directory(&config, &clock, &random, &changes).await {
            Ok(agents) => agents,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        let embedded = config.issues_tokens().then(|| Embedded::build(&config, agents));
        let embedded = embedded.transpose().map_err(|fault| faults.push(fault)).ok();
        let audit =
            Audit::start(&config.audit).map_err(|fault| faults.push(format!("--audit: {fault}"))).ok();
        let (Some(identity), Some(embedded), true) = (identity, embedded, faults.is_empty()) else {
            return Err(faults);
        };
        let identity_keys = token::key_set([&identity]);
        let sealed = sealed(&identity_keys).map_err(|fault| vec![fault])?;
        issuers.extend(embedded.as_ref().map(|embedded| Trusted::embedded(embedded.as_issuer().clone())));
        Ok(App {
            public_url: config.public_url,
            state: config.state,
            x_authorization: config.x_authorization,
            policy: LivePolicy::new(config.policy, config.strict_policy, clock()),
            audit: audit.unwrap_or_default(),
            issuers,
            identity_keys,
            sealed,
            identity,
            embedded,
            cache: Cache::new(changes),
            metrics: Metrics::new(),
            remote_keys,
            clock,
            random,
        })
    }

    /// Fetches every issuer's keys, now and again in the background. Call within a runtime.
    pub fn keep_keys_fresh(&self) {
        for keys in &self.remote_keys {
            tokio::spawn(keys.clone().keep_fresh());
        }
    }

    /// Follows the policy's file: each new content takes force whole, or its faults are told
    /// and nothing changes. Runs until it is dropped.
    pub async fn follow_policy(&self, mut watch: FileWatch) {
        loop {
            let read = watch.changed().await.map_err(|fault| fault.to_string());
            self.take_policy(read);
        }
    }

    /// Takes one content of the policy's file, or why it cannot be read.
    pub fn take_policy(&self, read: Result<String, String>) {
        match self.policy.take(read, self.now()) {
            Ok(Offered::Loaded) => {
                // After the change: a proof made with the old policy bears the old number.
                self.cache.forget();
                tracing::info!(version = self.policy.current().version(), "policy loaded");
            }
            Ok(Offered::Unchanged | Offered::Refused) => {}
            Err(faults) => faults.iter().for_each(|fault| {
                tracing::error!("scopes.yml, {fault}; the policy before stays in force");
            }),
        }
    }

    /// Fetches every issuer's keys once and waits for it.
    pub async fn refresh_keys(&self) {
        for keys in &self.remote_keys {
            keys.refresh().await;
        }
    }

    /// The embedded issuer, if it is this organisation's.
    pub(crate) fn issuer(&self, org: &str) -> Option<&Embedded> {
        self.embedded.as_ref().filter(|issuer| issuer.org == org)
    }

    /// Ends well: what the directory has acknowledged comes to rest.
    pub async fn close(&self) {
        if let Some(agents) = self.agents() {
            agents.store().close().await;
        }
    }

    /// The directory of agents, if there is one.
    pub(crate) fn agents(&self) -> Option<&Agents> {
        self.embedded.as_ref()?.agents.as_ref()
    }

    /// The time, in seconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// A name nobody can guess, for a `jti`: 128 bits.
    pub(crate) fn unique(&self) -> String {
        unique(&self.random)
    }

    /// A name for good: 128 random bits in hex behind a prefix.
    pub(crate) fn name(&self, prefix: &str) -> String {
        let mut bytes = [0; 16];
        (self.random)(&mut bytes);
        bytes.iter().fold(prefix.to_owned(), |name, byte| format!("{name}{byte:02x}"))
    }
}

/// What proves a seal of ours: its own key, its own names, its own kind.
fn sealed(identity_keys: &str) -> Result<Issuer, String> {
    let keys = KeySet::parse(identity_keys.as_bytes()).map_err(|fault| fault.to_string())?;
    Ok(Issuer {
        names: vec![identity::ISSUER.to_owned()],
        audiences: vec![identity::AUDIENCE.to_owned()],
        audience: Audience::Required,
        token_type: TokenType::Exactly(identity::TYPE),
        keys: Arc::new(LocalKeys::new(keys)),
    })
}

fn unique(random: &Random) -> String {
    let mut bytes = [0; 16];
    random(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Opens the directory of agents, if there is to be one, with a key of the organisation. Whoever takes a right
/// there counts `changes` up, so that what was proven before is proven anew.
async fn open_directory(
    config: &Config,
    clock: &Clock,
    random: &Random,
    changes: &Arc<AtomicU64>,
) -> Result<Option<Agents>, String> {
    let Some(agents) = &config.agents else { return Ok(None) };
    let store = open_store(&config.state, agents.database.as_ref(), clock, changes).await?;
    directory::first_key(&*store, &config.state, admin_key(random)).await?;
    // Nobody else writes in files.
    let max_lag = agents.max_lag.filter(|_| agents.database.is_some());
    Ok(Some(Agents::new(store, max_lag)))
}

/// Puts a new key of the organisation in place of the one there is, with the server's own files.
///
/// # Errors
/// A line for the operator.
pub async fn new_admin_key(state: &Path, database: Option<&Database>) -> Result<(), String> {
    let store = open_store(state, database, &system_clock(), &Arc::default()).await?;
    let done = directory::replace_key(&*store, state, admin_key(&system_random())).await;
    store.close().await;
    done
}

async fn open_store(
    state: &Path,
    database: Option<&Database>,
    clock: &Clock,
    changes: &Arc<AtomicU64>,
) -> Result<Arc<dyn DirectoryStore>, String> {
    boot::files::private_folder(state).map_err(|fault| fault.to_string())?;
    let (clock, changes) = (Arc::clone(clock), Arc::clone(changes));
    match database {
        None => store::directory::open_file(state, clock, changes).await,
        Some(database) => store::directory::open_postgres(database.options(clock, changes)).await,
    }
    .map_err(|fault| fault.to_string())
}

fn admin_key(random: &Random) -> Secret {
    Secret::new(format!("{}{}{}", directory::PREFIX, unique(random), unique(random)))
}

/// The system's clock.
pub fn system_clock() -> Clock {
    // A clock before 1970 is read as 1970: every token is then not valid yet.
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The system's randomness.
pub fn system_random() -> Random {
    Arc::new(|bytes| {
        aws_lc_rs::rand::fill(bytes).expect("the system's randomness does not run dry once started");
    })
}
