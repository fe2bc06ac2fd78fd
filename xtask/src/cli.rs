//! The command line: every door with its flags, each flag with the variable the Makefile passes on.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use xtask::nginx::{self, Gateway, Upstream};

/// The tools of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Door,
}

#[derive(Subcommand)]
pub(crate) enum Door {
    /// Install what is missing (nginx) from Debian, when root
    Setup,
    /// Fetch the embedding model into the data folder
    Model {
        #[command(flatten)]
        data: Data,
    },
    /// Fetch Keycloak into the cache of this machine, and what it takes to run it
    Keycloak {
        /// Say SKIPPED and why, instead of failing, when this machine cannot have it
        #[arg(long)]
        if_possible: bool,
    },
    /// The gateway's configuration
    #[command(subcommand)]
    Nginx(NginxDoor),
    /// Install, build, start, play the demo, and serve until interrupted
    Run(Serve),
    /// Start the stack in the background
    Up(Serve),
    /// Stop the stack of this data folder
    Down {
        #[command(flatten)]
        data: Data,
    },
    /// Play the demo once, on a stack of its own
    Demo {
        #[command(flatten)]
        data: Data,
    },
    /// Feed the readers of what strangers send, for a bounded time each
    Fuzz {
        /// For each target
        #[arg(long, env = "FUZZ_SECONDS", default_value_t = 60)]
        seconds: u32,
    },
    /// Check the rules of the house
    Tidy,
}

#[derive(Args)]
pub(crate) struct Data {
    /// The one folder everything is written to
    #[arg(long, env = "DATA", default_value = "./data")]
    pub(crate) data: PathBuf,
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Port of the gateway; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub(crate) port: u16,
    /// Address of the gateway
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// The gateway's address as callers write it, when that is not where it listens; the issuer's name
    /// begins with it
    #[arg(long, env = "PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
    /// Host names that are answered, beside loopback, LISTEN and the host of PUBLIC_URL
    #[arg(long = "server-name", env = "SERVER_NAME", value_delimiter = ',')]
    pub(crate) server_names: Vec<String>,
    /// scopes.yml
    #[arg(long, env = "POLICY")]
    pub(crate) policy: Option<PathBuf>,
    /// Who signs clients in: the auth-server itself, or a Keycloak started with it
    #[arg(long, env = "ISSUER", value_enum, default_value_t = Signer::Embedded)]
    pub(crate) issuer: Signer,
    /// Port of that Keycloak, on loopback; 0 takes a free one
    #[arg(long, env = "KEYCLOAK_PORT", default_value_t = 0)]
    pub(crate) keycloak_port: u16,
    /// Issuers that are trusted beside the embedded one, e.g. your Keycloak: an issuers.yml
    #[arg(long, env = "ISSUERS")]
    pub(crate) issuers: Option<PathBuf>,
    /// Where agents are kept: files, or a Postgres started with it
    #[arg(long, env = "STORE", value_enum, default_value_t = Kept::File)]
    pub(crate) store: Kept,
    /// How many registries; more than one need STORE=postgres
    #[arg(long, env = "REGISTRIES", default_value_t = 1)]
    pub(crate) registries: usize,
    /// Requests per second that one address may make
    #[arg(long, default_value_t = nginx::RATE)]
    pub(crate) rate: u32,
    /// Token requests per second that one address may make
    #[arg(long, default_value_t = nginx::TOKEN_RATE)]
    pub(crate) token_rate: u32,
    /// Take a token from X-Authorization too; one in Authorization must then be the same
    #[arg(long, env = "X_AUTHORIZATION", value_parser = BoolishValueParser::new())]
    pub(crate) x_authorization: bool,
}

/// Where agents are kept.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kept {
    /// In agent_state.json.
    File,
    /// In a private cluster under the data folder.
    Postgres,
}

/// Who signs clients in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signer {
    /// The auth-server, for the clients of a file.
    Embedded,
    /// A real Keycloak with the realm of keycloak/.
    Keycloak,
}

#[derive(Subcommand)]
pub(crate) enum NginxDoor {
    /// Fill in the template and print it, or write and check it
    Render(Render),
}

#[derive(Args)]
pub(crate) struct Render {
    /// Where the gateway listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Host names that are answered
    #[arg(long = "server-name", value_delimiter = ',', default_values_t = nginx::local_names())]
    pub(crate) server_names: Vec<String>,
    /// The registry: unix:PATH or ADDRESS:PORT; again for each further one on the same database
    #[arg(long = "registry", required = true)]
    pub(crate) registries: Vec<Upstream>,
    /// The auth-server: ADDRESS:PORT
    #[arg(long)]
    pub(crate) auth_server: SocketAddr,
    /// Folder for pid file, logs and temporary files; absolute
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// User of the worker processes, when nginx is started by root
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Worker processes; one per core unless said otherwise
    #[arg(long)]
    pub(crate) workers: Option<u16>,
    /// Largest request body
    #[arg(long, default_value = "1m")]
    pub(crate) max_body: String,
    /// Largest request body where MCP is spoken
    #[arg(long, default_value = nginx::MCP_MAX_BODY)]
    pub(crate) mcp_max_body: String,
    /// Requests per second that one address may make
    #[arg(long, default_value_t = nginx::RATE)]
    pub(crate) rate: u32,
    /// Token requests per second that one address may make
    #[arg(long, default_value_t = nginx::TOKEN_RATE)]
    pub(crate) token_rate: u32,
    /// Show the auth-server a token in X-Authorization too; start it with the same flag
    #[arg(long)]
    pub(crate) x_authorization: bool,
    /// Write DIR/gateway.conf and let nginx check it, instead of printing
    #[arg(long)]
    pub(crate) write: bool,
}

impl From<Render> for Gateway {
    fn from(wanted: Render) -> Self {
        Self {
            listen: wanted.listen,
            server_names: wanted.server_names,
            registries: wanted.registries,
            auth_server: wanted.auth_server,
            dir: wanted.dir,
            user: wanted.user,
            workers: wanted.workers,
            max_body: wanted.max_body,
            mcp_max_body: wanted.mcp_max_body,
            rate: wanted.rate,
            token_rate: wanted.token_rate,
            x_authorization: wanted.x_authorization,
        }
    }
}
