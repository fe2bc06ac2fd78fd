//! `scopes.yml` → [`Policy`]: read strictly, every fault reported with its line and column.
//!
//! A broken file must never open anything: whoever gets faults gets no policy.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::capability::DirectoryAction;
use crate::grants::{Grants, Section};
use crate::reader::Reader;
use crate::{Fault, yaml};

/// Who may do what: the three tiers of one `scopes.yml`, read and checked.
#[derive(Clone, Debug)]
pub struct Policy {
    version: String,
    warnings: Vec<Fault>,
    pub(crate) ui: BTreeMap<String, Grants>,
    pub(crate) mappings: BTreeMap<String, Vec<String>>,
    pub(crate) sections: BTreeMap<String, Section>,
}

/// The scope the guide's code checks for by name.
const AGENT_ADMIN: &str = "a2a-agent-admin";

impl Policy {
    /// Reads a whole `scopes.yml` (design page "access", section 1).
    ///
    /// # Errors
    /// Every fault of the file, in the order of its lines.
    pub fn parse(text: &str) -> Result<Policy, Vec<Fault>> {
        let root = yaml::read(text).map_err(|fault| vec![fault])?;
        let mut reader = Reader::default();
        let mut policy = Policy {
            version: version_of(text),
            warnings: Vec::new(),
            ui: BTreeMap::new(),
            mappings: BTreeMap::new(),
            sections: BTreeMap::new(),
        };
        let mut targets = Vec::new();
        for (name, node) in reader.mapping(&root, "the file") {
            match name.as_str() {
                "UI-Scopes" => policy.ui = reader.ui_scopes(node),
                "group_mappings" => policy.mappings = reader.mappings(node, &mut targets),
                _ => {
                    policy.sections.insert(name, reader.section(node));
                }
            }
        }
        if !policy.defines(AGENT_ADMIN) {
            policy.ui.insert(AGENT_ADMIN.to_owned(), Grants::admin());
        }
        for (scope, fault) in targets {
            // The directory's own scopes open the admin API of the auth-server, and nothing that this file speaks of.
            let of_directory =
                [DirectoryAction::Read, DirectoryAction::Write].iter().any(|action| action.scope() == scope);
            if !policy.defines(&scope) && !of_directory {
                reader.warnings.push(fault);
            }
        }
        if !reader.faults.is_empty() {
            reader.faults.sort();
            return Err(reader.faults);
        }
        reader.warnings.sort();
        policy.warnings = reader.warnings;
        Ok(policy)
    }

    /// Sixteen hexadecimal digits of the file's SHA-256: two servers with the same
    /// version decide alike.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What grants nothing but is probably a slip.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// Reads a `scopes.yml` as the servers take it, at their start and later: one without a word
    /// in it is no policy, and under `strict` (`--strict-policy`) what is probably a slip is a fault.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn read(text: &str, strict: bool) -> Result<Policy, Vec<Fault>> {
        // Its writer has just begun, or failed. Taking it would take everybody's grants away and
        // bring the built-in scope back.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            let message = "the file is empty: to grant nothing, write `UI-Scopes: {}`".to_owned();
            return Err(vec![Fault { line: 1, column: 1, message }]);
        }
        let policy = Policy::parse(text)?;
        if strict && !policy.warnings.is_empty() { Err(policy.warnings) } else { Ok(policy) }
    }

    /// Whether any tier of the file speaks of this scope.
    pub(crate) fn defines(&self, scope: &str) -> bool {
        self.ui.contains_key(scope) || self.sections.contains_key(scope)
    }
}

fn version_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
