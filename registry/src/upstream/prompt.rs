//! A connection on which what comes is acknowledged at once.
//!
//! Many servers send the head of an answer and its first event in two pieces, and hold the second back until the first
//! is acknowledged (Nagle's algorithm, which asyncio leaves on for sockets that uvicorn has bound). Linux acknowledges
//! late on a connection that has been used before, so that each stream would begin 40 ms late.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub(super) struct Prompt(pub(super) TcpStream);

impl Prompt {
    /// The system forgets it again and again.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Err(cause) = self.0.set_quickack(true) {
            tracing::trace!(%cause, "answers may begin late");
        }
    }
}

impl Connection for Prompt {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, into);
        if matches!(read, Poll::Ready(Ok(()))) {
            self.acknowledge_at_once();
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(_))) {
            self.acknowledge_at_once();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write_vectored(context, bytes);
        if matches!(written, Poll::Ready(Ok(_))) {
            self.acknowledge_at_once();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
