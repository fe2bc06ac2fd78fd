//! The command line of `agentctl agent …`.

use std::path::PathBuf;

use catalog::EntryPath;
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, Subcommand};

use super::examples;
use crate::entries::{Switch, tag};
use crate::options::path;
use crate::search::Narrow;

/// What to do with agents.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Register agents; new ones are disabled until they are toggled
    #[command(after_help = examples::REGISTER)]
    Register(Register),
    /// List the agents you may see
    #[command(after_help = examples::LIST)]
    List(List),
    /// Show an agent's card
    #[command(after_help = examples::GET)]
    Get(Get),
    /// Change an agent's card, unless somebody else has changed it meanwhile
    #[command(after_help = examples::UPDATE)]
    Update(Update),
    /// Remove agents
    #[command(after_help = examples::DELETE)]
    Delete(Delete),
    /// Enable or disable an agent: discovery finds enabled ones only
    #[command(after_help = examples::TOGGLE)]
    Toggle(Toggle),
    /// Find enabled agents by meaning
    #[command(after_help = examples::SEARCH)]
    Search(Search),
    /// Find enabled agents by skills and tags
    #[command(after_help = examples::DISCOVER)]
    Discover(Discover),
    /// Ask an agent itself: is its card there, does it speak the protocol it declares?
    #[command(after_help = examples::TEST)]
    Test(Test),
    /// Test every enabled agent you may see
    #[command(after_help = examples::TEST_ALL)]
    TestAll(TestAll),
}

/// `agent register`.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The cards, as JSON; `-` is standard input
    #[arg(required = true, value_name = "CARD.json")]
    pub(super) cards: Vec<PathBuf>,
    /// Enable each agent once it is registered
    #[arg(long)]
    pub(super) enable: bool,
    /// Send cards in which this agentctl finds faults, too: a newer server may take them
    #[arg(long)]
    pub(super) unchecked: bool,
}

/// `agent list`.
#[derive(Debug, Default, Args)]
pub(crate) struct List {
    /// Part of a name, description, tag or skill name
    #[arg(long, value_name = "TEXT")]
    pub(super) query: Option<String>,
    /// Leave out disabled agents
    #[arg(long)]
    pub(super) enabled_only: bool,
    /// Only agents of this visibility
    #[arg(long, value_parser = PossibleValuesParser::new(["public", "private", "group-restricted"]))]
    pub(super) visibility: Option<String>,
    /// Only agents that carry this tag
    #[arg(long)]
    pub(super) tag: Option<String>,
    /// Every page, where there are more agents than one holds
    #[arg(long)]
    pub(super) all: bool,
}

/// `agent get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The agent's path, with its leading slash
    #[arg(value_parser = path)]
    pub(super) path: EntryPath,
}

/// `agent update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// The agent's path, with its leading slash
    #[arg(value_parser = path)]
    pub(super) path: EntryPath,
    /// The card, as JSON; `-` is standard input. Fields it leaves out stay
    #[arg(value_name = "CARD.json")]
    pub(super) card: PathBuf,
    /// The file is a merge patch (RFC 7396): null removes a field
    #[arg(long)]
    pub(super) patch: bool,
    /// Change this state only (`agent get` shows its tag), instead of the state of now
    #[arg(long, value_name = "ETAG", value_parser = tag)]
    pub(super) if_match: Option<String>,
}

/// `agent delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Paths, with their leading slashes
    #[arg(required = true, value_parser = path, value_name = "PATH")]
    pub(super) paths: Vec<EntryPath>,
    /// Do not ask; needed where nobody can be asked
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// `agent toggle`.
#[derive(Debug, Args)]
pub(crate) struct Toggle {
    /// The agent's path, with its leading slash
    #[arg(value_parser = path)]
    pub(super) path: EntryPath,
    /// Whether discovery is to find it
    pub(super) state: Switch,
}

/// `agent search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What the agent should be able to do, in plain words
    pub(super) text: String,
    /// At most so many agents (1 to 100)
    #[arg(long, default_value = "10", value_name = "N")]
    pub(super) max: u32,
    #[command(flatten)]
    pub(super) narrow: Narrow,
}

/// `agent discover`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("wish").required(true).multiple(true).args(["skills", "tags"]))]
pub(crate) struct Discover {
    /// Id or name of a skill; may be given more than once
    #[arg(long = "skill", value_name = "SKILL")]
    pub(super) skills: Vec<String>,
    /// A tag; may be given more than once
    #[arg(long = "tag", value_name = "TAG")]
    pub(super) tags: Vec<String>,
    /// At most so many agents (1 to 100)
    #[arg(long, default_value = "10", value_name = "N")]
    pub(super) max: u32,
}

/// `agent test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The agent's path, with its leading slash
    #[arg(value_parser = path)]
    pub(super) path: EntryPath,
    #[command(flatten)]
    pub(super) patience: Patience,
}

/// `agent test-all`.
#[derive(Debug, Args)]
pub(crate) struct TestAll {
    /// Test so many agents at once
    #[arg(long, default_value = "8", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) jobs: u8,
    /// Call agents at loopback and private addresses, too: their cards may be anybody's
    #[arg(long)]
    pub(super) allow_private: bool,
    #[command(flatten)]
    pub(super) patience: Patience,
}

/// How long an agent may take.
#[derive(Debug, Args)]
pub(crate) struct Patience {
    /// Wait so many seconds for each answer of an agent
    #[arg(long = "timeout", default_value = "10", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(super) seconds: u64,
}
