//! The folder of one Keycloak: its own configuration, database and realm file, around the shared programs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{KeycloakOptions, REALM};
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
    let realm = format!("{REALM}-realm.json");
    copy(&crate::root().join("keycloak").join(&realm), &home.join("data/import").join(realm))?;
    files::kept_secret(&home.join("admin-secret"))
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let bytes = fs::read(from).doing(|| format!("read {}", from.display()))?;
    files::replace(to, &bytes, 0o600)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::variable;
    use super::*;

    /// As Keycloak does it: in the text of the file, before it is JSON.
    fn filled_in(text: &str, variables: &BTreeMap<String, String>) -> serde_json::Value {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (placeholder, rest) = part.split_once('}').expect("a placeholder ends");
            let (name, default) = placeholder.split_once(':').unwrap_or((placeholder, "not there"));
            filled.push_str(variables.get(name).map_or(default, String::as_str));
            filled.push_str(rest);
        }
        serde_json::from_str(&filled).expect("it is JSON, however it is filled in")
    }

    #[test]
    fn the_realm_file_holds_no_secret_and_a_client_without_one_is_off() {
        let file = crate::root().join("keycloak/mcp-gateway-realm.json");
        let text = fs::read_to_string(file).expect("it is there");
        serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON as it stands");
        let only = BTreeMap::from([(variable("lob1-bot"), "a-secret".to_owned())]);
        let realm = filled_in(&text, &only);
        let mut accounts = 0;
        for client in realm["clients"].as_array().expect("a list") {
            match (client["clientId"].as_str(), client["serviceAccountsEnabled"] == true) {
                (Some("lob1-bot"), _) => {
                    assert_eq!((&client["secret"], client.get("enabled")), (&"a-secret".into(), None));
                }
                (_, true) => {
                    assert_eq!((&client["secret"], &client["enabled"]), (&"".into(), &"false".into()));
                }
                (id, false) => {
                    assert_eq!((id, &client["publicClient"]), (Some("mcp-gateway-web"), &true.into()));
                }
            }
            accounts += usize::from(client["serviceAccountsEnabled"] == true);
        }
        assert_eq!(accounts, 5);
    }
}
