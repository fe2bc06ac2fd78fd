//! What an agent may do, as its directory says it: `verb:noun` (design page "agent-identity").

use std::fmt;

/// The longest capability, in bytes.
const LONGEST: usize = 128;
/// Capabilities of people and services who keep the directory: no agent can hold one, or it could
/// give itself all others.
const KEEPERS: &str = "admin:";

/// Why a text is no capability of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityFault {
    /// It has not the form.
    #[error(
        "must be verb:noun (letters, digits, '.', '_', '-', '*' around at least one ':'), 128 bytes at most"
    )]
    Form,
    /// It opens the admin API.
    #[error("admin:… opens the admin API, to people and services; an agent cannot hold it")]
    Keepers,
}

/// Checks that an agent may be given this capability. Capabilities are OAuth scopes (RFC 6749 section
/// 3.3), so no space and no quote can stand in one.
///
/// # Errors
/// What to change.
pub fn check_capability(text: &str) -> Result<(), CapabilityFault> {
    if text.len() > LONGEST || !text.contains(':') {
        return Err(CapabilityFault::Form);
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '/');
    if !text.split(':').all(|part| !part.is_empty() && part.chars().all(good)) {
        return Err(CapabilityFault::Form);
    }
    if text.get(..KEEPERS.len()).is_some_and(|start| start.eq_ignore_ascii_case(KEEPERS)) {
        return Err(CapabilityFault::Keepers);
    }
    Ok(())
}

/// What can be done to the agent directory as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryAction {
    /// Read agents, targets and their use.
    Read,
    /// Change them.
    Write,
}

impl DirectoryAction {
    /// The scope that lets a bearer do it.
    pub const fn scope(self) -> &'static str {
        match self {
            DirectoryAction::Read => "admin:agents:read",
            DirectoryAction::Write => "admin:agents:write",
        }
    }
}

impl fmt::Display for DirectoryAction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.scope())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_a_verb_and_a_noun() {
        for (text, expected) in [
            ("read:documents", Ok(())),
            ("mcp:financial", Ok(())),
            ("tool:search_web", Ok(())),
            ("mcp:financial:read", Ok(())),
            ("read", Err(CapabilityFault::Form)),
            ("", Err(CapabilityFault::Form)),
            (":", Err(CapabilityFault::Form)),
            ("read:", Err(CapabilityFault::Form)),
            ("read: documents", Err(CapabilityFault::Form)),
            ("read:a,b", Err(CapabilityFault::Form)),
            ("read:\"x\"", Err(CapabilityFault::Form)),
            ("réad:x", Err(CapabilityFault::Form)),
            ("admin:agents:write", Err(CapabilityFault::Keepers)),
            ("Admin:agents:read", Err(CapabilityFault::Keepers)),
            ("administer:x", Ok(())),
        ] {
            assert_eq!(check_capability(text), expected, "{text}");
        }
        assert_eq!(check_capability(&format!("a:{}", "b".repeat(127))), Err(CapabilityFault::Form));
    }
}
