//! Flags and environment → one typed configuration, every fault before a port opens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use access::Policy;
use boot::audit::AuditTo;
use boot::log::LogFormat;
use catalog::CardRules;
use clap::{ArgAction, Parser, Subcommand};
use search::{DEFAULT_REPOSITORY, DEFAULT_REVISION, ModelSource};
use token::Location;
use url::Url;

use crate::agents::EndpointRules;
use crate::keyring::KeyFile;
use crate::operator::{IndexCommand, StoreCommand};
use crate::storage::{Storage, StorageOptions};
use crate::{Gateway, MAX_BODY, UpstreamRules};

/// The agent registry.
///
/// Agents register their cards, others find them by meaning or by skill, and everybody sees
/// only what he may. Runs behind a gateway that asks the auth-server about every request.
#[derive(Debug, Parser)]
#[command(name = "registry", version)]
pub struct Options {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address to serve on; port 0 takes a free one.
    #[arg(long, env = "REGISTRY_LISTEN", default_value = "127.0.0.1:7860")]
    listen: String,
    /// Address for the operator: /live, /metrics, /index/check. Keep it off the network; none when left out.
    #[arg(long, env = "REGISTRY_ADMIN_LISTEN")]
    admin_listen: Option<String>,
    /// Unix socket to serve on as well (mode 0660): what the gateway should use on one host.
    #[arg(long, env = "REGISTRY_SOCKET")]
    socket: Option<PathBuf>,
    /// Group that may use the socket, by name: the gateway's.
    #[arg(long, env = "REGISTRY_SOCKET_GROUP", requires = "socket")]
    socket_group: Option<String>,
    /// Folder of agent_state.json and of the index.
    #[arg(long, global = true, env = "REGISTRY_STATE", default_value = "state")]
    pub state: PathBuf,
    #[command(flatten)]
    storage: StorageOptions,
    /// The access policy, scopes.yml; the auth-server's own copy.
    #[arg(long, env = "REGISTRY_POLICY", default_value = "scopes.yml")]
    policy: PathBuf,
    /// Treat what is probably a slip in the policy as a fault.
    #[arg(long, env = "REGISTRY_STRICT_POLICY")]
    strict_policy: bool,
    /// Where denied and changing requests are recorded, one JSON line each: a file, or - for
    /// standard output. Not recorded when left out.
    #[arg(long, env = "REGISTRY_AUDIT")]
    audit: Option<AuditTo>,
    /// Where the auth-server publishes the keys of its identity seal.
    #[arg(long, env = "REGISTRY_IDENTITY_KEYS_URL", conflicts_with = "identity_keys_file")]
    identity_keys_url: Option<String>,
    /// The same key set as a file, shared at set-up.
    #[arg(long, env = "REGISTRY_IDENTITY_KEYS_FILE")]
    identity_keys_file: Option<PathBuf>,
    /// The auth-server's token endpoint, for MCP servers that take only tokens bound to them (http(s)://…/oauth/token).
    /// Asked directly, not through the gateway.
    #[arg(long, env = "REGISTRY_EXCHANGE_URL")]
    exchange_url: Option<String>,
    /// Call MCP servers on loopback and in private networks, where they usually are. Link-local addresses (a
    /// cloud's metadata) are never called.
    #[arg(long, env = "REGISTRY_UPSTREAM_PRIVATE", default_value_t = true, action = ArgAction::Set)]
    upstream_private: bool,
    /// The longest body that the gateway to MCP servers takes, in bytes.
    #[arg(long, env = "REGISTRY_MCP_MAX_BODY", default_value_t = MAX_BODY)]
    mcp_max_body: usize,
    /// Believe X-User and X-Scopes where no seal comes along. Only for gateways that cannot pass
    /// the seal: whoever reaches this port can then be anybody.
    #[arg(long, env = "REGISTRY_TRUST_PLAIN_HEADERS")]
    trust_plain_headers: bool,
    /// File with the key that seals what MCP servers are called with: 32 bytes in base64, for its owner alone (0600).
    /// Without it the key is registry.key under --state, made at the first start. With --store postgres there is
    /// none unless it is given: every registry on one database needs the same.
    #[arg(long, env = "REGISTRY_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// About how often each enabled MCP server is asked for its tools, in seconds.
    #[arg(long, env = "REGISTRY_TOOLS_INTERVAL", default_value_t = 300)]
    tools_interval: u32,
    /// The gateway's address as clients write it.
    #[arg(long, env = "REGISTRY_PUBLIC_URL", default_value = "http://localhost:8080")]
    public_url: String,
    /// Accept agents with http:// addresses outside loopback and private hosts.
    #[arg(long, env = "REGISTRY_ALLOW_PLAIN_HTTP")]
    allow_plain_http: bool,
    /// With verify_endpoint, also look at agents on loopback and in private networks.
    #[arg(long, env = "REGISTRY_VERIFY_PRIVATE")]
    verify_private: bool,
    /// Folder with the model's config.json, tokenizer.json and model.safetensors. Without it the
    /// model comes from the hub's cache, then from the hub.
    #[arg(long, global = true, env = "REGISTRY_MODEL")]
    model: Option<PathBuf>,
    /// The model on the hub.
    #[arg(long, global = true, env = "REGISTRY_MODEL_REPOSITORY", default_value = DEFAULT_REPOSITORY)]
    model_repository: String,
    /// The commit of the model on the hub.
    #[arg(long, global = true, env = "REGISTRY_MODEL_REVISION", default_value = DEFAULT_REVISION)]
    model_revision: String,
    /// Never ask the hub.
    #[arg(long, global = true, env = "HF_HUB_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
    /// Where to write {"url", "socket"} once requests are served.
    #[arg(long, env = "REGISTRY_READY_FILE")]
    pub ready_file: Option<PathBuf>,
    /// How log lines are written to standard error.
    #[arg(long, env = "REGISTRY_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// What is logged, e.g. "info" or "warn,registry=debug".
    #[arg(long, env = "REGISTRY_LOG", default_value = "info")]
    pub log: String,
}

