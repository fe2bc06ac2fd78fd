//! `access check`: the servers' own reader, without the servers.

use std::path::Path;

use access::Policy;
use serde_json::json;

use super::place::{self, Place};
use super::{count, report};
use crate::outcome::Report;

/// Every fault of the text; warnings where there is none, since only then the whole file is understood.
pub(super) fn check(file: &Path, text: &str, strict: bool, json: bool) -> Report {
    let policy = Policy::read(text, strict);
    let places = |faults: &[access::Fault]| faults.iter().map(Place::from).collect::<Vec<_>>();
    let (version, warnings, faults) = match &policy {
        Ok(policy) => (Some(policy.version()), places(policy.warnings()), Vec::new()),
        Err(faults) => (None, Vec::new(), places(faults)),
    };
    let json = json.then(|| {
        let found = json!({"file": file, "version": version, "faults": faults, "warnings": warnings});
        format!("{found:#}")
    });
    let text = || {
        let name = file.display();
        let result = match version {
            Some(version) => format!("no faults, {}, version {version}", count(warnings.len(), "warning")),
            None => format!("{}: no server takes this file", count(faults.len(), "fault")),
        };
        format!("{}{}{name}: {result}\n", place::faults(file, &faults), place::warnings(file, &warnings))
    };
    report(json, text, policy.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Exit;

    /// Grants nothing, and probably meant to.
    const SLIP: &str = "group_mappings:\n  lob1:\n    - nobody-defines-this\n";

    #[test]
    fn a_slip_is_a_warning_and_under_strict_a_fault() {
        let file = Path::new("scopes.yml");
        let lenient = check(file, SLIP, false, false);
        assert_eq!(lenient.exit, Exit::Done);
        assert!(
            lenient.text.starts_with("scopes.yml:3:7: warning: nothing in this file"),
            "{}",
            lenient.text
        );
        let strict = check(file, SLIP, true, false);
        assert_eq!(strict.exit, Exit::Refused);
        assert!(strict.text.starts_with("scopes.yml:3:7: nothing in this file"), "{}", strict.text);
        assert!(strict.text.ends_with("1 fault: no server takes this file\n"), "{}", strict.text);
    }
}
