//! The processes of a stack: started so that they end with us (or, for `make up`, outlive us), and stopped.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::fault::{Doing as _, Fault, Outcome};
use crate::shell;

/// How long a process may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the stack ends with the process that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It ends with us, however we end (`make run`, `make demo`, tests).
    WithParent,
    /// It stays when we are gone, in a session of its own (`make up`).
    Detached,
}

/// Starts processes from one thread that lives as long as the stack.
///
/// The kernel's "end with your parent" follows the *thread* that forked, and a test's thread ends
/// with its test, long before the stack that the tests share.
pub(crate) struct Starter {
    requests: mpsc::Sender<(Command, mpsc::Sender<io::Result<Child>>)>,
    life: Life,
}

impl Starter {
    /// A starter for processes of this life.
    pub(crate) fn new(life: Life) -> Self {
        let (requests, inbox) = mpsc::channel::<(Command, mpsc::Sender<io::Result<Child>>)>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                let _ = answer.send(command.spawn());
            }
        });
        Self { requests, life }
    }

    /// Starts a program; what it says goes to the end of `log`.
    pub(crate) fn start(&self, name: &'static str, command: &Command, log: &Path) -> Outcome<Process> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(log)
            .doing(|| format!("open {}", log.display()))?;
        let error = file.try_clone().doing(|| format!("open {}", log.display()))?;
        let mut wrapped = self.wrap(command)?;
        wrapped.stdin(Stdio::null()).stdout(file).stderr(error);
        let (answer, started) = mpsc::channel();
        let gone = |_| Fault::new("the thread that starts processes has ended");
        self.requests.send((wrapped, answer)).map_err(|_| gone(()))?;
        let child = started.recv().map_err(|_| gone(()))?.doing(|| format!("start {name}"))?;
        Ok(Process { name, child, log: log.to_path_buf(), left: false })
    }

    /// `setpriv` and `setsid` (util-linux, on every Debian) ask the kernel and then become the program,
    /// so the process id is the program's own, and no unsafe code of ours runs between fork and exec.
    fn wrap(&self, command: &Command) -> Outcome<Command> {
        let wrapper = match self.life {
            Life::WithParent => "setpriv",
            Life::Detached => "setsid",
        };
        let Some(path) = shell::find(wrapper) else {
            return Err(Fault::new(format!("{wrapper} is missing; type: sudo apt-get install util-linux")));
        };
        let mut wrapped = Command::new(path);
        if self.life == Life::WithParent {
            // A group of its own: Ctrl-C reaches us alone, and we stop the stack in order.
            wrapped.args(["--pdeathsig", "TERM", "--"]).process_group(0);
        }
        wrapped.arg(command.get_program()).args(command.get_args());
        // The doors' own variables are not configuration of the servers.
        for ours in [
            "DATA",
            "PORT",
            "LISTEN",
            "SERVER_NAME",
            "PUBLIC_URL",
            "X_AUTHORIZATION",
            "POLICY",
            "MODEL",
            "ISSUER",
            "ISSUERS",
            "KEYCLOAK_PORT",
            "STORE",
            "REGISTRIES",
        ] {
            wrapped.env_remove(ours);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        Ok(wrapped)
    }
}

/// One running program; it is stopped when dropped, unless it is left alone.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    left: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.left {
            self.stop();
        }
    }
}

impl Process {
    /// Its process id.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A fault with the last lines of its log, when it has ended.
    pub(crate) fn still_runs(&mut self) -> Outcome<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.obituary(status)),
            Err(cause) => Err(Fault::new(format!("cannot watch {}: {cause}", self.name))),
        }
    }

    /// Asks it to end, and after a while makes it.
    pub(crate) fn stop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // Asked first: the id of a process that was collected may already be another's.
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.pid(), Signal::TERM);
        }
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// Leaves it running when this handle is dropped.
    pub(crate) fn leave(&mut self) {
        self.left = true;
    }

    /// Whether it was left running.
    #[must_use]
    pub(crate) fn is_left(&self) -> bool {
        self.left
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        // Each leads a group of its own: nginx's workers and Keycloak's Java end with their parent.
        if matches!(self.child.try_wait(), Ok(None)) {
            signal_group(self.pid(), Signal::KILL);
        }
        let _ = self.child.wait();
    }

    fn obituary(&self, status: ExitStatus) -> Fault {
        let said = std::fs::read(&self.log).unwrap_or_default();
        let said = shell::last_lines(&said);
        Fault::new(format!("{} ended ({status}): {said} (all of it: {})", self.name, self.log.display()))
    }
}