/// What an operator does beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the kept state, or put it in order; the registry must be stopped.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Look at what search keeps beside the state; the registry must be stopped.
    #[command(subcommand)]
    Index(IndexCommand),
    /// Make or change the tables of the database, for --store postgres.
    Migrate,
}

impl Command {
    /// Does it, and prints what came of it.
    pub fn run(&self, options: &Options) -> ExitCode {
        match self {
            Command::Store(command) => options.on_storage(|storage| command.run(storage, options.rules())),
            Command::Index(command) => options.on_storage(|storage| command.run(storage, &options.model())),
            Command::Migrate => match options.storage.migrate() {
                Ok(()) => {
                    println!("registry: the tables are ready");
                    ExitCode::SUCCESS
                }
                Err(reason) => {
                    eprintln!("registry: {reason}");
                    ExitCode::FAILURE
                }
            },
        }
    }
}

impl Options {
    /// Where agents are kept, and what the log is to say of it.
    fn storage(&self) -> Result<Storage, Vec<String>> {
        let mut faults = Vec::new();
        if let Err(fault) = boot::log::start(self.log_format, &self.log) {
            faults.push(format!("--log: {fault}"));
        }
        let storage = self.storage.chosen(&self.state, &mut faults);
        storage.filter(|_| faults.is_empty()).ok_or(faults)
    }

    fn on_storage(&self, act: impl FnOnce(Storage) -> ExitCode) -> ExitCode {
        self.storage().map_or_else(
            |faults| {
                faults.iter().for_each(|fault| eprintln!("registry: {fault}"));
                ExitCode::from(2)
            },
            act,
        )
    }

    /// Where the model is.
    fn model(&self) -> ModelSource {
        ModelSource {
            local: self.model.clone(),
            repository: self.model_repository.clone(),
            revision: self.model_revision.clone(),
            cache: None,
            offline: self.offline,
        }
    }

    /// What is loosened about cards.
    fn rules(&self) -> CardRules {
        CardRules { allow_plain_http: self.allow_plain_http }
    }
}

/// Where the keys of the identity seal come from.
#[derive(Debug)]
pub enum IdentityKeys {
    /// The auth-server's published key set.
    Remote(Location),
    /// A file.
    File(PathBuf),
    /// None: only plain headers are believed.
    None,
}

/// Checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where the operator asks.
    pub admin_listen: Option<SocketAddr>,
    /// The socket to serve on as well, and the group that may use it.
    pub socket: Option<(PathBuf, Option<String>)>,
    /// Where agents are kept.
    pub storage: Storage,
    /// How old what is shown may be; none when it may be of any age.
    pub max_lag: Option<Duration>,
    /// Whether that was chosen, where it matters.
    pub unbounded: bool,
    /// Who may do what.
    pub policy: Policy,
    /// Its file, followed for changes.
    pub policy_file: PathBuf,
    /// Whether slips are faults.
    pub strict_policy: bool,
    /// Where decisions are recorded.
    pub audit: AuditTo,
    /// How callers are recognised.
    pub identity_keys: IdentityKeys,
    /// Where tokens for MCP servers are made.
    pub exchange_url: Option<Url>,
    /// Which MCP servers may be called.
    pub upstreams: UpstreamRules,
    /// What the gateway to them takes.
    pub gateway: Gateway,
    /// See the flag.
    pub trust_plain_headers: bool,
    /// The gateway's address without a slash at its end.
    pub public_url: String,
    /// Where the registry's own key is.
    pub key_file: KeyFile,
    /// How often servers are asked for their tools.
    pub tools_interval: Duration,
    /// What the operator has loosened about cards.
    pub rules: CardRules,
    /// Which agents may be looked at.
    pub endpoints: EndpointRules,
    /// Where the model is.
    pub model: ModelSource,
}

