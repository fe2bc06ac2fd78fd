//! `agentctl keycloak`: the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::credentials::address;

pub(crate) const EXAMPLES: &str = "\
Examples:
  export AGENTCTL_KEYCLOAK=https://sso.example.com KEYCLOAK_ADMIN=admin KEYCLOAK_ADMIN_PASSWORD=…
  agentctl keycloak add-agent reviewer --group registry-users-lob1
  agentctl token get --client-id reviewer
  agentctl keycloak rotate-secret reviewer
  agentctl keycloak agents

The administrator is KEYCLOAK_ADMIN with KEYCLOAK_ADMIN_PASSWORD (of the realm master), or a service account
with the roles manage-clients, manage-users and query-groups of realm-management: KEYCLOAK_ADMIN_CLIENT_ID
with KEYCLOAK_ADMIN_CLIENT_SECRET (of the realm itself). Passwords and secrets come from the environment
alone: a flag could be read by everybody on the machine. No secret is ever printed.

Exit codes: 0 done, 1 refused by Keycloak, 2 wrong use, 3 nobody to sign in as, 4 nobody answers";

const ADD_EXAMPLES: &str = "\
Examples:
  agentctl keycloak add-agent reviewer --group registry-users-lob1
  agentctl keycloak add-agent reviewer --group registry-users-lob1 --exact    # and in no other group
  agentctl keycloak add-agent reviewer --group lob1 --group auditors --rotate-secret

It may be run again and again: what is there already stays as it is. The client's secret goes to a file that
'agentctl token get' reads. A client
that is there and may do more than an agent (sign people in, roles of its own, full scope, …) is left alone.

Exit codes: 0 done, 1 refused by Keycloak or the account cannot work (what is 'broken' says why),
2 wrong use, 3 nobody to sign in as, 4 nobody answers";

const ROTATE_EXAMPLES: &str = "\
Examples:
  agentctl keycloak rotate-secret reviewer

The old secret ends at once; tokens that were given for it live on until they expire.

Exit codes: 0 done, 1 refused by Keycloak, 2 wrong use, 3 nobody to sign in as, 4 nobody answers";

const AGENTS_EXAMPLES: &str = "\
Examples:
  agentctl keycloak agents
  agentctl keycloak agents --json | jq -r '.[] | select(.groups == []) | .client_id'

Exit codes: 0 done, 1 refused by Keycloak, 2 wrong use, 3 nobody to sign in as, 4 nobody answers";

/// What to do in a realm.
#[derive(Debug, Subcommand)]
pub(crate) enum KeycloakCommand {
    /// Make a service account for an agent: client, groups, mappers, and a file with its secret
    #[command(after_help = ADD_EXAMPLES)]
    AddAgent(AddAgent),
    /// Give a client a new secret and write it to its file
    #[command(after_help = ROTATE_EXAMPLES)]
    RotateSecret(RotateSecret),
    /// List the service accounts of the realm and their groups
    #[command(after_help = AGENTS_EXAMPLES)]
    Agents(Agents),
}

/// Which Keycloak, which realm, and who administers it.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Keycloak's address
    #[arg(long, env = "AGENTCTL_KEYCLOAK", value_name = "URL", value_parser = address)]
    pub(crate) keycloak: String,
    /// The realm of the agents
    #[arg(long, env = "AGENTCTL_REALM", value_name = "NAME", default_value = "mcp-gateway", value_parser = name)]
    pub(crate) realm: String,
    /// The administrator's name; the password is KEYCLOAK_ADMIN_PASSWORD
    #[arg(long, env = "KEYCLOAK_ADMIN", value_name = "NAME")]
    pub(crate) admin: Option<String>,
    /// Administer as this service account; its secret is KEYCLOAK_ADMIN_CLIENT_SECRET
    #[arg(long, env = "KEYCLOAK_ADMIN_CLIENT_ID", value_name = "ID")]
    pub(crate) admin_client_id: Option<String>,
    /// The realm in which the administrator signs in: master for a name, --realm for a service account
    #[arg(long, env = "KEYCLOAK_ADMIN_REALM", value_name = "NAME", value_parser = name)]
    pub(crate) admin_realm: Option<String>,
}

/// Where a client's secret is written.
#[derive(Debug, Args)]
pub(crate) struct SecretFile {
    /// Where to write the client's id and secret [default: beside the token file, <client id>.client.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) client_file_out: Option<PathBuf>,
}

/// `keycloak add-agent`.
#[derive(Debug, Args)]
pub(crate) struct AddAgent {
    /// The agent's client id; its account will be called service-account-<client id>
    #[arg(value_parser = name)]
    pub(crate) client: String,
    /// A group that it is in, made if there is none; may be given more than once
    #[arg(long = "group", value_name = "GROUP", required = true, value_parser = group)]
    pub(crate) groups: Vec<String>,
    /// Take it out of all other groups
    #[arg(long)]
    pub(crate) exact: bool,
    /// Give it a new secret, too
    #[arg(long)]
    pub(crate) rotate_secret: bool,
    /// Switch the client on, if it is there and off
    #[arg(long)]
    pub(crate) enable: bool,
    /// Whom its tokens are for
    #[arg(long, value_name = "NAME", default_value = "mcp-registry", value_parser = name)]
    pub(crate) audience: String,
    #[command(flatten)]
    pub(crate) file: SecretFile,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// `keycloak rotate-secret`.
#[derive(Debug, Args)]
pub(crate) struct RotateSecret {
    /// The client's id
    #[arg(value_parser = name)]
    pub(crate) client: String,
    #[command(flatten)]
    pub(crate) file: SecretFile,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// `keycloak agents`.
#[derive(Debug, Args)]
pub(crate) struct Agents {
    #[command(flatten)]
    pub(crate) server: Server,
}

fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("must have letters and no line breaks".to_owned());
    }
    Ok(text.to_owned())
}

/// A group of the realm itself, as the tokens name it: without a path.
fn group(text: &str) -> Result<String, String> {
    let group = name(text.strip_prefix('/').unwrap_or(text))?;
    if group.contains('/') {
        return Err("must be a group of the realm itself, not one within another".to_owned());
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_no_path() {
        for (text, expected) in [
            ("lob1", Some("lob1")),
            ("/lob1", Some("lob1")),
            ("a/b", None),
            ("/", None),
            ("a\nb", None),
            (" ", None),
        ] {
            assert_eq!(group(text).ok().as_deref(), expected, "{text}");
        }
    }
}
