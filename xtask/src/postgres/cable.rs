//! The network between a client and the database, in the hands of a test: whole, silent or cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fault::{Doing as _, Outcome};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    Silent,
    Cut,
}

/// Passes bytes on, from a port of its own. Gone, with all its connections, when dropped.
pub struct Cable {
    address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Cable {
    /// A whole one to this address.
    pub async fn to(target: SocketAddr) -> Outcome<Cable> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing(|| "find a port for a cable".into())?;
        let address = listener.local_addr().doing(|| "find a port for a cable".into())?;
        let state = watch::Sender::new(State::Whole);
        let seen = state.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, seen.clone()));
            }
        });
        Ok(Cable { address, state, task })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing arrives any more, in no direction, and nobody is told: a switch that lost its power. What is
    /// under way arrives when it is mended, as TCP would send it again.
    pub fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Every connection ends, and new ones end at once.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// As at first.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>) {
    if !is_whole(&mut state).await {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let there = tokio::spawn(pass(from_client, to_server, state.clone()));
    let back = pass(from_server, to_client, state);
    // When one side ends, the other has nobody to talk to.
    back.await;
    there.abort();
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = ended(&state) => return,
        };
        let Ok(count) = read else { return };
        if !is_whole(&mut state).await || count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Waits for the end of a silence; false when the cable was cut.
async fn is_whole(state: &mut watch::Receiver<State>) -> bool {
    let settled = state.wait_for(|state| *state != State::Silent).await;
    settled.is_ok_and(|state| *state == State::Whole)
}

async fn ended(state: &watch::Receiver<State>) {
    let _ = state.clone().wait_for(|state| *state == State::Cut).await;
}
