//! The whole stack on this machine: auth-server, registry and nginx around one data folder.
//!
//! `make up`, `make run`, `make demo` and the whole-stack tests all start it here.

mod address;
pub mod build;
pub(crate) mod ports;
pub(crate) mod processes;
pub mod run_file;
mod secrets;
mod seed;
mod servers;
pub mod token;
pub mod wait;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::processes::Life;
use self::processes::{Process, Starter};
pub use self::run_file::RunFile;
pub use self::secrets::{Client, Clients};
pub use self::seed::DemoAgent;
use self::servers::Plan;
use crate::fault::{Fault, Outcome};
use crate::keycloak::{Distribution, Keycloak};
use crate::postgres::Cluster;
use crate::{files, nginx, say, setup};

/// What a stack is made of.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The one folder everything is written to.
    pub data: PathBuf,
    /// The folder of the servers' binaries.
    pub binaries: PathBuf,
    /// Where callers reach the gateway; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names the gateway answers to, beside the address it listens on and the host of the public URL.
    pub server_names: Vec<String>,
    /// The gateway's address as callers write it, when that is not where it listens (a name, a proxy with
    /// TLS before it). The issuer's name begins with it.
    pub public_url: Option<String>,
    /// The model's folder; without one, search goes by words.
    pub model: Option<PathBuf>,
    /// scopes.yml.
    pub policy: PathBuf,
    /// Identity providers beside the embedded issuer.
    pub issuers: Option<PathBuf>,
    /// A Keycloak of the stack's own, in place of the embedded issuer: its programs, and its port (0 takes a
    /// free one).
    pub keycloak: Option<(Distribution, u16)>,
    /// Where agents are kept.
    pub store: Store,
    /// How many registries; more than one need a database.
    pub registries: usize,
    /// Flags of the registries beside the usual ones.
    pub registry_flags: Vec<String>,
    /// Clients beside the ready ones: id and groups.
    pub extra_clients: Vec<(String, Vec<String>)>,
    /// Whether the directory gets an agent to try things with, and two MCP servers it may get tokens for.
    pub seed: bool,
    /// Requests per second one address may make, and token requests.
    pub rates: (u32, u32),
    /// Whether a token in X-Authorization counts too.
    pub x_authorization: bool,
    /// Whether it ends with us.
    pub life: Life,
}

impl StackOptions {
    /// A stack in this folder, on a free port, ending with us.
    #[must_use]
    pub fn new(data: PathBuf, binaries: PathBuf) -> Self {
        Self {
            data,
            binaries,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            server_names: nginx::local_names(),
            public_url: None,
            model: None,
            policy: crate::root().join("deploy/scopes.yml"),
            issuers: None,
            keycloak: None,
            store: Store::File,
            registries: 1,
            registry_flags: Vec::new(),
            extra_clients: Vec::new(),
            seed: false,
            rates: (nginx::RATE, nginx::TOKEN_RATE),
            x_authorization: false,
            life: Life::WithParent,
        }
    }
}

/// Where a stack keeps its agents.
#[derive(Clone)]
pub enum Store {
    /// In files.
    File,
    /// In a Postgres of its own, with the programs in this folder.
    Postgres(PathBuf),
    /// In databases that run already: the URL for each registry, from the first on again when there are fewer.
    Databases(Vec<String>),
}

/// Never shows a URL: it holds a password.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Store::File => "File",
            Store::Postgres(_) => "Postgres",
            Store::Databases(_) => "Databases",
        })
    }
}

/// A running stack. It is stopped when dropped, unless it is left alone.
pub struct Stack {
    /// URL of the gateway that works on this machine.
    local: String,
    plan: Plan,
    starter: Starter,
    state: Mutex<State>,
}

/// What a restart of the registry changes. Dropped in this order: the door first.
struct State {
    run: RunFile,
    nginx: Process,
    registries: Vec<Process>,
    auth_server: Process,
    keycloak: Option<Keycloak>,
    postgres: Option<Cluster>,
    left: bool,
}

/// What would keep a stack from starting, asked before minutes are spent on building it.
pub fn could_start(data: &Path, listen: SocketAddr) -> Outcome<()> {
    refuse_a_second_one(&files::absolute(data)?)?;
    ports::hold(listen).map(drop)
}

