//! What stands in the command lines of both kinds.

use clap::ValueEnum;

/// Enabled or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Enabled.
    On,
    /// Disabled.
    Off,
}

/// What can stand in a header.
///
/// # Errors
/// One line: what a tag looks like.
pub(crate) fn tag(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("must be a tag as 'get' shows it, without control characters".to_owned());
    }
    Ok(text.to_owned())
}
