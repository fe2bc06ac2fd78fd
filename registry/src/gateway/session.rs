//! Sessions belong to the caller who opened them.
//!
//! What a client is given is the server's own id and a mark over it, the server and the caller: nothing is kept
//! here, so a session outlives a restart and is known to every registry with the same key; and an id that was
//! made up, or overheard from somebody else, is no id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Keyring;

/// The longest id that is given out or taken back, in bytes.
const LONGEST: usize = 4096;

/// What is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An `Mcp-Session-Id`.
    Session,
    /// Where messages of the older transport go.
    Messages,
    /// An event of a stream, which it can be gone on from.
    Event,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Kind::Session => "mcp: session",
            Kind::Messages => "mcp: messages",
            Kind::Event => "mcp: event",
        }
    }
}

/// Whose sessions with which server.
pub(super) struct Owner<'a> {
    pub(super) server: &'a str,
    pub(super) username: &'a str,
    pub(super) client_id: Option<&'a str>,
}

impl Owner<'_> {
    /// The caller, as one text.
    pub(super) fn key(&self) -> String {
        format!("{}\n{}", self.username, self.client_id.unwrap_or_default())
    }

    /// What the client is given for the server's own text.
    pub(super) fn give(&self, keyring: &Keyring, kind: Kind, own: &str) -> Option<String> {
        let mark = URL_SAFE_NO_PAD.encode(self.mark(keyring, kind, own));
        (own.len() <= LONGEST).then(|| format!("{}.{mark}", URL_SAFE_NO_PAD.encode(own)))
    }

    /// The server's own text, if this caller was given it for this server.
    pub(super) fn take(&self, keyring: &Keyring, kind: Kind, given: &str) -> Option<String> {
        let (own, mark) = given.split_once('.').filter(|_| given.len() <= 2 * LONGEST)?;
        let own = String::from_utf8(URL_SAFE_NO_PAD.decode(own).ok()?).ok()?;
        let mark = URL_SAFE_NO_PAD.decode(mark).ok()?;
        // In constant time: a mark cannot be found byte by byte.
        aws_lc_rs::constant_time::verify_slices_are_equal(&mark, &self.mark(keyring, kind, &own)).ok()?;
        Some(own)
    }

    fn mark(&self, keyring: &Keyring, kind: Kind, own: &str) -> [u8; 32] {
        let client: &[&[u8]] = match self.client_id {
            Some(client) => &[b"client", client.as_bytes()],
            None => &[b"", b""],
        };
        let parts = [self.server.as_bytes(), self.username.as_bytes(), client[0], client[1], own.as_bytes()];
        keyring.mac(kind.label(), &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Owner<'_> = Owner { server: "clock", username: "ada", client_id: Some("c") };

    #[test]
    fn a_session_is_its_callers_and_its_servers() {
        let keyring = Keyring::of(&[7; 32], true);
        let given = MINE.give(&keyring, Kind::Session, "s-1").expect("short");
        let take = |owner: Owner<'_>| owner.take(&Keyring::of(&[7; 32], true), Kind::Session, &given);
        assert_eq!(take(MINE).as_deref(), Some("s-1"), "after a restart too");
        assert_eq!(take(Owner { server: "other", ..MINE }), None);
        assert_eq!(take(Owner { username: "bob", ..MINE }), None);
        assert_eq!(take(Owner { client_id: None, ..MINE }), None);
        assert_eq!(take(Owner { client_id: Some("d"), ..MINE }), None);
        assert_eq!(MINE.take(&keyring, Kind::Messages, &given), None, "one kind is not the other");
        assert_eq!(MINE.take(&Keyring::of(&[8; 32], true), Kind::Session, &given), None);
    }

    #[test]
    fn what_was_not_given_is_not_taken() {
        let keyring = Keyring::of(&[7; 32], true);
        let given = MINE.give(&keyring, Kind::Session, "s-1").expect("short");
        let (own, mark) = given.split_once('.').expect("two parts");
        let other = URL_SAFE_NO_PAD.encode("s-2");
        for forged in [
            "s-1",
            "",
            ".",
            own,
            &format!("{own}."),
            &format!("{other}.{mark}"),
            &format!("{own}.{}", &mark[1..]),
            &format!("{own}.{mark}x"),
            &format!("{own}.{mark}.{mark}"),
            &format!("{}.{mark}", "x".repeat(10_000)),
        ] {
            assert_eq!(MINE.take(&keyring, Kind::Session, forged), None, "{forged}");
        }
        assert_eq!(MINE.give(&keyring, Kind::Session, &"x".repeat(5000)), None);
    }
}
