//! The command line; `--help` is its documentation.

use std::path::PathBuf;

use access::Action;
use catalog::EntryPath;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::agents::{self, AgentCommand};
use crate::credentials::{Checks, SignIn};
use crate::gateway::Gateway;
use crate::identity::{self, IdentityCommand};
use crate::keycloak::{self, KeycloakCommand};
use crate::search::{self, Search};
use crate::servers::{self, ServerCommand};
use crate::targets::{self, TargetCommand};
use crate::token::{self, TokenCommand};

const EXAMPLES: &str = "\
Examples:
  agentctl agent register card.json --enable
  agentctl agent search 'review Python code for security holes'
  agentctl server call /clock now
  agentctl agent list --json | jq -r '.agents[].path'
  agentctl access check scopes.yml --strict
  agentctl access explain --action get_agent --resource /code-reviewer
  agentctl --gateway https://agents.example.com access diff scopes.yml

Exit codes:
  0  done, and the answer is yes
  1  refused or failed by the server, or the answer is no
  2  wrong use
  3  no token, or one that has expired or cannot do it
  4  nobody answers";

const CHECK_EXAMPLES: &str = "\
Examples:
  agentctl access check deploy/scopes.yml
  agentctl access check deploy/scopes.yml --strict        # as servers with --strict-policy read it
  agentctl access check deploy/scopes.yml --json

Exit codes: 0 no faults, 1 faults, 2 the file cannot be read";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  agentctl access explain --action get_agent --resource /code-reviewer
  agentctl access explain --action modify_agent --resource /team/reviewer --group lob1 --group auditors
  agentctl access explain --action list_agents --resource /x --group lob1 --username anna
  agentctl access explain --action get_agent --resource /x --scope a2a-agent-admin --json
  agentctl access explain --action tools/call --tool now --resource clock --group lob1

Exit codes: 0 allowed, 1 not allowed (or the question was refused), 3 no token, 4 nobody answers";

const DIFF_EXAMPLES: &str = "\
Examples:
  agentctl access diff scopes.yml
  agentctl access diff scopes.yml --json | jq .total_lost

Exit codes: 0 nobody loses anything, 1 something is lost or the file has faults, 2 the file cannot be
read, 3 no token, 4 nobody answers";

const ACCESS_EXAMPLES: &str = "\
Examples:
  agentctl access check scopes.yml --strict
  agentctl access explain --action get_agent --resource /code-reviewer
  agentctl access diff scopes.yml

Exit codes: see each command";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  agentctl completions bash > ~/.local/share/bash-completion/completions/agentctl
  agentctl completions zsh > ~/.zfunc/_agentctl        # with ~/.zfunc in fpath
  agentctl completions fish > ~/.config/fish/completions/agentctl.fish

Exit codes: 0 done, 2 no such shell";

/// The heading of the flags that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Ask and work with the agent registry from a terminal.
#[derive(Debug, Parser)]
#[command(name = "agentctl", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Print JSON instead of text and tables: the server's own, where a server is asked
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Options {
    /// The command line of this process; what is wrong with it ends it here, with help.
    pub(crate) fn read() -> Options {
        let matches = Options::command().get_matches();
        let read = Options::from_arg_matches(&matches);
        let mut options = read.unwrap_or_else(|fault| fault.format(&mut Options::command()).exit());
        options.remote.sign_in.note_typed(&matches);
        options
    }
}

