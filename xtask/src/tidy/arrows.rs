//! Which crate may depend on which: the arrows of the house, and no others.

use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::Finding;
use crate::fault::{Doing as _, Outcome};

/// Every crate of the workspace, and the crates of ours that it may use.
const ARROWS: [(&str, &[&str]); 12] = [
    ("auth-server", &["boot", "token", "access", "catalog", "store"]),
    ("registry", &["boot", "token", "access", "catalog", "store", "search"]),
    ("store", &["catalog", "access"]),
    ("catalog", &["access"]),
    ("cli", &["boot", "access", "catalog"]),
    ("boot", &[]),
    ("token", &[]),
    ("access", &[]),
    ("search", &[]),
    ("xtask", &[]),
    ("e2e", &["xtask"]),
    ("clients", &["xtask"]),
];

/// What tests may use beside that: the tools, for a database to test on (they use nothing of ours), and real cards, to
/// measure how well they are found.
const FOR_TESTS: [(&str, &[&str]); 3] =
    [("store", &["xtask"]), ("registry", &["xtask"]), ("search", &["catalog"])];

/// One crate, and the crates of ours that it uses.
struct Crate {
    name: String,
    manifest: String,
    uses: Vec<String>,
    /// In tests only.
    tests_use: Vec<String>,
}

pub(super) fn check(root: &Path) -> Outcome<Vec<Finding>> {
    Ok(judge(&crates(root)?))
}

fn judge(crates: &[Crate]) -> Vec<Finding> {
    let finding = |one: &Crate, advice: String| Finding { file: one.manifest.clone(), line: 1, advice };
    let mut findings = Vec::new();
    for one in crates {
        let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == one.name) else {
            let advice = format!(
                "the crate {:?} has no place on the map: add its arrows to xtask/src/tidy/arrows.rs",
                one.name
            );
            findings.push(finding(one, advice));
            continue;
        };
        let for_tests = FOR_TESTS.iter().find(|(name, _)| *name == one.name).map_or(&[][..], |(_, may)| *may);
        let forbidden = one.uses.iter().filter(|used| !may.contains(&used.as_str()));
        let tested = one.tests_use.iter();
        let tested =
            tested.filter(|used| !may.contains(&used.as_str()) && !for_tests.contains(&used.as_str()));
        findings.extend(forbidden.chain(tested).map(|used| {
            finding(one, format!("{} may not use {used}: see the arrows of the house", one.name))
        }));
    }
    findings
}

fn crates(root: &Path) -> Outcome<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .doing(|| "read the workspace's manifests".into())?;
    let crates = metadata.packages.iter().map(|package| Crate {
        name: package.name.to_string(),
        manifest: package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path).to_string(),
        uses: ours(package, false),
        tests_use: ours(package, true),
    });
    Ok(crates.collect())
}

/// What has a path is ours.
fn ours(package: &Package, in_tests: bool) -> Vec<String> {
    let ours = package.dependencies.iter().filter(|used| used.path.is_some());
    ours.filter(|used| (used.kind == DependencyKind::Development) == in_tests)
        .map(|used| used.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, uses: &[&str]) -> usize {
        judge(&[one(name, uses, &[])]).len()
    }

    fn one(name: &str, uses: &[&str], tests_use: &[&str]) -> Crate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Crate {
            name: name.into(),
            manifest: "Cargo.toml".into(),
            uses: owned(uses),
            tests_use: owned(tests_use),
        }
    }

    #[test]
    fn an_arrow_that_is_not_on_the_map_is_found() {
        assert_eq!(check("registry", &["store", "search"]), 0);
        assert_eq!(check("store", &["catalog", "search", "boot"]), 2);
        assert_eq!(check("access", &["catalog"]), 1);
        assert_eq!(check("utils", &[]), 1);
        assert_eq!(check("store", &["xtask"]), 1);
        assert_eq!(judge(&[one("store", &[], &["xtask", "catalog"])]).len(), 0, "a database to test on");
        assert_eq!(judge(&[one("access", &[], &["xtask"])]).len(), 1);
    }

    #[test]
    fn the_real_manifests_are_read() {
        let crates = crates(&crate::root()).expect("cargo can read them");
        let registry = crates.iter().find(|one| one.name == "registry").expect("there is a registry");
        assert!(registry.uses.iter().any(|used| used == "catalog"), "{:?}", registry.uses);
    }
}
