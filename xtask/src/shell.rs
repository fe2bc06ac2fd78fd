//! Running other programs to their end: is it there, may we install it, what did it say when it failed.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::fault::{Doing as _, Fault, Outcome};

/// Where a program lies: on the PATH, or where Debian puts what only root needs.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Whether this process may install packages.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a program quietly; when it fails, the fault carries the last lines it said.
pub fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Outcome<String> {
    let mut command = Command::new(program);
    command.args(args);
    finish(program, &mut command)
}

/// As `run`, for a command that needs more than arguments.
pub fn finish(name: &str, command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output().doing(|| format!("run {name}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(Fault::new(format!("{name} failed ({}): {}", output.status, last_lines(&said))))
}

/// Runs a program that shows its own progress (cargo, apt-get), and fails when it fails.
pub fn show(name: &str, command: &mut Command) -> Outcome<()> {
    let status = command.stdin(Stdio::null()).status().doing(|| format!("run {name}"))?;
    if status.success() { Ok(()) } else { Err(Fault::new(format!("{name} failed ({status})"))) }
}

/// The end of what a program said, in one line.
#[must_use]
pub fn last_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_the_program_said() {
        let fault = run("sh", &["-c", "echo first; echo second >&2; exit 3"]).expect_err("it exits 3");
        assert!(fault.to_string().contains("first | second"), "{fault}");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }
}
