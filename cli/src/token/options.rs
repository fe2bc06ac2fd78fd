//! `agentctl token`: the command line.

use clap::{Args, Subcommand};

pub(crate) const EXAMPLES: &str = "\
Examples:
  export AGENTCTL_CLIENT_ID=mcp-gateway-m2m AGENTCTL_CLIENT_SECRET=…
  agentctl token get
  agentctl token get --watch                     # keeps the token file fresh until Ctrl-C
  agentctl token show

Every command whose token has expired signs in again by itself, if it finds the credentials of the same
client; an id that was typed for 'token get' alone is not remembered, so export AGENTCTL_CLIENT_ID.

Exit codes: see each command";

const GET_EXAMPLES: &str = "\
Examples:
  export AGENTCTL_CLIENT_ID=mcp-gateway-m2m AGENTCTL_CLIENT_SECRET=…
  agentctl token get
  agentctl token get --client-file keycloak.json
  agentctl token get --issuer https://sso.example.com/realms/mcp-gateway --client-id reviewer
  agentctl token get --watch                     # keeps the token file fresh until Ctrl-C

What is typed comes first: --client-secret-file with --client-id; --client-file; --client-id alone, whose
secret is in <client id>.client.json beside the token file, else in AGENTCTL_CLIENT_SECRET. Then what the
environment says, then the token file's neighbours: <name of the token file>.client.json, client.json.
A secret is never a flag: everybody on the machine could read it.

The token endpoint is --token-endpoint; else the one that --issuer tells; else what the client file says;
else the issuer that the gateway says it trusts.

Exit codes: 0 saved, 1 refused by the provider, 2 wrong use, 3 no client credentials, 4 nobody answers";

const SHOW_EXAMPLES: &str = "\
Examples:
  agentctl token show
  agentctl token show --json | jq .groups
  printf 'Authorization: Bearer %s' \"$(agentctl token show --raw)\" | curl -H @- http://localhost:8080/api/agents

Never write the token into a command's arguments: everybody on the machine could read it there.

Nothing is asked and nothing is renewed: this is what the file holds.

Exit codes: 0 the token is fresh, 3 there is none, or it has expired or is about to";

/// What to do about the token.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Sign in with client credentials and save the token
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// Say whose token this is, what it holds and how long
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
}

/// `token get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Ask for a token that holds these scopes alone (separated by spaces)
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
    /// Renew the token before it ends, until Ctrl-C or SIGTERM
    #[arg(long)]
    pub(crate) watch: bool,
}

/// `token show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Print the token and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
}
