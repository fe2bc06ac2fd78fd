//! A JDK of this machine that Keycloak runs on: 17, 21 or 25, or any later one.

use std::path::{Path, PathBuf};

use crate::shell;

/// The oldest Java that Keycloak runs on.
const OLDEST: u32 = 17;

/// The home of a Java that is new enough: that of JAVA_HOME, else of the PATH, else one that Debian installed.
pub(super) fn home() -> Option<PathBuf> {
    let named = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let on_path = shell::find("java").and_then(|java| home_of(&java));
    let installed =
        std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut installed: Vec<PathBuf> = installed.collect();
    installed.sort();
    named
        .into_iter()
        .chain(on_path)
        .chain(installed)
        .find(|home| version(home).is_some_and(|it| it >= OLDEST))
}

/// `/usr/bin/java` is a link to a link to the program in its home.
fn home_of(java: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(java).ok()?;
    real.parent()?.parent().map(Path::to_path_buf)
}

/// The feature release of the Java that lives here, if one does.
fn version(home: &Path) -> Option<u32> {
    let java = home.join("bin/java").into_os_string().into_string().ok()?;
    feature(&shell::run(&java, &["--version"]).ok()?)
}

/// `openjdk 17.0.15 2025-04-15` → 17; `openjdk 25-ea …` → 25.
fn feature(said: &str) -> Option<u32> {
    let number = said.split_whitespace().nth(1)?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_release_is_read() {
        for (said, expected) in [
            ("openjdk 17.0.15 2025-04-15\nOpenJDK Runtime Environment", Some(17)),
            ("java 21 2023-09-19 LTS", Some(21)),
            ("openjdk 25-ea 2025-09-16", Some(25)),
            ("Unrecognized option: --version", None),
            ("", None),
        ] {
            assert_eq!(feature(said), expected, "{said}");
        }
    }
}
