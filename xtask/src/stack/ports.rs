//! Ports on loopback: a free one, or a clear word when the wanted one is taken.

use std::hash::BuildHasher as _;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use crate::fault::{Fault, Outcome};

/// A port held for a server that is started a moment later; dropping it lets the server take it.
#[derive(Debug)]
pub(crate) struct Held {
    listener: TcpListener,
    /// The address, with the real port where 0 was asked for.
    pub(crate) address: SocketAddr,
}

/// Takes the address, so that nobody else does while the other servers start.
pub(crate) fn hold(wanted: SocketAddr) -> Outcome<Held> {
    let listener = TcpListener::bind(wanted).map_err(|cause| Fault::new(refusal(wanted, cause.kind())))?;
    let address = listener.local_addr().map_err(|cause| Fault::new(format!("no free port: {cause}")))?;
    Ok(Held { listener, address })
}

/// A free port on loopback below those that the kernel gives to outgoing connections (32768 and up), for a
/// server that takes its port long after it was chosen, or takes the same one again.
pub(crate) fn quiet() -> Outcome<SocketAddr> {
    let attempt = || {
        let random = std::collections::hash_map::RandomState::new().hash_one(0);
        let port = 20_000 + u16::try_from(random % 12_000).unwrap_or_default();
        hold(SocketAddr::from(([127, 0, 0, 1], port))).map(Held::release)
    };
    std::iter::repeat_with(attempt)
        .take(100)
        .find_map(Result::ok)
        .ok_or_else(|| Fault::new("no port is free"))
}

impl Held {
    /// Lets go; the caller starts its server now.
    pub(crate) fn release(self) -> SocketAddr {
        drop(self.listener);
        self.address
    }
}

fn refusal(wanted: SocketAddr, kind: ErrorKind) -> String {
    match kind {
        ErrorKind::AddrInUse => {
            format!("{wanted} is taken: stop what listens there, or choose another port with PORT=…")
        }
        ErrorKind::PermissionDenied => {
            format!("only root may listen on {wanted}: choose a port from 1024 on with PORT=…")
        }
        ErrorKind::AddrNotAvailable => format!("{wanted} is no address of this machine"),
        other => format!("cannot listen on {wanted}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let first = hold(SocketAddr::from(([127, 0, 0, 1], 0))).expect("some port is free");
        assert_ne!(first.address.port(), 0);
        let refusal = hold(first.address).expect_err("it is held").to_string();
        assert!(refusal.starts_with(&format!("{} is taken", first.address)), "{refusal}");
        let address = first.release();
        hold(address).expect("it is free again");
    }
}