/// Where to ask, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = EVERYWHERE)]
pub(crate) struct Remote {
    /// The gateway's address
    #[arg(
        long,
        global = true,
        env = "AGENTCTL_GATEWAY",
        value_name = "URL",
        default_value = "http://localhost:8080"
    )]
    pub(crate) gateway: Gateway,
    /// File with the access token: JSON with an access_token, or the bare token
    #[arg(
        long,
        global = true,
        env = "AGENTCTL_TOKEN_FILE",
        value_name = "FILE",
        default_value = ".oauth-tokens/ingress.json"
    )]
    pub(crate) token_file: PathBuf,
    #[command(flatten)]
    pub(crate) checks: Checks,
    #[command(flatten)]
    pub(crate) sign_in: SignIn,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Agents: register, list, change, find and test them
    #[command(subcommand, after_help = agents::EXAMPLES)]
    Agent(AgentCommand),
    /// MCP servers: register, list, change and check them, call their tools
    #[command(subcommand, after_help = servers::EXAMPLES)]
    Server(ServerCommand),
    /// Find agents, MCP servers and their tools by meaning
    #[command(after_help = search::EXAMPLES)]
    Search(Search),
    /// The access policy: check a file, explain a decision, compare a candidate
    #[command(subcommand, after_help = ACCESS_EXAMPLES)]
    Access(AccessCommand),
    /// Agents with an identity: their capabilities, budgets and secrets, in the organisation's directory
    #[command(subcommand, after_help = identity::EXAMPLES)]
    Identity(IdentityCommand),
    /// MCP servers that agents with an identity can get tokens for
    #[command(subcommand, after_help = targets::EXAMPLES)]
    McpTarget(TargetCommand),
    /// The access token: sign in, show who one is
    #[command(subcommand, after_help = token::EXAMPLES)]
    Token(TokenCommand),
    /// Service accounts for agents, made in Keycloak by its administrator
    #[command(subcommand, after_help = keycloak::EXAMPLES)]
    Keycloak(KeycloakCommand),
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What to do about the access policy.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Read a scopes.yml as the servers do, without asking them, and print all its faults
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Say why something is allowed or not, to the caller or (for admins) to somebody else
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Say who would gain and who would lose what, if this file were the policy (for admins)
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
}

/// `access check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The scopes.yml
    pub(crate) file: PathBuf,
    /// Treat what is probably a slip as a fault
    #[arg(long)]
    pub(crate) strict: bool,
}

/// `access explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// What would be done: get_agent, list_service, …; or a method of MCP, such as tools/call
    #[arg(long, value_parser = action)]
    pub(crate) action: String,
    /// The agent's path, with its leading slash; or the MCP server's name
    #[arg(long, value_name = "PATH", value_parser = resource)]
    pub(crate) resource: String,
    /// With tools/call: the tool
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// A group of somebody else; may be given more than once
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// A scope, instead of those the groups map to; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// The username of somebody else: it counts where an agent belongs to him
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
}

/// `access diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The candidate
    pub(crate) file: PathBuf,
}

/// An action of the policy, or what can be a method of MCP: those have a slash, but for two.
fn action(text: &str) -> Result<String, String> {
    if Action::named(text).is_some() || text.contains('/') || matches!(text, "initialize" | "ping") {
        return Ok(text.to_owned());
    }
    let names = Action::AGENT.into_iter().chain(Action::SERVICE).map(Action::name).collect::<Vec<_>>();
    Err(format!("must be one of {}, or a method of MCP such as tools/call", names.join(", ")))
}

/// An agent's path, or a server's name: its path without the slash.
fn resource(text: &str) -> Result<String, String> {
    let path = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    self::path(&path).map(|_| text.to_owned())
}

/// An agent's path, in its one spelling.
pub(crate) fn path(text: &str) -> Result<EntryPath, String> {
    EntryPath::parse(text).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn wrong_use_is_found_before_anything_is_asked() {
        let explain = |words: &[&str]| {
            let line = ["agentctl", "access", "explain"].iter().chain(words);
            Options::try_parse_from(line).map(drop).map_err(|fault| fault.exit_code())
        };
        assert_eq!(explain(&["--action", "get_agent", "--resource", "/a"]), Ok(()));
        // Servers have names.
        assert_eq!(explain(&["--action", "list_service", "--resource", "clock"]), Ok(()));
        assert_eq!(explain(&["--action", "tools/call", "--tool", "now", "--resource", "clock"]), Ok(()));
        assert_eq!(
            explain(&["--action", "get_agent", "--resource", "/a", "--gateway", "http://h:1"]),
            Ok(())
        );
        for wrong in [
            &["--action", "get_agent"][..],
            &["--resource", "/a"],
            &["--action", "own_agent", "--resource", "/a"],
            &["--action", "get_agent", "--resource", "/a/../b"],
            &["--action", "get_agent", "--resource", "/a", "--gateway", "localhost"],
        ] {
            assert_eq!(explain(wrong), Err(2), "{wrong:?}");
        }
    }
}
