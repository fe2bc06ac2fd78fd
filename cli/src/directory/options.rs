//! The flags that say whose directory it is and who keeps it.

use std::path::PathBuf;

use access::check_capability;
use clap::Args;

/// Who keeps the directory, and of which organisation.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for the organisation's directory")]
pub(crate) struct Keeper {
    /// File with the organisation's key: the key alone, or run.json with its admin_key; without it the token
    /// file's token is sent, whose scopes have to hold admin:agents:read or admin:agents:write
    #[arg(long, env = "AGENTCTL_ADMIN_KEY_FILE", value_name = "FILE")]
    pub(super) admin_key_file: Option<PathBuf>,
    /// The organisation, at the gateway's own address; without it the one of --issuer, else the one that the
    /// gateway tells
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(super) org: Option<String>,
}

/// What is about one thing of the directory and needs no more.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id or slug
    #[arg(value_name = "ID", value_parser = name)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) keeper: Keeper,
}

/// What is to be removed.
#[derive(Debug, Args)]
pub(crate) struct Several {
    /// Ids or slugs
    #[arg(required = true, value_name = "ID", value_parser = name)]
    pub(super) ids: Vec<String>,
    /// Do not ask; needed where nobody can be asked
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) keeper: Keeper,
}

/// What names one thing of the directory, or the directory itself: an id or a slug.
pub(crate) fn name(text: &str) -> Result<String, String> {
    // Two dots would lead out of the directory, however they are encoded.
    let names = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | ':' | '@');
    if text.is_empty() || !text.chars().all(names) || text.chars().all(|c| c == '.') {
        return Err("must be an id or a slug: letters, digits, '-', '_', '.'".to_owned());
    }
    Ok(text.to_owned())
}

/// What an agent may do, by the server's own rule: its faults name places in a list that nobody typed.
pub(crate) fn capability(text: &str) -> Result<String, String> {
    check_capability(text).map(|()| text.to_owned()).map_err(|fault| fault.to_string())
}

/// A text with something in it, on one line.
pub(crate) fn line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("must have letters and no line breaks".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for (text, good) in [
            ("agt_7", true),
            ("research-analyst", true),
            ("a.b", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("a?b", false),
            ("a\nb", false),
        ] {
            assert_eq!(name(text).is_ok(), good, "{text}");
        }
    }
}
