//! The clients of a stack: their secrets, made once from the system's randomness and kept, and the
//! file with only the hashes of them that the auth-server reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::fault::{Doing as _, Fault, Outcome};
use crate::files;

/// A client of the embedded issuer: its secret in clear, as `run.json` hands it to scripts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The client secret.
    pub secret: String,
    /// The groups its tokens carry.
    pub(super) groups: Vec<String>,
}

/// Never shows the secret: test output is read by others.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("secret", &"***").field("groups", &self.groups).finish()
    }
}

/// Client id → client.
pub type Clients = BTreeMap<String, Client>;

/// The guide's service account, an administrator, the two lines of business, and a group nobody maps.
const READY: [(&str, &[&str]); 5] = [
    ("mcp-gateway-m2m", &["mcp-servers-unrestricted", "a2a-agent-admin"]),
    ("registry-admin", &["mcp-registry-admin"]),
    ("lob1-bot", &["registry-users-lob1"]),
    ("lob2-bot", &["registry-users-lob2"]),
    ("stranger-bot", &["nobody-maps-this-group"]),
];

/// Reads the secrets of this data folder, makes those that are missing, and writes the hashed form.
pub(super) fn prepare(
    data: &Path,
    auth_server: &Path,
    extra: &[(String, Vec<String>)],
) -> Outcome<(Clients, PathBuf)> {
    let clients = kept(&data.join("secrets.json"), extra)?;
    let hashed = data.join("clients.yml");
    files::replace(&hashed, hashed_form(&clients, auth_server)?.as_bytes(), 0o600)?;
    Ok((clients, hashed))
}

fn kept(file: &Path, extra: &[(String, Vec<String>)]) -> Outcome<Clients> {
    let secrets: BTreeMap<String, String> = match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).doing(|| format!("read {}", file.display()))?,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(cause) => return Err(Fault::new(format!("cannot read {}: {cause}", file.display()))),
    };
    let ready =
        READY.iter().map(|(id, groups)| ((*id).to_owned(), groups.iter().map(|g| (*g).to_owned()).collect()));
    let mut clients = Clients::new();
    for (id, groups) in ready.chain(extra.iter().cloned()) {
        let secret = secrets.get(&id).cloned().map_or_else(files::secret, Ok)?;
        clients.insert(id, Client { secret, groups });
    }
    let now: BTreeMap<&str, &str> = clients.iter().map(|(id, client)| (&**id, &*client.secret)).collect();
    let text = serde_json::to_vec_pretty(&now).doing(|| "spell the secrets".into())?;
    files::replace(file, &text, 0o600)?;
    Ok(clients)
}

/// YAML written as JSON (which it contains), so that no value needs quoting rules of its own.
fn hashed_form(clients: &Clients, auth_server: &Path) -> Outcome<String> {
    let mut entries = Vec::new();
    for (id, client) in clients {
        let hash = hash(&client.secret, auth_server)?;
        entries.push(serde_json::json!({"client_id": id, "secret_hash": hash, "groups": client.groups}));
    }
    serde_json::to_string_pretty(&serde_json::json!({ "clients": entries }))
        .doing(|| "spell the clients".into())
}

/// The auth-server hashes itself: only it knows the parameters that it will verify with.
fn hash(secret: &str, auth_server: &Path) -> Outcome<String> {
    let mut child = Command::new(auth_server)
        .arg("hash-secret")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing(|| format!("run {}", auth_server.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(secret.as_bytes()).doing(|| "hand over the secret".into())?;
    }
    let output = child.wait_with_output().doing(|| "hash the secret".into())?;
    let hash = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && hash.starts_with("$argon2id$") {
        return Ok(hash);
    }
    Err(Fault::new(format!("auth-server hash-secret failed: {}", crate::shell::last_lines(&output.stderr))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn secrets_are_long_private_and_stay_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secrets.json");
        let first = kept(&file, &[]).expect("it can be written");
        let again = kept(&file, &[("one-more".into(), vec!["g".into()])]).expect("it can be read");
        assert_eq!(first.len(), 5);
        assert!(first.iter().all(|(id, client)| again[id] == *client && client.secret.len() == 64));
        assert_eq!(again["one-more"].groups, ["g"]);
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(&first["lob1-bot"].secret));
    }

    #[test]
    fn a_damaged_secrets_file_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secrets.json");
        fs::write(&file, "{").expect("it is ours");
        kept(&file, &[]).expect_err("it is damaged");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "{");
    }
}
