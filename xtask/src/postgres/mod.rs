//! A private Postgres on this machine: for `make run STORE=postgres` and the tests.
//!
//! One folder, one port on loopback, one user with a random password; Debian's own cluster is left alone.

mod cable;
mod owner;
mod programs;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

pub use self::cable::Cable;
use self::owner::Owner;
pub use self::programs::{ensure, present};
use crate::fault::{Doing as _, Outcome};
pub use crate::stack::processes::Life;
use crate::stack::processes::{Process, Starter};
use crate::stack::{ports, wait};
use crate::{files, shell};

/// The cluster's only user, and the database of the stack.
pub const NAME: &str = "registry";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Postgres. It is stopped when dropped, unless it is left alone.
pub struct Cluster {
    programs: PathBuf,
    home: PathBuf,
    owner: Owner,
    address: SocketAddr,
    secret: String,
    life: Life,
    starter: Starter,
    process: Option<Process>,
}

impl Cluster {
    /// Makes the cluster if its folder has none, and starts it on a free port.
    pub async fn start(programs: PathBuf, home: PathBuf, life: Life) -> Outcome<Cluster> {
        files::make_dir(&home, 0o755)?;
        let owner = Owner::choose(&home)?;
        let secret = files::kept_secret(&home.join("password"))?;
        let (address, starter) = (ports::quiet()?, Starter::new(life));
        let mut cluster = Cluster { programs, home, owner, address, secret, life, starter, process: None };
        let is_new = !cluster.folder().join("PG_VERSION").exists();
        if is_new {
            cluster.init()?;
        }
        cluster.start_again().await?;
        if is_new {
            cluster.create(NAME)?;
        }
        Ok(cluster)
    }

    /// Starts it where it was.
    pub async fn start_again(&mut self) -> Outcome<()> {
        let mut command = self.owner.command(self.program("postgres").as_os_str(), Some(self.life))?;
        command.arg("-D").arg(self.folder()).args(["-h", &self.address.ip().to_string()]);
        // No socket: its path could be too long, and whoever may connect has the password.
        command.args(["-p", &self.address.port().to_string(), "-k", ""]);
        let mut process = self.starter.start("postgres", &command, &self.home.join("postgres.log"))?;
        let ready = || shell::finish("pg_isready", &mut self.client("pg_isready")).is_ok();
        wait::until("postgres", PATIENCE, || process.still_runs(), async || ready().then_some(())).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Another database of this cluster, empty.
    pub fn create(&self, database: &str) -> Outcome<()> {
        shell::finish("createdb", self.client("createdb").arg(database)).map(drop)
    }

    /// Where clients find a database, password included.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{NAME}:{}@{}/{database}", self.secret, self.address)
    }

    /// The same through a cable.
    #[must_use]
    pub fn url_through(&self, cable: &Cable, database: &str) -> String {
        format!("postgres://{NAME}:{}@{}/{database}", self.secret, cable.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it in order, whoever is connected.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            // SIGTERM, which comes next, would wait until all clients have gone.
            if let Some(pid) = i32::try_from(process.pid()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::INT);
            }
            drop(process);
        }
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
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

    /// Leaves it running when we end.
    pub fn leave(&mut self) {
        if let Some(process) = &mut self.process {
            process.leave();
        }
    }

    fn init(&self) -> Outcome<()> {
        let folder = self.folder();
        files::make_dir(&folder, 0o700)?;
        self.owner.give(&folder)?;
        let password = self.home.join("password.init");
        files::replace(&password, self.secret.as_bytes(), 0o600)?;
        self.owner.give(&password)?;
        let mut command = self.owner.command(self.program("initdb").as_os_str(), None)?;
        command.arg("-D").arg(&folder).arg("--pwfile").arg(&password);
        command.args(["-U", NAME, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"]);
        let made = shell::finish("initdb", &mut command).map(drop);
        std::fs::remove_file(&password).doing(|| format!("remove {}", password.display()))?;
        made
    }

    /// A program that connects.
    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.program(program));
        command.args([
            "-h",
            &self.address.ip().to_string(),
            "-p",
            &self.address.port().to_string(),
            "-U",
            NAME,
        ]);
        command.env("PGPASSWORD", &self.secret).env("PGDATABASE", "postgres");
        command
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(OsStr::new(name))
    }

    fn folder(&self) -> PathBuf {
        self.home.join("cluster")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match &self.process {
            Some(process) if process.is_left() => {}
            Some(_) | None => self.stop(),
        }
    }
}
