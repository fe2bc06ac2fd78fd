//! The flags that say who calls; every command that asks the gateway takes them.

use std::env;
use std::path::PathBuf;

use boot::Secret;
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::http::Url;
use crate::plain::plain;

const CHECKS: &str = "Options for what is checked before a call";
const SIGN_IN: &str = "Options for signing in (the secret comes from AGENTCTL_CLIENT_SECRET or a file)";

/// The only way to hand over a secret without a file: a flag could be read by everybody on the machine.
const SECRET: &str = "AGENTCTL_CLIENT_SECRET";

/// Whose it is.
const CLIENT_ID: &str = "AGENTCTL_CLIENT_ID";

/// What is checked before anything is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = CHECKS)]
pub(crate) struct Checks {
    /// The gateway's scopes.yml: what the token's groups do not allow is refused before it is sent; without
    /// it only that there is some group is checked
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
    #[arg(long, global = true, env = CLIENT_ID, value_name = "ID", hide_short_help = true)]
    client_id: Option<String>,
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
    /// What stood on the command line: it comes before all that the environment says.
    #[arg(skip)]
    typed: Vec<Flag>,
}

/// A flag that may come from the environment, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    ClientId,
    ClientSecretFile,
    ClientFile,
    Issuer,
    TokenEndpoint,
}

impl Flag {
    const ALL: [(Flag, &'static str); 5] = [
        (Flag::ClientId, "client_id"),
        (Flag::ClientSecretFile, "client_secret_file"),
        (Flag::ClientFile, "client_file"),
        (Flag::Issuer, "issuer"),
        (Flag::TokenEndpoint, "token_endpoint"),
    ];
}

impl SignIn {
    /// Keeps what was typed.
    pub(crate) fn note_typed(&mut self, matches: &ArgMatches) {
        let typed = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        self.typed = Flag::ALL.iter().filter(|(_, name)| typed(name)).map(|(flag, _)| *flag).collect();
    }

    /// Whether it stood on the command line.
    pub(crate) fn typed(&self, flag: Flag) -> bool {
        self.typed.contains(&flag)
    }

    /// The client's id; an empty one is none.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref().filter(|id| !id.is_empty())
    }

    /// Whose the secret of the environment is, if the environment says so.
    pub(crate) fn owner_in_environment(&self) -> Option<String> {
        env::var(CLIENT_ID).ok().filter(|id| !id.is_empty())
    }

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
    // It is repeated in messages as it was written.
    if plain(text) != text || text.trim() != text {
        return Err("must be without blanks at its ends and control characters".to_owned());
    }
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
