//! A stream of texts as bytes that are read: the next text is made when the one before has been taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::stream::Following;

/// What a follower is sent, as bytes.
pub(super) struct Reader {
    /// The text being sent, and how much of it is.
    text: Vec<u8>,
    sent: usize,
    /// The next text in the making; none after the last.
    making: Option<Making>,
}

type Making = Pin<Box<dyn Future<Output = (Option<String>, Following)> + Send>>;

impl Reader {
    pub(super) fn new(following: Following) -> Reader {
        Reader { text: Vec::new(), sent: 0, making: Some(make(following)) }
    }
}

fn make(mut following: Following) -> Making {
    Box::pin(async move { (following.next().await, following) })
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent == self.text.len() {
            let Some(making) = &mut self.making else { return Poll::Ready(Ok(())) };
            let (text, following) = ready!(making.as_mut().poll(context));
            // The last one gives its place back at once.
            self.making = text.is_some().then(|| make(following));
            (self.text, self.sent) = (text.unwrap_or_default().into_bytes(), 0);
        }
        let part = &self.text[self.sent..];
        let part = &part[..part.len().min(buffer.remaining())];
        buffer.put_slice(part);
        let taken = part.len();
        self.sent += taken;
        Poll::Ready(Ok(()))
    }
}
