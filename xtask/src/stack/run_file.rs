//! `run.json`: where a running stack is and how to sign in, for scripts. Private, because it holds secrets.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::processes::{is_ours, is_program, stop_by_id};
use super::secrets::Clients;
use super::seed::DemoAgent;
use crate::fault::{Doing as _, Fault, Outcome};
use crate::files;
use crate::keycloak::PROGRAM;

/// The whole file.
#[derive(Clone, Serialize, Deserialize)]
pub struct RunFile {
    /// URL of the gateway: what callers use.
    pub gateway: String,
    /// The registry behind it.
    pub registry: Registry,
    /// The others, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_registries: Vec<Registry>,
    /// The auth-server behind it.
    pub auth_server: AuthServer,
    /// The gateway's process.
    pub nginx: Nginx,
    /// The `iss` of the tokens.
    pub issuer: String,
    /// Where tokens are had, through the gateway.
    pub token_endpoint: String,
    /// Who can sign in.
    pub clients: Clients,
    /// The organisation of the identity API: a part of its paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// What opens the admin API of the directory, in `X-API-Key`; none where there is no directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_key: Option<String>,
    /// The agent of the directory to try things with, in a stack that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo_agent: Option<DemoAgent>,
    /// The Keycloak that signs them in; without one, the auth-server does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keycloak: Option<KeycloakFacts>,
    /// The database that holds the agents; without one, files do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresFacts>,
}

/// Never shows the admin key: test output is read by others.
impl std::fmt::Debug for RunFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunFile")
            .field("gateway", &self.gateway)
            .field("registry", &self.registry)
            .field("more_registries", &self.more_registries)
            .field("auth_server", &self.auth_server)
            .field("nginx", &self.nginx)
            .field("clients", &self.clients)
            .field("demo_agent", &self.demo_agent)
            .field("keycloak", &self.keycloak)
            .field("postgres", &self.postgres)
            .finish_non_exhaustive()
    }
}

/// The database of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostgresFacts {
    /// Where it listens.
    pub address: SocketAddr,
    /// File with its URL, password included.
    pub url_file: PathBuf,
    /// Its process id.
    pub pid: u32,
}

/// The Keycloak of a stack, and how to administer it.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeycloakFacts {
    /// On loopback.
    pub url: String,
    /// The realm whose tokens are taken.
    pub realm: String,
    /// Who may change everything, in the realm `master`.
    pub admin_user: String,
    /// His password.
    pub admin_secret: String,
    /// Its process id.
    pub pid: u32,
}

/// Never shows the password: test output is read by others.
impl std::fmt::Debug for KeycloakFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeycloakFacts")
            .field("url", &self.url)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Where the registry listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registry {
    /// On loopback.
    pub url: Option<String>,
    /// For nginx.
    pub socket: Option<PathBuf>,
    /// Its process id.
    pub pid: u32,
}

/// Where the auth-server listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthServer {
    /// For nginx and the registry.
    pub url: String,
    /// For its operator.
    pub admin_url: String,
    /// Its process id.
    pub pid: u32,
}

/// The gateway's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nginx {
    /// The master's process id.
    pub pid: u32,
}

impl RunFile {
    /// Writes it for this user alone.
    pub fn write(&self, data: &Path) -> Outcome<()> {
        let text = serde_json::to_vec_pretty(self).doing(|| "spell run.json".into())?;
        files::replace(&at(data), &text, 0o600)
    }

    /// Reads it, if there is one.
    pub fn read(data: &Path) -> Outcome<Option<Self>> {
        let file = at(data);
        match fs::read(&file) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).doing(|| format!("read {}", file.display()))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Fault::new(format!("cannot read {}: {cause}", file.display()))),
        }
    }

    /// Its processes that are alive, in the order in which they are to be stopped: the door first.
    #[must_use]
    pub fn alive(&self, data: &Path) -> Vec<u32> {
        self.processes().into_iter().map(|(_, pid)| pid).filter(|pid| is_ours(*pid, data)).collect()
    }

    /// Whether nothing of it is missing.
    #[must_use]
    pub fn is_whole(&self, data: &Path) -> bool {
        self.alive(data).len() == self.processes().len()
    }

    fn processes(&self) -> Vec<(&'static str, u32)> {
        let registries = [&self.registry].into_iter().chain(&self.more_registries);
        let registries = registries.map(|registry| ("registry", registry.pid));
        let keycloak = self.keycloak.as_ref().map(|keycloak| (PROGRAM, keycloak.pid));
        let postgres = self.postgres.as_ref().map(|postgres| ("postgres", postgres.pid));
        [("nginx", self.nginx.pid)]
            .into_iter()
            .chain(registries)
            .chain([("auth-server", self.auth_server.pid)])
            .chain(keycloak)
            // Last: the registries end well with it.
            .chain(postgres)
            .collect()
    }
}

