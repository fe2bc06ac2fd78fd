//! Ports and sockets, bound first, so that a taken one is told before anything starts; and serving on them.

use std::convert::Infallible;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use poem::endpoint::BoxEndpoint;
use poem::listener::{Acceptor, AcceptorExt, BoxAcceptor, Listener, TcpListener, UnixListener};
use poem::{Endpoint as _, Request, Response};

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

/// How long the next connection waits after one could not be taken: most often there are too many open files.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `stopped`, then lets what is under way end within `grace`.
///
/// The framework's own server goes on with a connection whose other side has gone, so that nobody notices a
/// caller who leaves before he is answered, and ends a body that broke off as if it were whole. Here such a
/// connection is dropped, and what works for it with it.
pub async fn serve_until(
    mut acceptor: BoxAcceptor,
    endpoint: BoxEndpoint<'static, Response>,
    stopped: impl Future<Output = ()>,
    grace: Duration,
) {
    let endpoint = Arc::new(endpoint);
    let graceful = GracefulShutdown::new();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = &mut stopped => break,
        };
        let (stream, local, remote, scheme) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                tracing::warn!(%fault, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let endpoint = endpoint.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (endpoint, from) = (endpoint.clone(), (local.clone(), remote.clone(), scheme.clone()));
            async move {
                let request = Request::from((request, from.0, from.1, from.2));
                let answer: http::Response<_> = endpoint.get_response(request).await.into();
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(fault) = connection.await {
                tracing::debug!(%fault, "a connection broke off");
            }
        });
    }
    drop(acceptor);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::info!("what is still under way is broken off");
    }
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
