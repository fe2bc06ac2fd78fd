//! The three command lines: what each program of the stack is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::ports::Held;
use super::processes::{Process, Starter};
use super::secrets::{self, Clients};
use super::worker::{self, Worker};
use super::{StackOptions, Store, wait};
use crate::fault::{Doing as _, Fault, Outcome};
use crate::keycloak::{Keycloak, KeycloakOptions};
use crate::nginx::{self, Gateway, Upstream};
use crate::postgres::{self, Cluster};
use crate::{files, say};

/// The organisation of the embedded issuer.
pub(super) const ORG: &str = "default";

/// What is decided before the first process starts.
pub(super) struct Plan {
    pub(super) options: StackOptions,
    pub(super) clients: Clients,
    /// Where the first registry's socket lies, when nginx can reach it.
    socket: Option<PathBuf>,
    /// Files with the URLs of the registries' databases; none when files hold the agents.
    databases: Vec<PathBuf>,
    clients_file: PathBuf,
    worker: Worker,
}

/// Where the auth-server listens.
pub(super) struct Auth {
    pub(super) url: String,
    pub(super) admin_url: String,
}

impl Plan {
    /// Where a program's words go.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.options.data.join("logs").join(format!("{name}.log"))
    }

    /// The name of a registry's files: the first one's is the usual one.
    pub(super) fn name(&self, number: usize) -> String {
        if number == 0 { "registry".to_owned() } else { format!("registry-{}", number + 1) }
    }

    /// Its socket, if nginx can reach it.
    pub(super) fn socket(&self, number: usize) -> Option<PathBuf> {
        self.socket.as_ref().map(|first| first.with_file_name(format!("{}.sock", self.name(number))))
    }

    /// Its database's URL, in a file.
    pub(super) fn database(&self) -> Option<&PathBuf> {
        self.databases.first()
    }

    /// The audit trail of a server, beside its log.
    fn trail(&self, name: &str) -> PathBuf {
        self.options.data.join("logs").join(format!("{name}.audit.jsonl"))
    }

    fn ready_file(&self, name: &str) -> PathBuf {
        self.options.data.join("run").join(format!("{name}.json"))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.options.binaries.join(name)
    }
}

/// Makes the folders and the secrets, and chooses how nginx reaches the registry.
pub(super) fn plan(options: StackOptions) -> Outcome<Plan> {
    let data = &options.data;
    for name in ["auth-server", "registry"] {
        if !options.binaries.join(name).is_file() {
            return Err(Fault::new(format!("{name} is not built in {}", options.binaries.display())));
        }
    }
    if !options.policy.is_file() {
        return Err(Fault::new(format!(
            "there is no policy at {}: choose one with POLICY=…",
            options.policy.display()
        )));
    }
    // Open for passing through, so that nginx's workers reach the socket; what is secret has its own mode.
    files::make_dir(&data.join("run"), 0o755)?;
    files::make_dir(&data.join("logs"), 0o700)?;
    files::make_dir(&auth_state(&options), 0o700)?;
    files::make_dir(&data.join("registry"), 0o700)?;
    let (clients, clients_file) =
        secrets::prepare(data, &options.binaries.join("auth-server"), &options.extra_clients)?;
    let worker = worker::worker()?;
    let socket = worker::socket(data);
    let socket = match worker::obstacle(&socket, &worker) {
        None => Some(socket),
        Some(why) => {
            say(&format!("nginx reaches the registry over loopback TCP, not over a socket: {why}"));
            None
        }
    };
    Ok(Plan { options, clients, socket, databases: Vec::new(), clients_file, worker })
}

/// Starts the stack's own Keycloak, if it is to have one, and makes the auth-server believe it alone.
pub(super) async fn start_keycloak(plan: &mut Plan, public_url: &str) -> Outcome<Option<Keycloak>> {
    let Some((distribution, port)) = plan.options.keycloak.clone() else { return Ok(None) };
    let mut keycloak = Keycloak::plan(KeycloakOptions {
        distribution,
        home: plan.options.data.join("keycloak"),
        port,
        secrets: plan.clients.iter().map(|(id, client)| (id.clone(), client.secret.clone())).collect(),
        gateway: Some(public_url.to_owned()),
        life: plan.options.life,
    })?;
    keycloak.start().await?;
    let file = plan.options.data.join("issuers.yml");
    files::replace(&file, keycloak.issuers_file().as_bytes(), 0o600)?;
    plan.options.issuers = Some(file);
    Ok(Some(keycloak))
}

