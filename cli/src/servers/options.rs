//! The command line of `agentctl server …`.

use std::path::PathBuf;

use catalog::{Door, EntryPath, ServerPlace};
use clap::{Args, Subcommand};

use super::examples;
use crate::entries::{Switch, tag};
use crate::options::path;

/// What to do with MCP servers.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Register MCP servers; new ones are disabled until they are toggled
    #[command(after_help = examples::REGISTER)]
    Register(Register),
    /// List the MCP servers you may see
    #[command(after_help = examples::LIST)]
    List(List),
    /// Show an MCP server's card
    #[command(after_help = examples::GET, visible_alias = "show")]
    Get(One),
    /// Change an MCP server's card, unless somebody else has changed it meanwhile
    #[command(after_help = examples::UPDATE)]
    Update(Update),
    /// Remove MCP servers
    #[command(after_help = examples::DELETE, visible_alias = "remove")]
    Delete(Delete),
    /// Enable or disable an MCP server: the gateway and search know enabled ones only
    #[command(after_help = examples::TOGGLE)]
    Toggle(Toggle),
    /// Show the tools of an MCP server that you may call
    #[command(after_help = examples::TOOLS)]
    Tools(One),
    /// Have the registry ask an MCP server now: is it there, which tools has it?
    #[command(after_help = examples::CHECK)]
    Check(One),
    /// Show who has changed an MCP server's card, when, and what
    #[command(after_help = examples::HISTORY)]
    History(History),
    /// Call one tool of an MCP server through the gateway
    #[command(after_help = examples::CALL)]
    Call(Call),
}

/// `server register`.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The cards, as JSON; `-` is standard input
    #[arg(required = true, value_name = "CARD.json")]
    pub(super) cards: Vec<PathBuf>,
    /// A header that the server wants to see, its value from a file or (with -) standard input; may be given more
    /// than once
    #[arg(long = "header", value_name = "NAME=@FILE")]
    pub(super) headers: Vec<String>,
    /// Enable each server once it is registered
    #[arg(long)]
    pub(super) enable: bool,
    /// Send cards in which this agentctl finds faults, too: a newer server may take them
    #[arg(long)]
    pub(super) unchecked: bool,
}

/// `server list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Part of a name, description, tag or tool name
    #[arg(long, value_name = "TEXT")]
    pub(super) query: Option<String>,
    /// Leave out disabled servers
    #[arg(long)]
    pub(super) enabled_only: bool,
    /// Only servers that carry this tag
    #[arg(long)]
    pub(super) tag: Option<String>,
    /// Every page, where there are more servers than one holds
    #[arg(long)]
    pub(super) all: bool,
}

/// `server get`, `tools`, `check`.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The server's path, with its leading slash
    #[arg(value_parser = server)]
    pub(super) path: EntryPath,
}

/// `server update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// The server's path, with its leading slash
    #[arg(value_parser = server)]
    pub(super) path: EntryPath,
    /// The card, as JSON; `-` is standard input. Fields it leaves out stay
    #[arg(value_name = "CARD.json")]
    pub(super) card: PathBuf,
    /// A header that the server wants to see, its value from a file or (with -) standard input; may be given more
    /// than once
    #[arg(long = "header", value_name = "NAME=@FILE")]
    pub(super) headers: Vec<String>,
    /// The file is a merge patch (RFC 7396): null removes a field
    #[arg(long)]
    pub(super) patch: bool,
    /// Change this state only (`server get` shows its tag), instead of the state of now
    #[arg(long, value_name = "ETAG", value_parser = tag)]
    pub(super) if_match: Option<String>,
}

/// `server delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Paths, with their leading slashes
    #[arg(required = true, value_parser = server, value_name = "PATH")]
    pub(super) paths: Vec<EntryPath>,
    /// Do not ask; needed where nobody can be asked
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// `server toggle`.
#[derive(Debug, Args)]
pub(crate) struct Toggle {
    /// The server's path, with its leading slash
    #[arg(value_parser = server)]
    pub(super) path: EntryPath,
    /// Whether the gateway and search are to know it
    pub(super) state: Switch,
}

/// `server history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The server's path, with its leading slash
    #[arg(value_parser = server)]
    pub(super) path: EntryPath,
    /// At most so many changes (1 to 1000), the latest first
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Only changes before the one of this number
    #[arg(long, value_name = "CHANGE")]
    pub(super) before: Option<u64>,
}

/// `server call`.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The server's path, with its leading slash
    #[arg(value_parser = server)]
    pub(super) path: EntryPath,
    /// The tool's name
    pub(super) tool: String,
    /// What the tool is called with: a JSON object, or the file that holds it
    #[arg(long, value_name = "JSON|@FILE")]
    pub(super) arguments: Option<String>,
    /// Wait so many seconds for each answer of the server
    #[arg(long = "timeout", default_value = "60", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) seconds: u64,
}

/// An MCP server's path, in its one spelling: one name, for it stands in the gateway's addresses.
fn server(text: &str) -> Result<EntryPath, String> {
    let path = path(text)?;
    let address = format!("/mcp{path}");
    match ServerPlace::of(&address) {
        Some(ServerPlace { door: Door::Mcp, base, .. }) if base == address => Ok(path),
        Some(_) | None => {
            Err("a server's path is a slash and one name: letters, digits, '-', '_' and '.'".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_path_is_one_name() {
        for (text, fine) in [
            ("/clock", true),
            ("/Fetch_2.0-x", true),
            ("/registry", true),
            ("clock", false),
            ("/clock/mcp", false),
            ("/team/clock", false),
            ("/api", false),
            ("/mcp", false),
            ("/clock/", false),
            ("/.x", false),
        ] {
            assert_eq!(server(text).is_ok(), fine, "{text}");
        }
    }
}