impl Stack {
    /// Starts everything and waits until it answers. What was started ends again when a later step fails.
    pub async fn start(mut options: StackOptions) -> Outcome<Self> {
        options.data = files::absolute(&options.data)?;
        setup::nginx()?;
        refuse_a_second_one(&options.data)?;
        let held = ports::hold(options.listen)?;
        let local = address::reachable(held.address);
        let public = match &options.public_url {
            Some(url) => address::public(url)?,
            None => local.clone(),
        };
        if options.registries == 0 || (options.registries > 1 && matches!(options.store, Store::File)) {
            return Err(Fault::new("one registry for files, several for a database: type STORE=postgres"));
        }
        address::add_names(&mut options.server_names, held.address, &public)?;
        let starter = Starter::new(options.life);
        let mut plan = servers::plan(options)?;
        let keycloak = servers::start_keycloak(&mut plan, &public).await?;
        let postgres = servers::start_postgres(&mut plan).await?;

        let (mut auth_server, auth) = servers::start_auth_server(&plan, &starter, &public).await?;
        let (mut registries, mut urls) = (Vec::new(), Vec::new());
        for number in 0..plan.options.registries {
            let started = servers::start_registry(&plan, number, &starter, &public, &auth.url, None);
            let (process, url) = started.await?;
            registries.push(process);
            urls.push(url);
        }
        let mut nginx = servers::start_nginx(&plan, &starter, held, &auth.url, &urls)?;
        // Each of the three may be why there is no answer, and then says so in its log.
        let alive = || {
            auth_server.still_runs()?;
            registries.iter_mut().try_for_each(Process::still_runs)?;
            nginx.still_runs()
        };
        become_healthy(&plan, &local, alive).await?;
        for url in urls.iter().skip(1) {
            become_healthy(&plan, url, || Ok(())).await?;
        }

        let embedded = format!("{public}/orgs/{}/api/v1", servers::ORG);
        let (issuer, token_endpoint) = match &keycloak {
            Some(keycloak) => (keycloak.issuer(), keycloak.token_endpoint()),
            None => (embedded.clone(), format!("{embedded}/oauth/token")),
        };
        let admin_key = servers::admin_key(&plan)?;
        let demo_agent = match &admin_key {
            Some(key) if plan.options.seed => {
                let reached = format!("{local}/orgs/{}/api/v1", servers::ORG);
                Some(seed::seed(&reached, key, &plan.options.data).await?)
            }
            _ => None,
        };
        let facts = |(number, process): (usize, &Process)| run_file::Registry {
            url: urls.get(number).cloned(),
            socket: plan.socket(number),
            pid: process.pid(),
        };
        let mut all = registries.iter().enumerate().map(facts).collect::<Vec<_>>();
        let run = RunFile {
            gateway: public,
            registry: all.remove(0),
            more_registries: all,
            auth_server: run_file::AuthServer {
                url: auth.url,
                admin_url: auth.admin_url,
                pid: auth_server.pid(),
            },
            nginx: run_file::Nginx { pid: nginx.pid() },
            token_endpoint,
            issuer,
            clients: plan.clients.clone(),
            organisation: Some(servers::ORG.to_owned()),
            admin_key,
            demo_agent,
            keycloak: keycloak.as_ref().and_then(Keycloak::facts),
            postgres: postgres.as_ref().and_then(|postgres| {
                let url_file = plan.database()?.clone();
                Some(run_file::PostgresFacts { address: postgres.address(), url_file, pid: postgres.pid()? })
            }),
        };
        run.write(&plan.options.data)?;
        let state =
            Mutex::new(State { run, nginx, registries, auth_server, keycloak, postgres, left: false });
        Ok(Self { local, plan, starter, state })
    }

    /// What `run.json` says now.
    #[must_use]
    pub fn run(&self) -> RunFile {
        self.state().run.clone()
    }

    /// The same for callers on this machine: a public URL may be a proxy's that is not there yet.
    #[must_use]
    pub fn local_run(&self) -> RunFile {
        let run = self.run();
        let token_endpoint = match &run.keycloak {
            None => run.token_endpoint.replacen(&run.gateway, &self.local, 1),
            Some(_) => run.token_endpoint.clone(),
        };
        RunFile { gateway: self.local.clone(), token_endpoint, ..run }
    }