impl Config {
    /// Reads everything the options name.
    ///
    /// # Errors
    /// Every fault, each a sentence that names the flag or the file.
    pub fn load(options: &Options) -> Result<Config, Vec<String>> {
        let mut faults = Vec::new();
        let listen = options.listen.parse::<SocketAddr>();
        let listen =
            listen.map_err(|fault| faults.push(format!("--listen {}: {fault}", options.listen))).ok();
        let admin = options.admin_listen.as_ref().map(|address| address.parse::<SocketAddr>());
        let admin_listen = admin.transpose().unwrap_or_else(|fault| {
            faults.push(format!("--admin-listen: {fault}"));
            None
        });
        let policy = policy(&options.policy, options.strict_policy, &mut faults);
        let keys = identity_keys(options, &mut faults);
        let public_url = options.public_url.trim_end_matches('/').to_owned();
        if let Err(fault) = Url::parse(&public_url) {
            faults.push(format!("--public-url {public_url}: {fault}"));
        }
        if let Err(fault) = boot::log::check(&options.log) {
            faults.push(format!("--log: {fault}"));
        }
        let exchange_url = exchange_url(options.exchange_url.as_deref(), &mut faults);
        let storage = options.storage.chosen(&options.state, &mut faults);
        if options.tools_interval == 0 {
            faults.push("--tools-interval must be at least 1".to_owned());
        }
        let max_lag = options.storage.max_lag(&mut faults);
        match (listen, policy, keys, storage) {
            (Some(listen), Some(policy), Some(identity_keys), Some(storage)) if faults.is_empty() => {
                Ok(Config {
                    listen,
                    admin_listen,
                    policy,
                    policy_file: options.policy.clone(),
                    strict_policy: options.strict_policy,
                    audit: options.audit.clone().unwrap_or_default(),
                    identity_keys,
                    exchange_url,
                    upstreams: UpstreamRules { allow_private: options.upstream_private },
                    gateway: Gateway::taking(options.mcp_max_body),
                    public_url,
                    socket: options.socket.clone().map(|path| (path, options.socket_group.clone())),
                    unbounded: max_lag.is_none() && matches!(storage, Storage::Postgres { .. }),
                    max_lag,
                    key_file: key_file(options, &storage),
                    storage,
                    trust_plain_headers: options.trust_plain_headers,
                    tools_interval: Duration::from_secs(options.tools_interval.into()),
                    rules: options.rules(),
                    endpoints: EndpointRules { allow_private: options.verify_private },
                    model: options.model(),
                })
            }
            _ => Err(faults),
        }
    }
}

fn key_file(options: &Options, storage: &Storage) -> KeyFile {
    match (&options.key_file, storage) {
        (Some(file), _) => KeyFile::At(file.clone()),
        (None, Storage::File { state, .. }) => KeyFile::Beside(state.clone()),
        (None, Storage::Postgres { .. }) => KeyFile::None,
    }
}

fn policy(file: &std::path::Path, strict: bool, faults: &mut Vec<String>) -> Option<Policy> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(fault) => {
            faults.push(format!("--policy {}: {fault}", file.display()));
            return None;
        }
    };
    match Policy::read(&text, strict) {
        Ok(policy) => Some(policy),
        Err(found) => {
            faults.extend(found.iter().map(|fault| format!("{}: {fault}", file.display())));
            None
        }
    }
}

fn exchange_url(flag: Option<&str>, faults: &mut Vec<String>) -> Option<Url> {
    let url = Url::parse(flag?).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        faults
            .push("--exchange-url: must be an http or https URL: the auth-server's …/oauth/token".to_owned());
    }
    url
}

fn identity_keys(options: &Options, faults: &mut Vec<String>) -> Option<IdentityKeys> {
    match (&options.identity_keys_url, &options.identity_keys_file) {
        (Some(url), _) => match Location::at(url) {
            Ok(location) => Some(IdentityKeys::Remote(location)),
            Err(fault) => {
                faults.push(format!("--identity-keys-url: {fault}"));
                None
            }
        },
        (None, Some(file)) => Some(IdentityKeys::File(file.clone())),
        (None, None) if options.trust_plain_headers => Some(IdentityKeys::None),
        (None, None) => {
            faults.push(
                "nobody could be recognised: give --identity-keys-url or --identity-keys-file".to_owned(),
            );
            None
        }
    }
}
