//! The command line of `agentctl mcp-target …`.

use clap::{ArgGroup, Args, Subcommand};

use super::examples;
use crate::directory::{Keeper, One, SecretOut, Several, capability, line, name};

/// What to do with MCP servers.
#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// Make an MCP server known, so that agents can get tokens for it; its introspection secret is shown once
    #[command(after_help = examples::CREATE)]
    Create(Create),
    /// List the MCP servers
    #[command(after_help = examples::LIST)]
    List(List),
    /// Show an MCP server
    #[command(after_help = examples::SHOW)]
    Show(One),
    /// Change what is named of an MCP server
    #[command(after_help = examples::UPDATE)]
    Update(Update),
    /// Remove MCP servers: no agent gets a token for them any more
    #[command(after_help = examples::DELETE)]
    Delete(Several),
    /// Give an MCP server another introspection secret, which is shown once
    #[command(after_help = examples::ROTATE)]
    Rotate(Rotate),
}

/// What can be said of an MCP server when it is made and later.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// Another name that agents may ask for it by, like urn:mcp:documents; may be given more than once
    #[arg(long = "alias", value_name = "NAME", value_parser = line)]
    pub(super) aliases: Vec<String>,
    /// What an agent has to hold to get a token for it, as verb:noun; or none
    #[arg(long, value_name = "CAPABILITY|none", value_parser = capability_or_none)]
    pub(super) capability: Option<String>,
    /// A scope that its tokens may have; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE", value_parser = capability)]
    pub(super) scopes: Vec<String>,
    /// How long its tokens live, in seconds (30 to 600)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(30..=600))]
    pub(super) lifetime: Option<u64>,
}

/// `mcp-target create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What people call it
    #[arg(value_parser = line)]
    pub(super) name: String,
    /// Its address, which its tokens are for (their aud)
    #[arg(long, value_name = "URI", value_parser = line)]
    pub(super) resource_uri: String,
    /// Its short name, instead of one made from the name
    #[arg(long, value_parser = name)]
    pub(super) slug: Option<String>,
    #[command(flatten)]
    pub(super) fields: Fields,
    #[command(flatten)]
    pub(super) secret: SecretOut,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `mcp-target list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Every page, where there are more than one holds
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `mcp-target update`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(
    ["name", "resource_uri", "aliases", "no_aliases", "capability", "scopes", "no_scopes", "lifetime"]
))]
pub(crate) struct Update {
    /// The MCP server's id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(super) id: String,
    /// What people call it from now on
    #[arg(long, value_parser = line)]
    pub(super) name: Option<String>,
    /// Its address from now on
    #[arg(long, value_name = "URI", value_parser = line)]
    pub(super) resource_uri: Option<String>,
    /// It has no other names any more; those of --alias replace the ones it has
    #[arg(long, conflicts_with = "aliases")]
    pub(super) no_aliases: bool,
    /// It has no scopes any more; those of --scope replace the ones it has
    #[arg(long, conflicts_with = "scopes")]
    pub(super) no_scopes: bool,
    #[command(flatten)]
    pub(super) fields: Fields,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `mcp-target rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The MCP server's id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) secret: SecretOut,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

fn capability_or_none(text: &str) -> Result<String, String> {
    if text == "none" { Ok(text.to_owned()) } else { capability(text) }
}