/// Whether this process id belongs to a process of the stack in this data folder. Ids are used again
/// by the kernel; the data folder in its command line is what makes a process ours.
#[must_use]
pub(crate) fn is_ours(pid: u32, data: &Path) -> bool {
    let line = command_line(pid);
    // Whole: the stack in /srv/data is not that in /srv/data2, nor that in /mnt/srv/data.
    let data = [data.as_os_str().as_encoded_bytes(), b"/"].concat();
    let starts_a_word = |at: usize| at == 0 || matches!(line[at - 1], 0 | b' ');
    line.windows(data.len()).enumerate().any(|(at, part)| part == data && starts_a_word(at))
}

/// Whether this process id belongs to such a program at all, of whatever folder.
#[must_use]
pub(crate) fn is_program(pid: u32, program: &str) -> bool {
    let line = command_line(pid);
    // nginx writes a title over its arguments.
    let mut words = line.split(|byte| matches!(byte, 0 | b' ' | b':'));
    let named = |word: &[u8]| word.rsplit(|byte| *byte == b'/').next() == Some(program.as_bytes());
    // Keycloak is a script: the first word is the shell's.
    words.next().is_some_and(named) || (program.ends_with(".sh") && words.next().is_some_and(named))
}

/// Empty for a process that is not there, or that has ended and waits to be collected.
fn command_line(pid: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Stops a process of which only the id is known.
pub(crate) fn stop_by_id(pid: u32, data: &Path) {
    let deadline = Instant::now() + PATIENCE;
    if is_ours(pid, data) {
        signal(pid, Signal::TERM);
    }
    while is_ours(pid, data) {
        if Instant::now() > deadline + Duration::from_secs(2) {
            return;
        }
        if Instant::now() > deadline {
            signal_group(pid, Signal::KILL);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself: that is what was asked for.
        let _ = kill_process(pid, signal);
    }
}

fn signal_group(leader: u32, signal: Signal) {
    if let Some(leader) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(leader, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_process_that_ends_leaves_its_last_words() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let starter = Starter::new(Life::WithParent);
        let mut process = starter
            .start("sh", &shell("echo no such policy >&2; exit 2"), &folder.path().join("log"))
            .expect("sh starts");
        let _ = process.child.wait();
        let line = process.still_runs().expect_err("it has ended").to_string();
        assert!(line.starts_with("sh ended (exit status: 2): no such policy"), "{line}");
    }

    #[test]
    fn it_outlives_the_thread_that_asked_for_it_and_ends_when_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let starter = Starter::new(Life::WithParent);
        let log = folder.path().join("log");
        let mut process = thread::scope(|scope| {
            scope
                .spawn(|| starter.start("sleep", &shell("exec sleep 60"), &log).expect("sleep starts"))
                .join()
        })
        .expect("the thread ended well");
        process.still_runs().expect("its starter's thread is alive");
        let started = Instant::now();
        process.stop();
        assert!(started.elapsed() < PATIENCE && process.still_runs().is_err());
    }

    #[test]
    fn a_process_is_ours_by_its_data_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut script = shell("while :; do sleep 0.05; done");
        script.arg(folder.path().join("state"));
        let mut process =
            Starter::new(Life::Detached).start("sh", &script, &folder.path().join("log")).expect("sh starts");
        let deadline = Instant::now() + PATIENCE;
        while !(is_ours(process.pid(), folder.path()) && is_program(process.pid(), "sh")) {
            assert!(Instant::now() < deadline, "it never became ours");
        }
        assert!(!is_ours(process.pid(), Path::new("/no/such/folder")));
        let shorter = folder.path().to_str().map(|path| &path[..path.len() - 1]).unwrap_or_default();
        assert!(!is_ours(process.pid(), Path::new(shorter)), "another folder, whose name is a part of ours");
        assert!(!is_ours(process.pid(), folder.path().strip_prefix("/").unwrap_or(folder.path())));
        assert!(!is_program(process.pid(), "registry"));
        // Collected elsewhere, as init does with a detached process.
        let pid = process.pid();
        let collector = thread::spawn(move || process.child.wait().map(drop));
        stop_by_id(pid, folder.path());
        collector.join().expect("it was collected").expect("it ended");
        assert!(!is_ours(pid, folder.path()));
    }
}
