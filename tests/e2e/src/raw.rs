//! Bytes on a socket, exactly as written: what no HTTP client would ever send.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back before the connection closed or fell silent.
#[derive(Debug)]
pub struct Reply {
    /// Everything, as text.
    pub text: String,
}

/// Sends bytes and then one more request after which the other side closes, and reads until it has:
/// everything that was taken for a request has then been answered. Whether the last one is answered too
/// says whether the connection outlived the bytes before it.
///
/// # Panics
/// When nobody listens there, or the other side does not close.
pub async fn send_to_the_end(address: SocketAddr, bytes: &[u8]) -> Reply {
    const LAST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.unwrap_or_else(|cause| panic!("{address}: {cause}"));
    // The other side may refuse, and close, before it has read everything.
    let _ = stream.write_all(&[bytes, LAST].concat()).await;
    let mut received = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut received)).await;
    let text = String::from_utf8_lossy(&received).into_owned();
    assert!(end.is_ok(), "the connection is still open after {text:?}");
    Reply { text }
}

/// Sends bytes, and reads until the other side closes or an answer is whole.
///
/// # Panics
/// When nobody listens there.
pub async fn send(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap_or_else(|cause| panic!("{address}: {cause}"));
    // The other side may refuse, and close, before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut received = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while !is_whole(&received) {
        match tokio::time::timeout(Duration::from_secs(15), stream.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => received.extend_from_slice(&buffer[..count]),
            Ok(Ok(_) | Err(_)) | Err(_) => break,
        }
    }
    Reply { text: String::from_utf8_lossy(&received).into_owned() }
}

/// The address in a URL of the stack.
///
/// # Panics
/// When the URL has another form.
#[must_use]
pub fn address(url: &str) -> SocketAddr {
    let address = url.strip_prefix("http://").and_then(|rest| rest.parse().ok());
    address.unwrap_or_else(|| panic!("{url} is no http://ADDRESS:PORT"))
}

impl Reply {
    /// The status; 0 when the connection was closed without a word.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// The statuses of all answers, in their order.
    #[must_use]
    pub fn statuses(&self) -> Vec<u16> {
        let answers = self.text.split("HTTP/1.1 ").skip(1);
        answers.filter_map(|answer| answer.split(' ').next()?.parse().ok()).collect()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let body = self.text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        serde_json::from_str(body).unwrap_or_default()
    }
}

fn is_whole(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}
