//! The folder of one Keycloak: its own configuration, database and realm file, around the shared programs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{KeycloakOptions, REALM, realm};
use crate::fault::{Doing as _, Outcome};
use crate::files;

/// Makes the folder or brings it up to date, and says the administrator's password, the same at each start.
pub(super) fn prepare(options: &KeycloakOptions) -> Outcome<String> {
    let home = &options.home;
    for name in ["bin", "conf", "providers", "data/import"] {
        files::make_dir(&home.join(name), 0o700)?;
    }
    let programs = &options.distribution.folder;
    // Keycloak's home is where its script lies; of the programs it only reads.
    copy(&programs.join("bin/kc.sh"), &home.join("bin/kc.sh"))?;
    let lib = home.join("lib");
    if fs::symlink_metadata(&lib).is_ok() {
        fs::remove_file(&lib).doing(|| format!("replace {}", lib.display()))?;
    }
    symlink(programs.join("lib"), &lib).doing(|| format!("make {}", lib.display()))?;
    copy(&realm::file(), &home.join(format!("data/import/{REALM}-realm.json")))?;
    files::kept_secret(&home.join("admin-secret"))
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let bytes = fs::read(from).doing(|| format!("read {}", from.display()))?;
    files::replace(to, &bytes, 0o600)
}
