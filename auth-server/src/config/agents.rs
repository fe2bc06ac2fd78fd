//! The agent directory's part of the configuration: whether there is one, who keeps its secrets, where
//! it is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::check_capability;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use store::directory::PostgresDirectoryOptions;
use store::postgres::DatabaseUrl;
use url::Url;

/// The variable with the database's address.
const DATABASE_URL: &str = "AUTH_SERVER_DATABASE_URL";

/// Who keeps the agents' secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AgentsMode {
    /// This server, as argon2id hashes.
    Local,
    /// Keycloak: secrets are verified there, and its groups say what an agent may do.
    Keycloak,
    /// There is no directory.
    Off,
}

/// Where the directory is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// Files under --state: one auth-server.
    File,
    /// A database that several auth-servers use.
    Postgres,
}

/// The flags of the directory.
#[derive(Args, Clone, Debug)]
pub struct AgentsOptions {
    /// The directory of agents with an identity of their own, and who keeps their secrets. Without the flag:
    /// local where --clients is given, else off.
    #[arg(long, env = "AUTH_SERVER_AGENTS", value_enum)]
    agents: Option<AgentsMode>,
    /// Where the directory is kept.
    #[arg(long, global = true, env = "AUTH_SERVER_STORE", value_enum, default_value_t = StoreKind::File)]
    store: StoreKind,
    /// File with the database's address, for its owner alone (0600): postgres://user:password@host:port/database.
    /// The address itself may stand in the environment, as AUTH_SERVER_DATABASE_URL; no flag takes it.
    #[arg(long, global = true, env = "AUTH_SERVER_DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// Make or change the database's tables at the start, as `auth-server migrate` does.
    #[arg(long, env = "AUTH_SERVER_MIGRATE")]
    migrate: bool,
    /// How old what is known of other servers' writes may be, in seconds: an auth-server that has not reached its
    /// database for longer answers agents with 503, since what was revoked elsewhere would still open. 0 is no
    /// bound.
    #[arg(long, env = "AUTH_SERVER_MAX_LAG", default_value_t = 60.0, value_name = "SECONDS")]
    max_lag: f64,
    /// With --agents keycloak: its token endpoint, which agents' secrets are verified at.
    #[arg(long, env = "AUTH_SERVER_KEYCLOAK_TOKEN_URL", value_name = "URL")]
    keycloak_token_url: Option<String>,
    /// With --agents keycloak: what its groups let an agent do (YAML: groups: {group: [capability, …]}).
    #[arg(long, env = "AUTH_SERVER_KEYCLOAK_CAPABILITIES", value_name = "FILE")]
    keycloak_capabilities: Option<PathBuf>,
}

/// The directory, checked.
#[derive(Clone, Debug)]
pub struct AgentsConfig {
    /// Who keeps the secrets.
    pub secrets: SecretKeeper,
    /// Where it is kept; `None` for files under the state folder.
    pub database: Option<Database>,
    /// How old what is known of other servers' writes may be; `None` is no bound.
    pub max_lag: Option<Duration>,
}

/// Who keeps the agents' secrets.
#[derive(Clone, Debug)]
pub enum SecretKeeper {
    /// This server.
    Local,
    /// Keycloak.
    Keycloak {
        /// Its token endpoint.
        token_url: String,
        /// Group → capabilities.
        table: BTreeMap<String, Vec<String>>,
    },
}

/// A database of the directory.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Whether tables are made.
    pub migrate: bool,
}

impl Database {
    /// How the store opens it, with what every server has of its own.
    pub(crate) fn options(
        &self,
        clock: store::Clock,
        rights: std::sync::Arc<std::sync::atomic::AtomicU64>,
    ) -> PostgresDirectoryOptions {
        let mut options = PostgresDirectoryOptions::new(self.url.clone(), clock, rights);
        options.migrate = self.migrate;
        options.patience = Duration::from_secs(5);
        options
    }
}