/// Stops what runs in this data folder, and says how many processes that were.
pub fn stop(data: &Path) -> Outcome<usize> {
    let Some(run) = RunFile::read(data)? else { return Ok(0) };
    let alive = run.alive(data);
    for pid in &alive {
        stop_by_id(*pid, data);
    }
    // The kernel uses ids again, so most strangers under them mean nothing. One that is the very program
    // may be ours, started when the folder had another name: without run.json nobody would find it again.
    let unknown = run.processes().into_iter().find(|(name, pid)| is_program(*pid, name));
    if let Some((name, pid)) = unknown {
        return Err(Fault::new(format!(
            "process {pid}, which {file} names, is a {name}, but it does not run in this folder (was it moved?) \
             or cannot be stopped: it is left alone, and the file is kept; type kill {pid} if it is yours, or \
             delete the file",
            file = at(data).display()
        )));
    }
    remove(data);
    Ok(alive.len())
}

/// Takes the file away: nothing runs here any more.
pub fn remove(data: &Path) {
    let _ = fs::remove_file(at(data));
}

fn at(data: &Path) -> PathBuf {
    data.join("run.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn run_with(pid: u32) -> RunFile {
        RunFile {
            gateway: "http://127.0.0.1:8080".into(),
            registry: Registry { url: None, socket: Some("/s".into()), pid },
            auth_server: AuthServer { url: "u".into(), admin_url: "a".into(), pid },
            nginx: Nginx { pid },
            issuer: "i".into(),
            token_endpoint: "t".into(),
            clients: Clients::new(),
            organisation: None,
            admin_key: None,
            demo_agent: None,
            keycloak: None,
            postgres: None,
            more_registries: Vec::new(),
        }
    }

    #[test]
    fn it_is_kept_while_a_process_it_names_may_be_ours() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("registry");
        std::os::unix::fs::symlink(crate::shell::find("sleep").expect("sleep is there"), &program)
            .expect("the folder is ours");
        let mut stranger = std::process::Command::new(program).arg("60").spawn().expect("it starts");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("the folder is ours");
        run_with(stranger.id()).write(&data).expect("it can be written");
        let fault = stop(&data).expect_err("a registry runs under this id").to_string();
        assert!(fault.starts_with(&format!("process {}, which", stranger.id())), "{fault}");
        assert!(fault.contains("is a registry"), "{fault}");
        assert!(at(&data).exists() && matches!(stranger.try_wait(), Ok(None)), "both are left alone");
        stranger.kill().and_then(|()| stranger.wait()).expect("it is ours to end");
        assert_eq!(stop(&data), Ok(0));
        assert!(!at(&data).exists());
    }

    #[test]
    fn it_is_private_and_has_the_promised_keys() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = run_with(1);
        run.write(folder.path()).expect("it can be written");
        let file = at(folder.path());
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
        let value: serde_json::Value =
            serde_json::from_slice(&fs::read(&file).expect("readable")).expect("JSON");
        assert_eq!(
            value,
            serde_json::json!({
                "gateway": "http://127.0.0.1:8080", "registry": {"url": null, "socket": "/s", "pid": 1},
                "auth_server": {"url": "u", "admin_url": "a", "pid": 1}, "nginx": {"pid": 1},
                "issuer": "i", "token_endpoint": "t", "clients": {}
            })
        );
        let secret = |key: &str| format!("{key}_a-secret");
        let mut run = run;
        run.admin_key = Some(secret("lmk"));
        run.demo_agent = Some(DemoAgent { client_id: "agt_1".into(), client_secret: secret("ags") });
        run.write(folder.path()).expect("it can be written");
        let read = RunFile::read(folder.path()).expect("it can be read").expect("it is there");
        assert_eq!((&read.admin_key, &read.demo_agent), (&run.admin_key, &run.demo_agent));
        assert!(!format!("{read:?}").contains("a-secret"), "{read:?}");
        // Process 1 has nothing to do with this folder: the file is stale, and nothing is stopped.
        assert_eq!(stop(folder.path()), Ok(0));
        assert!(!file.exists());
    }
}
