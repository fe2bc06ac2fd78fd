//! Whom the cluster belongs to: Postgres refuses to run as root.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Gid, Uid, chown};

use crate::fault::{Doing as _, Fault, Outcome};
use crate::shell;
use crate::stack::processes::Life;

/// The user of the cluster's processes and files, when that is not ourselves.
pub(super) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// Debian's user for Postgres when we are root, else ourselves.
    pub(super) fn choose(home: &Path) -> Outcome<Owner> {
        if !shell::is_root() {
            return Ok(Owner(None));
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = ["postgres", "nobody"].iter().find_map(|user| ids(&passwd, user));
        let Some((uid, gid)) = ids else {
            return Err(Fault::new(
                "postgres started by root needs a user: there is no postgres, no nobody here",
            ));
        };
        let test = shell::find("test").unwrap_or_else(|| "test".into());
        let mut enter = Owner(Some((uid, gid))).command(test.as_os_str(), None)?;
        if shell::finish("test", enter.arg("-x").arg(home)).is_err() {
            return Err(Fault::new(format!(
                "postgres' user may not enter {}: choose a folder outside of private ones with DATA=…",
                home.display()
            )));
        }
        Ok(Owner(Some((uid, gid))))
    }

    /// A command that becomes the program, as that user; `life` says whether it ends with its parent.
    pub(super) fn command(&self, program: &OsStr, life: Option<Life>) -> Outcome<Command> {
        // It could not return to a folder that it may not enter.
        let go = ["env", "--chdir=/"];
        let Some((uid, gid)) = self.0 else {
            let mut command = Command::new(go[0]);
            command.arg(go[1]).arg(program);
            return Ok(command);
        };
        let Some(setpriv) = shell::find("setpriv") else {
            return Err(Fault::new("setpriv is missing; type: sudo apt-get install util-linux"));
        };
        let mut command = Command::new(setpriv);
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
        // The kernel forgets it when the user changes, so it is said again.
        if life == Some(Life::WithParent) {
            command.args(["--pdeathsig", "TERM"]);
        }
        command.arg("--").args(go).arg(program);
        Ok(command)
    }

    /// Gives a file or folder to that user.
    pub(super) fn give(&self, path: &Path) -> Outcome<()> {
        let Some((uid, gid)) = self.0 else { return Ok(()) };
        chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .doing(|| format!("give {} to postgres", path.display()))
    }
}

fn ids(passwd: &str, user: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == user)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}
