//! Ports and sockets: bound first, so that a taken one is told before anything starts.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use poem::listener::{Acceptor, AcceptorExt, BoxAcceptor, Listener, TcpListener, UnixListener};

/// Where requests are accepted.
pub struct Bound {
    /// The accepting end.
    pub acceptor: BoxAcceptor,
    /// The TCP address, with its real port.
    pub address: SocketAddr,
    /// The Unix socket, if there is one.
    pub socket: Option<PathBuf>,
}

/// Binds the address and, if wanted, the socket for the members of a group.
///
/// # Errors
/// A sentence that names what could not be bound, and why.
pub async fn bind(listen: SocketAddr, socket: Option<(PathBuf, Option<String>)>) -> Result<Bound, String> {
    let said = |what: String| move |fault: std::io::Error| format!("cannot listen on {what}: {fault}");
    let tcp = TcpListener::bind(listen).into_acceptor().await.map_err(said(listen.to_string()))?;
    let address =
        tcp.local_addr().first().and_then(|local| local.as_socket_addr().copied()).unwrap_or(listen);
    let Some((path, group)) = socket else {
        return Ok(Bound { acceptor: tcp.boxed(), address, socket: None });
    };
    let gid = group.map(|name| group_id(&name)).transpose()?;
    remove_stale(&path)?;
    let unix = UnixListener::bind(path.clone())
        .with_permissions(Permissions::from_mode(0o660))
        .with_owner(None, gid)
        .into_acceptor()
        .await
        .map_err(said(path.display().to_string()))?;
    Ok(Bound { acceptor: tcp.combine(unix).boxed(), address, socket: Some(path) })
}

/// Removes the socket of a registry that was killed. One that somebody answers at, and
/// anything that is no socket, is left alone.
fn remove_stale(path: &Path) -> Result<(), String> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(format!("{}: somebody listens there already", path.display()));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            std::fs::remove_file(path).map_err(|fault| format!("{}: {fault}", path.display()))
        }
        Ok(_) => Err(format!("{}: is there already and is no socket", path.display())),
        Err(_) => Ok(()),
    }
}

/// The number of a group, from the system's own list.
fn group_id(name: &str) -> Result<u32, String> {
    let groups = std::fs::read_to_string("/etc/group").map_err(|fault| format!("/etc/group: {fault}"))?;
    let numbered = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)).flatten()?.parse().ok()
    });
    numbered.ok_or_else(|| format!("--socket-group: there is no group '{name}'"))
}
