//! Which store: flags and environment → one that is open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalog::{AgentEntry, ServerEntry};
use clap::{Args, ValueEnum};
use store::file::{FOLD_AFTER, FileStore, Folder};
use store::postgres::{DatabaseUrl, Follow, PostgresOptions, PostgresStore, migrate};
use store::{Clock, EntryStore, HistoryLimits, StoreError};

use crate::indexing::{Index, SharedVectors};

/// How a replica asks the database at least.
const MOST_INTERVAL: f64 = 3600.0;

/// The variable with the database's address.
const DATABASE_URL: &str = "REGISTRY_DATABASE_URL";
/// The largest bound on how old what is shown may be, in seconds: a year.
const MOST_LAG: f64 = 31_536_000.0;

/// The file of the vectors, beside a file store's own.
pub(crate) const VECTORS: &str = "vectors.bin";

/// Where agents and servers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// agent_state.json and server_state.json under --state: one registry on one machine.
    File,
    /// A database that several registries use.
    Postgres,
}

/// How a registry learns of what others write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Following {
    /// The database tells it (LISTEN/NOTIFY).
    Listen,
    /// It asks: for engines without LISTEN/NOTIFY.
    Poll,
}

/// The flags of the store.
#[derive(Args, Clone, Debug)]
pub struct StorageOptions {
    /// Where agents and servers are kept.
    #[arg(long, global = true, env = "REGISTRY_STORE", value_enum, default_value_t = Kind::File)]
    store: Kind,
    /// File with the database's address, for its owner alone (0600): postgres://user:password@host:port/database.
    /// Add ?sslmode=verify-full outside of a trusted network. The address itself may stand in the environment, as
    /// REGISTRY_DATABASE_URL; no flag takes it, because everybody on a machine can read command lines.
    #[arg(long, global = true, env = "REGISTRY_DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
    /// Bytes of journal from which on it is folded into agent_state.json or server_state.json, which is done in the background,
    /// and not before the journal is as long as that file.
    #[arg(long, env = "REGISTRY_FOLD_AFTER", default_value_t = FOLD_AFTER)]
    fold_after: u64,
    /// Make or change the database's tables at the start, as `registry migrate` does.
    #[arg(long, env = "REGISTRY_MIGRATE")]
    migrate: bool,
    /// How to learn of what other registries on the same database write.
    #[arg(long, global = true, env = "REGISTRY_FOLLOW", value_enum, default_value_t = Following::Listen)]
    follow: Following,
    /// How often the database is asked in any case, in seconds; with --follow poll also how old an answer
    /// may be.
    #[arg(long, global = true, env = "REGISTRY_POLL_INTERVAL", default_value_t = 1.0)]
    poll_interval: f64,
    /// After how many seconds the database's answer is no longer waited for.
    #[arg(long, global = true, env = "REGISTRY_DATABASE_PATIENCE", default_value_t = 5.0)]
    database_patience: f64,
    /// How old what is shown may be, in seconds: a registry that has not reached its database for longer
    /// answers reading with 503, since what was removed or hidden elsewhere would still be shown. 0 is no bound.
    #[arg(long, env = "REGISTRY_MAX_LAG", default_value_t = 60.0)]
    max_lag: f64,
    /// How many changes are remembered in all, of agents and of servers each.
    #[arg(long, global = true, env = "REGISTRY_HISTORY_TOTAL", default_value_t = HistoryLimits::default().total)]
    history_total: usize,
    /// How many changes are remembered of one agent or server.
    #[arg(long, global = true, env = "REGISTRY_HISTORY_PER_AGENT", default_value_t = HistoryLimits::default().per_entry)]
    history_per_agent: usize,
}

/// The store that was chosen, checked.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Files under a folder.
    File {
        /// The folder.
        state: PathBuf,
        /// How long the journal may become.
        fold_after: u64,
        /// How much is remembered.
        limits: HistoryLimits,
    },
    /// A database.
    Postgres {
        /// Where it is.
        url: DatabaseUrl,
        /// How much is remembered.
        limits: HistoryLimits,
        /// How to follow others.
        follow: Follow,
        /// How often it is asked in any case.
        interval: Duration,
        /// How long an answer is waited for.
        patience: Duration,
        /// Whether tables are made.
        migrate: bool,
    },
}

