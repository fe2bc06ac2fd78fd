//! Flags and variables of the environment → one typed [`Config`], or every fault at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use access::Policy;
use boot::audit::AuditTo;
use boot::log::LogFormat;
use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use token::SigningAlgorithm;
use url::Url;

mod agents;
mod files;

pub use agents::{AgentsConfig, AgentsMode, AgentsOptions, Database, SecretKeeper, StoreKind};
pub use files::{AudienceEntry, ClientEntry, IssuerEntry, ScopeClaim};

/// Answers nginx at /validate and issues tokens.
#[derive(Debug, Parser)]
#[command(name = "auth-server", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; serves when nothing is named.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub options: Options,
}

/// Other things the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a client's secret from standard input (one line) and print its argon2id hash for the clients file.
    HashSecret,
    /// Make or change the tables of the directory's database, and end.
    Migrate,
    /// Put a new organisation's key in place of one that was lost, and write it to DIR/admin_key. Stop a server
    /// that keeps its directory in files first.
    NewAdminKey {
        /// The server's state folder.
        #[arg(long, env = "AUTH_SERVER_STATE", value_name = "DIR")]
        state: PathBuf,
    },
}

/// What can be configured. All values are texts here, so that all faults can be told together.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Address for nginx: /validate, /health, key sets and the token endpoint. Port 0 takes a free one.
    #[arg(long, env = "AUTH_SERVER_LISTEN", default_value = "127.0.0.1:8888")]
    pub listen: String,
    /// Address for the operator: /live, /ready, /metrics. Keep it off the network.
    #[arg(long, env = "AUTH_SERVER_ADMIN_LISTEN", default_value = "127.0.0.1:9888")]
    pub admin_listen: String,
    /// The gateway's address as clients write it; the embedded issuer's name begins with it.
    #[arg(long, env = "AUTH_SERVER_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    pub public_url: String,
    /// The organisation in the embedded issuer's paths.
    #[arg(long, env = "AUTH_SERVER_ORG", default_value = "default")]
    pub org: String,
    /// Folder for the signing keys, made at first start (0700, keys 0600). Required.
    #[arg(long, env = "AUTH_SERVER_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The access policy, scopes.yml. Required.
    #[arg(long, env = "AUTH_SERVER_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Treat what is probably a slip in the policy as a fault.
    #[arg(long, env = "AUTH_SERVER_STRICT_POLICY")]
    pub strict_policy: bool,
    /// Where refused requests are recorded, one JSON line each: a file, or - for standard output.
    #[arg(long, env = "AUTH_SERVER_AUDIT", value_name = "FILE")]
    pub audit: Option<AuditTo>,
    /// Clients of the embedded issuer (YAML: clients: [{client_id, secret_hash, groups}]). Turns the issuer on,
    /// and the directory of agents with it.
    #[arg(long, env = "AUTH_SERVER_CLIENTS", value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// Issuers whose tokens are believed, e.g. Keycloak (YAML list of: issuer, aliases, jwks_uri,
    /// audiences, audience, groups_claim, scope_claim, method).
    #[arg(long, env = "AUTH_SERVER_ISSUERS", value_name = "FILE")]
    pub issuers: Option<PathBuf>,
    /// Life of the embedded issuer's tokens, in seconds (120 to 86400).
    #[arg(long, env = "AUTH_SERVER_TOKEN_LIFETIME", default_value = "900", value_name = "SECONDS")]
    pub token_lifetime: String,
    /// What the embedded issuer signs with: ES256 or RS256.
    #[arg(long, env = "AUTH_SERVER_SIGNING_ALGORITHM", default_value = "ES256")]
    pub signing_algorithm: String,
    /// The directory of agents.
    #[command(flatten)]
    pub agents: AgentsOptions,
    /// Read a token from X-Authorization too; one in Authorization must then be the same.
    #[arg(long, env = "AUTH_SERVER_X_AUTHORIZATION", value_parser = BoolishValueParser::new())]
    pub x_authorization: bool,
    /// Write {"url", "admin_url"} to this file once both ports are open.
    #[arg(long, env = "AUTH_SERVER_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// How log lines are written to standard error.
    #[arg(long, env = "AUTH_SERVER_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// What is logged, e.g. "info" or "warn,auth_server=debug".
    #[arg(long, env = "AUTH_SERVER_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
}

/// A configuration that was read whole and checked.
#[derive(Debug)]
pub struct Config {
    /// See [`Options::listen`].
    pub listen: SocketAddr,
    /// See [`Options::admin_listen`].
    pub admin_listen: SocketAddr,
    /// Without a slash at its end.
    pub public_url: String,
    /// One path segment.
    pub org: String,
    /// See [`Options::state`].
    pub state: PathBuf,
    /// The access policy.
    pub policy: Policy,
    /// Its file, followed for changes.
    pub policy_file: PathBuf,
    /// Whether slips are faults, now and later.
    pub strict_policy: bool,
    /// Where refused requests are recorded.
    pub audit: AuditTo,
    /// Clients of the embedded issuer beside the directory's agents; `None` when there is no file of them.
    pub clients: Option<Vec<ClientEntry>>,
    /// The directory of agents; `None` when it is off.
    pub agents: Option<AgentsConfig>,
    /// The other issuers.
    pub issuers: Vec<IssuerEntry>,
    /// In seconds.
    pub token_lifetime: u64,
    /// ES256 or RS256.
    pub signing_algorithm: SigningAlgorithm,
    /// See [`Options::x_authorization`].
    pub x_authorization: bool,
}

