//! A real Keycloak on this machine, with the realm of `keycloak/`: for `make run ISSUER=keycloak` and the tests.

mod distribution;
mod home;
mod java;
mod realm;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub use self::distribution::{Distribution, ensure, present};
pub use self::realm::{enabling, variable};
use crate::fault::Outcome;
use crate::stack::processes::{Life, Process, Starter};
use crate::stack::run_file::KeycloakFacts;
use crate::stack::{ports, wait};
use crate::{say, shell};

/// The realm of `keycloak/mcp-gateway-realm.json`.
pub const REALM: &str = "mcp-gateway";
/// Whom the realm's tokens are for.
pub const AUDIENCE: &str = "mcp-registry";
/// Keycloak's first administrator, of the realm `master`.
pub const ADMIN: &str = "admin";
/// The script that is Keycloak's process, and Java's parent.
pub(crate) const PROGRAM: &str = "kc.sh";
/// On two busy cores a first start takes a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a Keycloak is made of.
#[derive(Clone)]
pub struct KeycloakOptions {
    /// Its programs.
    pub distribution: Distribution,
    /// The one folder it writes to: the database, the log, the administrator's password.
    pub home: PathBuf,
    /// Its port on loopback; 0 takes a free one.
    pub port: u16,
    /// Client id → secret, of the clients of the realm file that are to be on.
    pub secrets: BTreeMap<String, String>,
    /// URL of the gateway that people's browsers come back to. The realm is made once: it keeps the first.
    pub gateway: Option<String>,
    /// Whether it ends with us.
    pub life: Life,
}

/// A running Keycloak. It is stopped when dropped, unless it is left alone.
pub struct Keycloak {
    options: KeycloakOptions,
    starter: Starter,
    process: Option<Process>,
    address: SocketAddr,
    admin_secret: String,
    /// Whether the start finds the realm's file and makes the realm of it.
    imports: bool,
}

impl Keycloak {
    /// Chooses a port and makes the folder; nothing runs yet, but what its URL will be is known.
    pub fn plan(options: KeycloakOptions) -> Outcome<Self> {
        let address = match options.port {
            0 => ports::quiet()?,
            port => SocketAddr::from(([127, 0, 0, 1], port)),
        };
        ports::hold(address)?;
        let admin_secret = home::prepare(&options)?;
        let starter = Starter::new(options.life);
        Ok(Self { options, starter, process: None, address, admin_secret, imports: true })
    }

    /// Makes the realm by a command before the first start, as in production; the start then makes none.
    pub fn import(&mut self) -> Outcome<()> {
        let mut command = self.program("import");
        command.arg("--file").arg(realm::file());
        shell::finish("kc.sh import", &mut command)?;
        self.imports = false;
        Ok(())
    }

    /// Starts it and waits until it serves the realm.
    pub async fn start(&mut self) -> Outcome<()> {
        say("starting Keycloak (some ten seconds, a minute on a busy machine)");
        let mut process =
            self.starter.start(PROGRAM, &self.command(), &self.options.home.join("keycloak.log"))?;
        let client = wait::client()?;
        let document = format!("{}/.well-known/openid-configuration", self.issuer());
        wait::until(
            "Keycloak",
            PATIENCE,
            || process.still_runs(),
            async || client.get(&document).send().await.ok()?.error_for_status().ok(),
        )
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same by another name: to Keycloak, and so in the `iss` of its tokens, that is another issuer.
    #[must_use]
    pub fn other_url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// The name of the realm's tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        issuer(&self.url())
    }

    /// Where the realm's tokens are had.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!("{}/protocol/openid-connect/token", self.issuer())
    }

    /// The password of the administrator.
    #[must_use]
    pub fn admin_secret(&self) -> &str {
        &self.admin_secret
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// A fault when it has ended.
    pub fn still_runs(&mut self) -> Outcome<()> {
        self.process.as_mut().map_or(Ok(()), Process::still_runs)
    }

    /// What `run.json` says of it, while it runs.
    #[must_use]
    pub fn facts(&self) -> Option<KeycloakFacts> {
        let (url, realm, admin_user) = (self.url(), REALM.to_owned(), ADMIN.to_owned());
        let admin_secret = self.admin_secret.clone();
        self.pid().map(|pid| KeycloakFacts { url, realm, admin_user, admin_secret, pid })
    }

    /// Leaves it running when we end.
    pub fn leave(&mut self) {
        if let Some(process) = &mut self.process {
            process.leave();
        }
    }

    /// An issuers file for it: both spellings of its name, and its audience demanded.
    #[must_use]
    pub fn issuers_file(&self) -> String {
        let entry = serde_json::json!([{
            "issuer": self.issuer(), "aliases": [issuer(&self.other_url())],
            "audiences": [AUDIENCE], "method": "keycloak",
        }]);
        // YAML contains JSON.
        format!("{entry:#}\n")
    }

    fn command(&self) -> Command {
        let mut command = self.program("start");
        if self.imports {
            command.arg("--import-realm");
        }
        command
            .args(["--http-enabled=true", "--hostname-strict=false"])
            .arg(format!("--http-host={}", self.address.ip()))
            .arg(format!("--http-port={}", self.address.port()));
        command
    }

    /// Its script with everything that the realm's file and a first start ask the environment for.
    fn program(&self, verb: &str) -> Command {
        let mut command = Command::new("sh");
        forget_configuration(&mut command);
        command
            .arg(self.options.home.join("bin").join(PROGRAM))
            .args([verb, "--optimized"])
            .env("JAVA_HOME", &self.options.distribution.java)
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMIN)
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", &self.admin_secret);
        for (client, secret) in &self.options.secrets {
            command.env(variable(client), secret).env(enabling(client), "true");
        }
        if let Some(gateway) = &self.options.gateway {
            command.env(realm::GATEWAY, gateway).env(enabling(realm::WEB), "true");
        }
        command
    }
}

fn issuer(url: &str) -> String {
    format!("{url}/realms/{REALM}")
}

/// Whoever types make may have a Keycloak of his own, configured by the environment, and its realm's secrets.
fn forget_configuration(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("KC_") || realm::reads(name)) {
            command.env_remove(name);
        }
    }
}
