//! The flags that say who calls; every command that asks the gateway takes them.

use std::path::PathBuf;

use clap::Args;

const HEADING: &str = "Options for what is checked before a call";

/// What is checked before anything is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Checks {
    /// The gateway's scopes.yml: what the token's groups do not allow is refused before it is sent
    #[arg(long, global = true, env = "AGENTCTL_POLICY", value_name = "FILE", hide_short_help = true)]
    pub(crate) policy: Option<PathBuf>,
    /// The claim that lists the groups, where the gateway reads another
    #[arg(
        long,
        global = true,
        env = "AGENTCTL_GROUPS_CLAIM",
        value_name = "NAME",
        default_value = "groups",
        hide_short_help = true
    )]
    pub(crate) groups_claim: String,
}