impl AgentsOptions {
    /// The directory of these flags, `None` where there is none; faults go to the list.
    pub(super) fn chosen(&self, has_clients: bool, faults: &mut Vec<String>) -> Option<AgentsConfig> {
        let usual = if has_clients { AgentsMode::Local } else { AgentsMode::Off };
        let mode = self.agents.unwrap_or(usual);
        if mode != AgentsMode::Keycloak
            && (self.keycloak_token_url.is_some() || self.keycloak_capabilities.is_some())
        {
            faults.push(
                "--keycloak-token-url and --keycloak-capabilities go with --agents keycloak".to_owned(),
            );
        }
        let secrets = match mode {
            AgentsMode::Off => return None,
            AgentsMode::Local => SecretKeeper::Local,
            AgentsMode::Keycloak => self.keycloak(faults)?,
        };
        let database = self.database().map_err(|fault| faults.push(fault)).ok()?;
        let max_lag = Duration::try_from_secs_f64(self.max_lag)
            .map_err(|_| faults.push("--max-lag must be 0 or more seconds".to_owned()))
            .ok()?;
        Some(AgentsConfig { secrets, database, max_lag: Some(max_lag).filter(|most| !most.is_zero()) })
    }

    /// Where the directory is kept; `None` for files.
    ///
    /// # Errors
    /// What to change.
    pub fn database(&self) -> Result<Option<Database>, String> {
        match self.store {
            StoreKind::File => Ok(None),
            StoreKind::Postgres => Ok(Some(Database { url: self.database_url()?, migrate: self.migrate })),
        }
    }

    /// The database's address, wherever it stands; a fault does not repeat it.
    ///
    /// # Errors
    /// What to change.
    pub fn database_url(&self) -> Result<DatabaseUrl, String> {
        let told = std::env::var(DATABASE_URL).ok();
        let text = match (&self.database_url_file, told) {
            (Some(_), Some(_)) => {
                return Err(format!("give --database-url-file or {DATABASE_URL}, not both"));
            }
            (Some(file), None) => {
                private_text(file).map_err(|fault| format!("--database-url-file: {fault}"))?
            }
            (None, Some(told)) => told,
            (None, None) => {
                return Err(format!("--store postgres needs --database-url-file FILE or {DATABASE_URL}"));
            }
        };
        text.parse().map_err(|fault| format!("the database's address {fault}"))
    }

    fn keycloak(&self, faults: &mut Vec<String>) -> Option<SecretKeeper> {
        let token_url = match &self.keycloak_token_url {
            Some(url) if Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) => {
                Some(url.clone())
            }
            Some(url) => {
                faults.push(format!("--keycloak-token-url {url:?}: no http(s) URL"));
                None
            }
            None => {
                faults.push("--agents keycloak needs --keycloak-token-url".to_owned());
                None
            }
        };
        let table = match &self.keycloak_capabilities {
            Some(path) => table(path, faults),
            None => {
                faults.push("--agents keycloak needs --keycloak-capabilities".to_owned());
                None
            }
        };
        Some(SecretKeeper::Keycloak { token_url: token_url?, table: table? })
    }
}

fn private_text(file: &Path) -> Result<String, String> {
    let bytes = boot::files::read_private(file).map_err(|fault| fault.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{}: there is no such file", file.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{}: is not UTF-8", file.display()))
}

fn table(path: &Path, faults: &mut Vec<String>) -> Option<BTreeMap<String, Vec<String>>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        groups: BTreeMap<String, Vec<String>>,
    }
    let File { groups } = super::files::read(path, faults)?;
    for (group, capabilities) in &groups {
        for capability in capabilities {
            if let Err(fault) = check_capability(capability) {
                faults.push(format!("{}: groups.{group}: {capability:?} {fault}", path.display()));
            }
        }
    }
    // A Keycloak group with its full path is the same group.
    Some(groups.into_iter().map(|(group, held)| (group.trim_start_matches('/').to_owned(), held)).collect())
}
