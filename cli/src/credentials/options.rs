//! The flags that say who calls; every command that asks the gateway takes them.

use std::env;
use std::path::PathBuf;

use boot::Secret;
use clap::Args;
use clap::builder::FalseyValueParser;

use crate::http::Url;

const CHECKS: &str = "Options for what is checked before a call";
const SIGN_IN: &str = "Options for signing in (the secret comes from AGENTCTL_CLIENT_SECRET or a file)";

/// The only way to hand over a secret without a file: a flag could be read by everybody on the machine.
const SECRET: &str = "AGENTCTL_CLIENT_SECRET";

/// What is checked before anything is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = CHECKS)]
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

/// Who signs in, and where: for 'token get', and for every command whose token has expired.
#[derive(Debug, Args)]
#[command(next_help_heading = SIGN_IN)]
pub(crate) struct SignIn {
    /// The client that signs in
    #[arg(long, global = true, env = "AGENTCTL_CLIENT_ID", value_name = "ID", hide_short_help = true)]
    pub(crate) client_id: Option<String>,
    /// File with the client's secret and nothing else
    #[arg(
        long,
        global = true,
        env = "AGENTCTL_CLIENT_SECRET_FILE",
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// File with client_id and client_secret, or Keycloak's keycloak.json; without it, the token
    /// file's neighbours <client>.client.json and client.json are looked at
    #[arg(long, global = true, env = "AGENTCTL_CLIENT_FILE", value_name = "FILE", hide_short_help = true)]
    pub(crate) client_file: Option<PathBuf>,
    /// The issuer to sign in at; its token endpoint is discovered
    #[arg(long, global = true, env = "AGENTCTL_ISSUER", value_name = "URL", hide_short_help = true, value_parser = address)]
    pub(crate) issuer: Option<String>,
    /// The token endpoint to sign in at; nothing is discovered then
    #[arg(long, global = true, env = "AGENTCTL_TOKEN_ENDPOINT", value_name = "URL", hide_short_help = true, value_parser = address)]
    pub(crate) token_endpoint: Option<String>,
    /// Send secrets over http:// to other machines, too: whoever is on the way can read them
    #[arg(long, global = true, env = "AGENTCTL_ALLOW_PLAIN_HTTP", value_parser = FalseyValueParser::new(), hide_short_help = true)]
    pub(crate) allow_plain_http: bool,
}

impl SignIn {
    /// The secret of the environment; an empty one is none.
    pub(crate) fn secret(&self) -> Option<Secret> {
        variable(SECRET)
    }
}

/// A secret of the environment; an empty one is none.
pub(crate) fn variable(name: &str) -> Option<Secret> {
    env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new)
}

/// An address of the web, as it was written: an issuer is compared letter by letter.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|fault| format!("{fault}; write it like https://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    // A password here would be repeated in every message.
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must be an address alone, without a user and #".to_owned());
    }
    Ok(text.to_owned())
}