impl Config {
    /// Whether tokens are issued here.
    pub fn issues_tokens(&self) -> bool {
        self.clients.is_some() || self.agents.is_some()
    }

    /// The name of the embedded issuer, the `iss` of its tokens.
    pub fn embedded_issuer(&self) -> String {
        embedded_issuer(&self.public_url, &self.org)
    }

    /// Reads options and the files they name.
    ///
    /// # Errors
    /// Every fault found, one line each, with the flag or the file and the place in it.
    pub fn load(options: &Options) -> Result<Config, Vec<String>> {
        let mut faults = Faults::default();
        let listen = faults.read("--listen", &options.listen, |text| text.parse::<SocketAddr>());
        let admin_listen =
            faults.read("--admin-listen", &options.admin_listen, |text| text.parse::<SocketAddr>());
        let public_url = faults.read("--public-url", &options.public_url, base_url);
        let org = faults.read("--org", &options.org, segment);
        let lifetime = faults.read("--token-lifetime", &options.token_lifetime, seconds);
        let algorithm = faults.read("--signing-algorithm", &options.signing_algorithm, algorithm);
        faults.read("--log", &options.log, boot::log::check);
        let state = faults.required("--state", options.state.clone());
        let policy = faults
            .required("--policy", options.policy.as_deref())
            .and_then(|path| faults.policy(path, options.strict_policy));
        let clients = options.clients.as_deref().map(|path| files::clients(path, &mut faults.0));
        let issuers = options.issuers.as_deref().map(|path| files::issuers(path, &mut faults.0));
        let agents = options.agents.chosen(clients.is_some(), &mut faults.0);
        if clients.is_none() && issuers.is_none() && agents.is_none() {
            faults.0.push("nobody could sign in: give --clients, --issuers or both".to_owned());
        }
        let from_keycloak =
            agents.as_ref().is_some_and(|agents| matches!(agents.secrets, SecretKeeper::Keycloak { .. }));
        if from_keycloak && issuers.is_none() {
            faults
                .0
                .push("--agents keycloak needs --issuers with the realm whose tokens are read".to_owned());
        }
        let issuers = issuers.unwrap_or_default();
        let embedded = match (&public_url, &org, clients.is_some() || agents.is_some()) {
            (Some(public_url), Some(org), true) => Some(embedded_issuer(public_url, org)),
            (_, _, false) | (None, _, _) | (_, None, _) => None,
        };
        files::distinct(embedded.as_deref(), &issuers, &mut faults.0);
        match (listen, admin_listen, public_url, org, lifetime, algorithm, state, policy) {
            (
                Some(listen),
                Some(admin_listen),
                Some(public_url),
                Some(org),
                Some(token_lifetime),
                Some(signing_algorithm),
                Some(state),
                Some(policy),
            ) if faults.0.is_empty() => {
                let x_authorization = options.x_authorization;
                Ok(Config {
                    listen,
                    admin_listen,
                    public_url,
                    org,
                    state,
                    policy,
                    policy_file: options.policy.clone().unwrap_or_default(),
                    strict_policy: options.strict_policy,
                    audit: options.audit.clone().unwrap_or_default(),
                    clients,
                    agents,
                    issuers,
                    token_lifetime,
                    signing_algorithm,
                    x_authorization,
                })
            }
            _ => Err(faults.0),
        }
    }
}

fn embedded_issuer(public_url: &str, org: &str) -> String {
    format!("{public_url}/orgs/{org}/api/v1")
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn read<T, E: std::fmt::Display>(
        &mut self,
        flag: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(text).map_err(|fault| self.0.push(format!("{flag} {text:?}: {fault}"))).ok()
    }

    fn required<T>(&mut self, flag: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.0.push(format!("{flag} is required"));
        }
        value
    }

    fn policy(&mut self, path: &std::path::Path, strict: bool) -> Option<Policy> {
        let name = path.display();
        let text =
            std::fs::read_to_string(path).map_err(|fault| self.0.push(format!("{name}: {fault}"))).ok()?;
        Policy::read(&text, strict)
            .map_err(|faults| self.0.extend(faults.iter().map(|fault| format!("{name}: {fault}"))))
            .ok()
    }
}

fn base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|fault| fault.to_string())?;
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if matches!(url.scheme(), "http" | "https") && bare && url.host().is_some() {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("must be http(s)://host[:port][/path]".to_owned())
    }
}

fn segment(text: &str) -> Result<String, &'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("must be letters, digits, '-' or '_'")
    }
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    // Client packages sign in again from 60 s before the end: less than two minutes is no life.
    text.parse().ok().filter(|life| (120..=86_400).contains(life)).ok_or("must be 120 to 86400 seconds")
}

fn algorithm(text: &str) -> Result<SigningAlgorithm, &'static str> {
    match text.parse() {
        Ok(algorithm @ (SigningAlgorithm::Es256 | SigningAlgorithm::Rs256)) => Ok(algorithm),
        Ok(SigningAlgorithm::EdDsa) | Err(_) => Err("must be ES256 or RS256"),
    }
}
