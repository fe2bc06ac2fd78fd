//! The user nginx's workers run as, and whether that user can reach a socket in the data folder.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::fault::{Fault, Outcome};
use crate::shell;

/// Longest path of a unix socket on Linux, with room for what a server adds while it binds.
const LONGEST_SOCKET_PATH: usize = 100;

/// Who the workers are.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// For nginx's `user`; none when nginx runs as we do.
    pub(super) user: Option<String>,
    /// The group that may use the registry's socket.
    pub(super) group: String,
    uid: u32,
    gid: u32,
}

/// The unprivileged user of Debian's nginx when we are root, else ourselves.
pub(super) fn worker() -> Outcome<Worker> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    if !shell::is_root() {
        let gid = rustix::process::getegid().as_raw();
        let group = group_name(&groups, gid).unwrap_or_else(|| gid.to_string());
        return Ok(Worker { user: None, group, uid: rustix::process::geteuid().as_raw(), gid });
    }
    for user in ["www-data", "nginx", "nobody"] {
        if let Some((uid, gid)) = ids(&passwd, user)
            && let Some(group) = group_name(&groups, gid)
        {
            return Ok(Worker { user: Some(user.into()), group, uid, gid });
        }
    }
    Err(Fault::new("nginx started by root needs a user for its workers: there is no www-data here"))
}

/// Why nginx cannot reach this socket, if it cannot: then it uses loopback TCP.
#[must_use]
pub(super) fn obstacle(socket: &Path, worker: &Worker) -> Option<String> {
    if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
        return Some("its path is too long for a unix socket".into());
    }
    // Without a user of its own, the worker is ourselves.
    worker.user.as_ref()?;
    let closed = socket.ancestors().skip(1).find(|folder| !may_enter(folder, worker))?;
    Some(format!("nginx's workers may not enter {}", closed.display()))
}

fn may_enter(folder: &Path, worker: &Worker) -> bool {
    let Ok(facts) = fs::metadata(folder) else { return false };
    let bit = if facts.uid() == worker.uid {
        0o100
    } else if facts.gid() == worker.gid {
        0o010
    } else {
        0o001
    };
    facts.mode() & bit != 0
}

fn ids(passwd: &str, user: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == user)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

fn group_name(groups: &str, gid: u32) -> Option<String> {
    let wanted = gid.to_string();
    groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|f| f.get(2) == Some(&&*wanted))
        .map(|f| f[0].into())
}

/// Where the registry's socket lies in a data folder.
#[must_use]
pub(super) fn socket(data: &Path) -> PathBuf {
    data.join("run").join("registry.sock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn users_and_groups_are_read() {
        let passwd = "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n";
        assert_eq!(ids(passwd, "www-data"), Some((33, 33)));
        assert_eq!(ids(passwd, "nginx"), None);
        assert_eq!(group_name("root:x:0:\nwww-data:x:33:\n", 33), Some("www-data".into()));
    }

    #[test]
    fn a_closed_folder_above_the_socket_is_an_obstacle() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("data");
        fs::create_dir_all(inner.join("run")).expect("it is ours");
        let set =
            |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("it is ours");
        let other =
            Worker { user: Some("other".into()), group: "other".into(), uid: 4_000_001, gid: 4_000_001 };
        set(0o755);
        assert_eq!(obstacle(&socket(&inner), &other), None);
        set(0o700);
        let why = obstacle(&socket(&inner), &other).expect("it is closed");
        assert!(why.ends_with(&folder.path().display().to_string()), "{why}");
        let ourselves = Worker { user: None, ..other };
        assert_eq!(obstacle(&socket(&inner), &ourselves), None);
        assert!(obstacle(&socket(&inner.join("x".repeat(100))), &ourselves).is_some());
    }
}
