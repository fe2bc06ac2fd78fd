//! The command line of `agentctl identity …`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::examples;
use crate::directory::{Keeper, One, SecretOut, Several, capability, line, name};

/// What to do with identities.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Make an agent with an identity; its client secret is shown once
    #[command(after_help = examples::CREATE)]
    Create(Create),
    /// List the agents of the directory
    #[command(after_help = examples::LIST)]
    List(List),
    /// Show an agent: what it may do and use, and when its secrets end
    #[command(after_help = examples::SHOW)]
    Show(One),
    /// Give an agent capabilities; those it has stay
    #[command(after_help = examples::GRANT)]
    Grant(Grant),
    /// Take capabilities away from an agent
    #[command(after_help = examples::REVOKE)]
    Revoke(Revoke),
    /// Show or change how much an agent may use
    #[command(after_help = examples::BUDGET)]
    Budget(Budget),
    /// Give an agent another client secret, which is shown once
    #[command(after_help = examples::ROTATE)]
    Rotate(Rotate),
    /// Keep an agent from signing in and from using its tokens here
    #[command(after_help = examples::SUSPEND)]
    Suspend(One),
    /// Let a suspended agent sign in again
    #[command(after_help = examples::ACTIVATE)]
    Activate(One),
    /// Remove agents from the directory
    #[command(after_help = examples::DELETE)]
    Delete(Several),
    /// Show what an agent has used, day by day
    #[command(after_help = examples::USAGE)]
    Usage(One),
}

/// `identity create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What people call it
    #[arg(value_parser = line)]
    pub(super) name: String,
    /// Its name in tokens (agent:SLUG), instead of one made from the name
    #[arg(long, value_parser = name)]
    pub(super) slug: Option<String>,
    /// What it does
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// What kind of agent it is
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) kind: Option<String>,
    /// Something it may do, as verb:noun; may be given more than once
    #[arg(long = "capability", value_name = "CAPABILITY", value_parser = capability)]
    pub(super) capabilities: Vec<String>,
    /// A group, as scopes.yml knows it, so that it can use the registry; may be given more than once
    #[arg(long = "group", value_name = "GROUP", value_parser = line)]
    pub(super) groups: Vec<String>,
    /// Whose it is
    #[arg(long, value_name = "NAME")]
    pub(super) owner: Option<String>,
    /// At most so many tokens a day (UTC)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) tokens_per_day: Option<u64>,
    /// At most so many calls an hour
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) calls_per_hour: Option<u64>,
    /// The client at Keycloak that it signs in as, where Keycloak keeps the secrets
    #[arg(long, value_name = "ID", value_parser = line)]
    pub(super) keycloak_client: Option<String>,
    #[command(flatten)]
    pub(super) secret: SecretOut,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `identity list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Part of a name, slug or id
    #[arg(long, value_name = "TEXT")]
    pub(super) query: Option<String>,
    /// Only agents of this status
    #[arg(long, value_parser = PossibleValuesParser::new(["active", "suspended"]))]
    pub(super) status: Option<String>,
    /// Every page, where there are more agents than one holds
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `identity grant`.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The agent's id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(super) id: String,
    /// The capabilities, as verb:noun
    #[arg(required = true, value_name = "CAPABILITY", value_parser = capability)]
    pub(super) capabilities: Vec<String>,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `identity revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The agent's id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(super) id: String,
    /// The capabilities, whatever their form
    #[arg(required = true, value_name = "CAPABILITY", value_parser = line)]
    pub(super) capabilities: Vec<String>,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// `identity budget`.
#[derive(Debug, Args)]
pub(crate) struct Budget {
    /// The agent's id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(super) id: String,
    /// At most so many tokens a day (UTC); none takes the limit away
    #[arg(long, value_name = "N|none", value_parser = limit)]
    pub(super) tokens_per_day: Option<Limit>,
    /// At most so many calls an hour; none takes the limit away
    #[arg(long, value_name = "N|none", value_parser = limit)]
    pub(super) calls_per_hour: Option<Limit>,
    /// Forget what was used today
    #[arg(long)]
    pub(super) reset: bool,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// A limit to be set, or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// No limit from now on.
    None,
    /// At most so many.
    Most(u64),
}

impl Limit {
    /// The limit, if there is to be one.
    pub(super) fn most(self) -> Option<u64> {
        match self {
            Limit::None => None,
            Limit::Most(most) => Some(most),
        }
    }
}

/// `identity rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The agent's id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(super) id: String,
    /// Let the old secret serve for so many seconds more, instead of a day; 0 ends it now
    #[arg(long, value_name = "SECONDS")]
    pub(super) overlap: Option<u64>,
    #[command(flatten)]
    pub(super) secret: SecretOut,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// 0 is refused: it could be read as no limit at all.
fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::None);
    }
    let most = text.parse().ok().filter(|most| *most > 0);
    most.map(Limit::Most).ok_or_else(|| {
        "must be a number from 1, or none; 'identity suspend' keeps an agent from everything".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_none() {
        for (text, expected) in [
            ("none", Some(Limit::None)),
            ("1", Some(Limit::Most(1))),
            ("100000", Some(Limit::Most(100_000))),
            ("0", None),
            ("-1", None),
            ("1e3", None),
            ("", None),
            ("None", None),
        ] {
            assert_eq!(limit(text).ok(), expected, "{text}");
        }
    }
}