/// Starts the auth-server and waits until it listens.
pub(super) async fn start_auth_server(
    plan: &Plan,
    starter: &Starter,
    public_url: &str,
) -> Outcome<(Process, Auth)> {
    let ready = fresh(plan.ready_file("auth-server"))?;
    let mut command = Command::new(plan.program("auth-server"));
    command
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--org", ORG])
        .args(["--public-url", public_url])
        .arg("--state")
        .arg(auth_state(&plan.options))
        .arg("--policy")
        .arg(&plan.options.policy)
        .arg("--audit")
        .arg(plan.trail("auth-server"))
        .arg("--ready-file")
        .arg(&ready);
    if let Some(issuers) = &plan.options.issuers {
        command.arg("--issuers").arg(issuers);
    }
    // Two ways in would be one too many: who brings his Keycloak administers clients there.
    if plan.options.keycloak.is_none() {
        command.arg("--clients").arg(&plan.clients_file);
    }
    if plan.options.x_authorization {
        command.arg("--x-authorization");
    }
    // The directory of agents stands where the cards do.
    if let (Some(url), None) = (plan.database(), &plan.options.keycloak) {
        command.args(["--store", "postgres", "--migrate", "--database-url-file"]).arg(url);
    }
    let mut process = starter.start("auth-server", &command, &plan.log("auth-server"))?;
    let said = wait::for_ready_file("the auth-server", &ready, &mut process).await?;
    Ok((process, Auth { url: wait::url(&said, "url")?, admin_url: wait::url(&said, "admin_url")? }))
}

/// The auth-server's state folder: another one beside a database of the stack's own, since that is another
/// directory, opened by another key. One file would hold the key of whichever came last.
fn auth_state(options: &StackOptions) -> PathBuf {
    options.data.join(match &options.store {
        Store::File | Store::Databases(_) => "auth-server",
        Store::Postgres(_) => "auth-server-postgres",
    })
}

/// What opens the admin API of the running auth-server; none where Keycloak signs agents in, and there is no
/// directory.
pub(super) fn admin_key(plan: &Plan) -> Outcome<Option<String>> {
    if plan.options.keycloak.is_some() {
        return Ok(None);
    }
    let file = auth_state(&plan.options).join("admin_key");
    let lost =
        || format!("read {} (if it was lost, auth-server new-admin-key makes another)", file.display());
    let key = std::fs::read_to_string(&file).doing(lost)?;
    Ok(Some(key.trim().to_owned()))
}

/// Starts the stack's own Postgres, if it is to have one, and says where each registry finds its database.
pub(super) async fn start_postgres(plan: &mut Plan) -> Outcome<Option<Cluster>> {
    let data = &plan.options.data;
    let (cluster, urls) = match &plan.options.store {
        Store::File => return Ok(None),
        Store::Databases(urls) => (None, urls.clone()),
        Store::Postgres(programs) => {
            let home = data.join("postgres");
            let cluster = Cluster::start(programs.clone(), home, plan.options.life).await?;
            let url = cluster.url(postgres::NAME);
            (Some(cluster), vec![url])
        }
    };
    for (number, url) in urls.iter().enumerate() {
        let file = data.join(format!("{}.url", plan.name(number)));
        files::replace(&file, url.as_bytes(), 0o600)?;
        plan.databases.push(file);
    }
    Ok(cluster)
}