impl StorageOptions {
    /// The store of these flags; faults go to the list.
    pub fn chosen(&self, state: &Path, faults: &mut Vec<String>) -> Option<Storage> {
        let limits = HistoryLimits { total: self.history_total, per_entry: self.history_per_agent };
        if limits.total == 0 || limits.per_entry == 0 {
            faults.push("--history-total and --history-per-agent must be at least 1".to_owned());
        }
        if self.store == Kind::File {
            let (state, fold_after) = (state.to_owned(), self.fold_after);
            return Some(Storage::File { state, fold_after, limits });
        }
        let url = self.url().map_err(|fault| faults.push(fault)).ok();
        let mut seconds = |flag: &str, value: f64| {
            if !(0.01..=MOST_INTERVAL).contains(&value) {
                faults.push(format!("{flag} {value}: must be seconds, 0.01 to {MOST_INTERVAL}"));
            }
            Duration::from_secs_f64(value.clamp(0.01, MOST_INTERVAL))
        };
        let interval = seconds("--poll-interval", self.poll_interval);
        let patience = seconds("--database-patience", self.database_patience);
        let follow = self.follow();
        Some(Storage::Postgres { url: url?, limits, follow, interval, patience, migrate: self.migrate })
    }

    /// How old what is shown may be; `None` is no bound, and where all changes are made by this process.
    pub fn max_lag(&self, faults: &mut Vec<String>) -> Option<Duration> {
        if self.store == Kind::File || self.max_lag == 0.0 {
            return None;
        }
        // Between two looks it grows though nothing is wrong.
        let least = self.poll_interval + self.database_patience;
        if self.max_lag > least && self.max_lag <= MOST_LAG {
            return Some(Duration::from_secs_f64(self.max_lag));
        }
        faults.push(format!(
            "--max-lag {}: must be 0 for no bound, or seconds, more than --poll-interval and \
             --database-patience together ({least}), and {MOST_LAG} at most",
            self.max_lag
        ));
        None
    }

    /// The database's address, wherever it stands; a fault does not repeat it.
    ///
    /// # Errors
    /// What to give, as a sentence.
    pub fn url(&self) -> Result<DatabaseUrl, String> {
        let told = std::env::var_os(DATABASE_URL).filter(|text| !text.is_empty());
        let text = match (&self.database_url_file, told) {
            (Some(_), Some(_)) => {
                return Err("give --database-url-file or REGISTRY_DATABASE_URL, not both".to_owned());
            }
            (Some(file), None) => {
                private_text(file).map_err(|fault| format!("--database-url-file: {fault}"))?
            }
            (None, Some(url)) => {
                url.into_string().map_err(|_| format!("{DATABASE_URL}: it is no text in UTF-8"))?
            }
            (None, None) => {
                return Err(
                    "--store postgres needs --database-url-file FILE or REGISTRY_DATABASE_URL".to_owned()
                );
            }
        };
        text.parse().map_err(|fault| format!("the database's address {fault}"))
    }

    /// Makes or changes the tables.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub fn migrate(&self) -> Result<(), String> {
        let url = self.url()?;
        let runtime = tokio::runtime::Runtime::new().map_err(|fault| fault.to_string())?;
        runtime.block_on(migrate(&url, self.follow())).map_err(|fault| fault.to_string())
    }

    /// How other registries are followed.
    pub fn follow(&self) -> Follow {
        match self.follow {
            Following::Listen => Follow::Listen,
            Following::Poll => Follow::Poll,
        }
    }
}

/// Everything that is kept, opened.
pub struct Opened {
    /// The agents.
    pub agents: Arc<dyn EntryStore<AgentEntry>>,
    /// The MCP servers.
    pub servers: Arc<dyn EntryStore<ServerEntry>>,
    /// The index that fits them.
    pub index: Index,
}

impl Storage {
    /// Opens it, with the index that fits it.
    ///
    /// # Errors
    /// Why it cannot be opened; a password is not named.
    pub async fn open(self, clock: Clock) -> Result<Opened, StoreError> {
        match self {
            Storage::File { state, fold_after, limits } => {
                let folder = Folder::lock(&state)?;
                let agents =
                    FileStore::<AgentEntry>::open_folding(&folder, clock.clone(), limits, fold_after)?;
                let servers = FileStore::<ServerEntry>::open_folding(&folder, clock, limits, fold_after)?;
                let (agents, servers) = (Arc::new(agents), Arc::new(servers));
                let index = Index::new(agents.clone(), servers.clone(), Some(state.join(VECTORS)));
                Ok(Opened { agents, servers, index })
            }
            Storage::Postgres { url, limits, follow, interval, patience, migrate } => {
                let options = PostgresOptions { url, clock, limits, follow, interval, patience, migrate };
                let agents = Arc::new(PostgresStore::<AgentEntry>::open(options.clone()).await?);
                let servers = Arc::new(PostgresStore::<ServerEntry>::open(options).await?);
                let index =
                    Index::sharing(agents.clone(), servers.clone(), SharedVectors::new(agents.shelf()));
                Ok(Opened { agents, servers, index })
            }
        }
    }
}

/// The text of a file that its owner alone may read.
fn private_text(file: &Path) -> Result<String, String> {
    let bytes = boot::files::read_private(file).map_err(|fault| fault.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{}: there is no such file", file.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{}: it is no text in UTF-8", file.display()))
}