    /// The data folder, from the root.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.plan.options.data
    }

    /// URL of the gateway that works on this machine.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.local.clone()
    }

    /// URL of the registry on loopback, past the gateway.
    #[must_use]
    pub fn registry_url(&self) -> String {
        self.run().registry.url.unwrap_or_default()
    }

    /// URLs of all registries.
    #[must_use]
    pub fn registry_urls(&self) -> Vec<String> {
        let run = self.run();
        [&run.registry].into_iter().chain(&run.more_registries).filter_map(|one| one.url.clone()).collect()
    }

    /// URL of the auth-server, past the gateway.
    #[must_use]
    pub fn auth_url(&self) -> String {
        self.run().auth_server.url
    }

    /// URL of the registry for its operator: another one after each start.
    pub fn registry_admin_url(&self) -> Outcome<String> {
        servers::registry_admin_url(&self.plan, 0)
    }

    /// An access token for one of the clients.
    pub async fn token(&self, client: &str) -> Outcome<String> {
        token::fetch(&self.local_run(), client).await.map(|token| token.access_token)
    }

    /// Kills the registry with SIGKILL, as a power cut would.
    pub fn kill_registry(&self) {
        self.kill_one(0);
    }

    /// The same for one of several.
    pub fn kill_one(&self, number: usize) {
        self.state().registries[number].kill();
    }

    /// Starts the registry again where it was, and waits until it answers through the gateway.
    pub async fn restart_registry(&self) -> Outcome<()> {
        self.restart_one(0).await
    }

    /// The same for one of several.
    pub async fn restart_one(&self, number: usize) -> Outcome<()> {
        self.state().registries[number].stop();
        let run = self.run();
        let before = self.registry_urls().into_iter().nth(number);
        let (public, auth) = (&run.gateway, &run.auth_server.url);
        let started =
            servers::start_registry(&self.plan, number, &self.starter, public, auth, before.as_deref());
        let (mut process, url) = started.await?;
        let alive = || {
            process.still_runs()?;
            let mut state = self.state();
            state.auth_server.still_runs()?;
            state.nginx.still_runs()
        };
        let door = if self.plan.options.registries == 1 { &self.local } else { &url };
        become_healthy(&self.plan, door, alive).await?;
        let mut state = self.state();
        match number.checked_sub(1) {
            None => state.run.registry.pid = process.pid(),
            Some(more) => state.run.more_registries[more].pid = process.pid(),
        }
        state.registries[number] = process;
        state.run.write(&self.plan.options.data)
    }

    /// A fault when one of its processes has ended.
    pub fn still_runs(&self) -> Outcome<()> {
        let mut state = self.state();
        state.nginx.still_runs()?;
        state.registries.iter_mut().try_for_each(Process::still_runs)?;
        state.auth_server.still_runs()?;
        state.postgres.as_mut().map_or(Ok(()), Cluster::still_runs)?;
        state.keycloak.as_mut().map_or(Ok(()), Keycloak::still_runs)
    }

    /// Leaves it running when we end; `run_file::stop` stops it.
    pub fn leave(self) {
        let mut state = self.state();
        state.nginx.leave();
        state.registries.iter_mut().for_each(Process::leave);
        state.auth_server.leave();
        if let Some(postgres) = &mut state.postgres {
            postgres.leave();
        }
        if let Some(keycloak) = &mut state.keycloak {
            keycloak.leave();
        }
        state.left = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock means that a test failed while it held it; the stack itself is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !self.state().left {
            run_file::remove(&self.plan.options.data);
        }
    }
}

async fn become_healthy(plan: &Plan, gateway: &str, alive: impl FnMut() -> Outcome<()>) -> Outcome<()> {
    let state = wait::for_health(gateway, alive).await?;
    if plan.options.model.is_some() && state != "ready" {
        let log = plan.log("registry");
        return Err(Fault::new(format!(
            "the registry could not load the model ({state}): see {}",
            log.display()
        )));
    }
    Ok(())
}

/// One stack per data folder: two would write the same files.
fn refuse_a_second_one(data: &Path) -> Outcome<()> {
    let Some(run) = RunFile::read(data)? else { return Ok(()) };
    if run.is_whole(data) {
        let (data, gateway) = (data.display(), run.gateway);
        return Err(Fault::new(format!("a stack already runs in {data} at {gateway}: type make down first")));
    }
    say("the last stack in this data folder did not end in order: tidying up after it");
    run_file::stop(data).map(drop)
}