/// Starts one of the registries and waits until it listens; `before` is its URL when it is started again,
/// since nginx goes on looking for it there.
pub(super) async fn start_registry(
    plan: &Plan,
    number: usize,
    starter: &Starter,
    public_url: &str,
    auth_url: &str,
    before: Option<&str>,
) -> Outcome<(Process, String)> {
    let name = plan.name(number);
    let ready = fresh(plan.ready_file(&name))?;
    let mut command = Command::new(plan.program("registry"));
    command
        // candle cuts its products for as many threads as this says; one a text is fastest.
        .env("RAYON_NUM_THREADS", "1")
        .args(["--listen", before.and_then(|url| url.strip_prefix("http://")).unwrap_or("127.0.0.1:0")])
        // Where that is, the ready file says.
        .args(["--admin-listen", "127.0.0.1:0"])
        .args(["--public-url", public_url])
        .args(["--identity-keys-url", &format!("{auth_url}/identity/jwks.json")])
        .args(["--exchange-url", &format!("{auth_url}/orgs/{ORG}/api/v1/oauth/token")])
        .arg("--state")
        .arg(plan.options.data.join("registry"))
        .arg("--policy")
        .arg(&plan.options.policy)
        .arg("--audit")
        .arg(plan.trail(&name))
        .arg("--ready-file")
        .arg(&ready)
        .args(&plan.options.registry_flags);
    if !plan.databases.is_empty() {
        let url = &plan.databases[number % plan.databases.len()];
        command.args(["--store", "postgres", "--migrate", "--database-url-file"]).arg(url);
        // What one registry seals, the others open.
        let key = plan.options.data.join("registry.key");
        files::kept_secret(&key)?;
        command.arg("--key-file").arg(key);
    }
    if let Some(socket) = plan.socket(number) {
        command.arg("--socket").arg(socket).args(["--socket-group", &plan.worker.group]);
    }
    if let Some(model) = &plan.options.model {
        command.arg("--model").arg(model);
    }
    let mut process = starter.start("registry", &command, &plan.log(&name))?;
    let said = wait::for_ready_file("the registry", &ready, &mut process).await?;
    Ok((process, wait::url(&said, "url")?))
}

/// Where the running registry's operator asks; `run.json` does not promise that.
pub(super) fn registry_admin_url(plan: &Plan, number: usize) -> Outcome<String> {
    let file = plan.ready_file(&plan.name(number));
    let bytes = std::fs::read(&file).doing(|| format!("read {}", file.display()))?;
    let said = serde_json::from_slice(&bytes).doing(|| format!("read {}", file.display()))?;
    wait::url(&said, "admin_url")
}

/// Renders the configuration, lets nginx check it, and starts it on the port held for it.
pub(super) fn start_nginx(
    plan: &Plan,
    starter: &Starter,
    held: Held,
    auth_url: &str,
    registry_urls: &[String],
) -> Outcome<Process> {
    let upstream = |(number, url): (usize, &String)| match plan.socket(number) {
        Some(socket) => Ok(Upstream::Socket(socket)),
        None => address(url).map(Upstream::Tcp),
    };
    let registries = registry_urls.iter().enumerate().map(upstream).collect::<Outcome<Vec<_>>>()?;
    let dir = plan.options.data.join("nginx");
    let gateway = Gateway {
        listen: held.address,
        server_names: plan.options.server_names.clone(),
        registries,
        auth_server: address(auth_url)?,
        dir: dir.clone(),
        user: plan.worker.user.clone(),
        workers: None,
        max_body: "1m".into(),
        mcp_max_body: nginx::MCP_MAX_BODY.into(),
        rate: plan.options.rates.0,
        token_rate: plan.options.rates.1,
        x_authorization: plan.options.x_authorization,
    };
    let file = nginx::write(&gateway)?;
    let command = nginx::command(&dir, &file)?;
    held.release();
    starter.start("nginx", &command, &plan.log("nginx"))
}

fn address(url: &str) -> Outcome<SocketAddr> {
    url.strip_prefix("http://").unwrap_or(url).parse().doing(|| format!("read the address {url}"))
}

/// The ready file of the last start would be believed.
fn fresh(file: PathBuf) -> Outcome<PathBuf> {
    if file.exists() {
        std::fs::remove_file(&file).doing(|| format!("remove {}", file.display()))?;
    }
    Ok(file)
}
