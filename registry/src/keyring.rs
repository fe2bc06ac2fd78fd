//! The registry's own key: it seals what servers must be called with, and marks what only this registry made.
//!
//! From the one key of the file two are derived, so that a mark says nothing about a seal. A sealed value is
//! bound to its server and its header: moved to another place in the state, it does not open.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boot::files::{FileFault, private_folder, read_private, write_new};
use catalog::ServerEntry;
use http::{HeaderName, HeaderValue};

/// How a sealed value begins in the store.
const SEALED: &str = "sealed:v1:";
/// The file's name beside the state.
const FILE: &str = "registry.key";
/// How a key is made by hand.
const HOW: &str = "make one with: (umask 077; openssl rand -base64 32 > FILE)";

/// Why a secret is not kept, or not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Without a file the key ends with the process, and secrets with it.
    #[error("this registry can keep no secrets: its operator has to start it with --key-file")]
    NoKeyFile,
    /// Sealed with another key, or moved here from another place.
    #[error("the value of the header '{0}' does not open with this registry's key")]
    OtherKey(String),
    /// What was written into the state by hand.
    #[error("the header '{0}' has a name or a value that cannot be sent")]
    Unsendable(String),
}

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// In a file that somebody has made: several registries have the same.
    At(PathBuf),
    /// In the folder of the state, made at the first start.
    Beside(PathBuf),
    /// Nowhere: a key for the life of the process, and no secrets.
    None,
}

/// The key, ready to be used. Printed, it says nothing.
pub struct Keyring {
    seals: RandomizedNonceKey,
    marks: hmac::Key,
    /// Whether a later process has the same key.
    lasting: bool,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keyring(***)")
    }
}

impl KeyFile {
    /// Opens it for a registry that has these servers: a key that opens nothing of theirs is the wrong one,
    /// and a new one in its place would hide that.
    ///
    /// # Errors
    /// What to do, as a sentence.
    pub fn open<'s>(&self, servers: impl Iterator<Item = &'s ServerEntry>) -> Result<Keyring, String> {
        let secret: Vec<&ServerEntry> = servers.filter(|server| !server.headers.is_empty()).collect();
        let keyring = match self {
            KeyFile::At(file) => read(file)?.ok_or_else(|| {
                let file = file.display();
                format!(
                    "--key-file {file}: there is no such file; {HOW}; registries on one database share it"
                )
            })?,
            KeyFile::Beside(folder) => beside(folder, secret.iter().any(|server| is_sealed(server)))?,
            KeyFile::None if secret.is_empty() => Keyring::passing(),
            KeyFile::None => {
                return Err(format!(
                    "{} of the servers have headers, which are sealed with a key: give --key-file FILE, the same \
                     for every registry on this database (the first time, {HOW})",
                    secret.len()
                ));
            }
        };
        let sealed: Vec<&ServerEntry> = secret.into_iter().filter(|server| is_sealed(server)).collect();
        let wrong: Vec<&str> = sealed
            .iter()
            .filter(|server| keyring.headers(server).is_err())
            .map(|server| server.path.as_str())
            .collect();
        if !wrong.is_empty() && wrong.len() == sealed.len() {
            return Err(format!(
                "the headers of {} were sealed with another key than {self}: put that one back, or remove these \
                 headers from the state",
                wrong.join(", ")
            ));
        }
        for path in wrong {
            tracing::error!(path, "its headers were sealed with another key: set them again");
        }
        Ok(keyring)
    }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFile::At(file) => write!(out, "that of {}", file.display()),
            KeyFile::Beside(folder) => write!(out, "that of {}", folder.join(FILE).display()),
            KeyFile::None => out.write_str("this one"),
        }
    }
}

/// Whether a value of the store is sealed, and not in clear.
pub(crate) fn is_seal(value: &str) -> bool {
    value.starts_with(SEALED)
}

fn is_sealed(server: &ServerEntry) -> bool {
    server.headers.values().any(|value| is_seal(value))
}

fn read(file: &Path) -> Result<Option<Keyring>, String> {
    let Some(bytes) = read_private(file).map_err(|fault| fault.to_string())? else { return Ok(None) };
    let key = decoded(bytes.trim_ascii());
    let key = key.ok_or_else(|| format!("{}: holds no key of 32 bytes in base64; {HOW}", file.display()))?;
    Ok(Some(Keyring::of(&key, true)))
}

/// In base64, or in hexadecimal digits: the two forms that tools for keys write.
fn decoded(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    let key = match text.len() {
        64 => pairs.collect::<Option<Vec<u8>>>()?,
        _ => STANDARD.decode(text).ok()?,
    };
    key.try_into().ok()
}

fn beside(folder: &Path, needed: bool) -> Result<Keyring, String> {
    let file = folder.join(FILE);
    if let Some(keyring) = read(&file)? {
        return Ok(keyring);
    }
    if needed {
        return Err(format!(
            "{}: is missing, and the headers of servers are sealed with it: put it back, or remove these headers \
             from server_state.json",
            file.display()
        ));
    }
    let mut text = STANDARD.encode(chance());
    text.push('\n');
    private_folder(folder).map_err(|fault| fault.to_string())?;
    match write_new(&file, text.as_bytes()) {
        // Of two processes at their first start the other one was quicker.
        Ok(()) | Err(FileFault::Exists(_)) => {}
        Err(fault) => return Err(fault.to_string()),
    }
    read(&file)?.ok_or_else(|| format!("{}: vanished as it was made", file.display()))
}

fn chance() -> [u8; 32] {
    let mut key = [0; 32];
    rand::fill(&mut key).expect("the operating system's randomness never fails once it has begun");
    key
}

impl Keyring {
    /// A key that ends with the process: it marks, and seals nothing.
    pub fn passing() -> Keyring {
        Keyring::of(&chance(), false)
    }

    /// The keyring of a key; `lasting` when a later process will have it too.
    pub fn of(key: &[u8; 32], lasting: bool) -> Keyring {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let derived = |purpose: &str| hmac::sign(&key, purpose.as_bytes());
        let seals = RandomizedNonceKey::new(&AES_256_GCM, derived("registry: headers of servers").as_ref())
            .expect("HMAC-SHA256 gives the 32 bytes that AES-256 takes");
        let marks = hmac::Key::new(hmac::HMAC_SHA256, derived("registry: marks").as_ref());
        Keyring { seals, marks, lasting }
    }

    /// A mark that only holders of the key can make. `label` says what for, and no two lists of parts give the
    /// same bytes.
    pub fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mark = hmac::Context::with_key(&self.marks);
        for part in [label.as_bytes()].iter().chain(parts) {
            mark.update(&(part.len() as u64).to_be_bytes());
            mark.update(part);
        }
        mark.sign().as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
    }

    /// The value of a server's header as it may be kept.
    ///
    /// # Errors
    /// [`KeyringError::NoKeyFile`].
    pub fn seal(&self, server: &str, header: &str, value: &str) -> Result<String, KeyringError> {
        if !self.lasting {
            return Err(KeyringError::NoKeyFile);
        }
        let mut sealed = value.as_bytes().to_vec();
        let nonce = self
            .seals
            .seal_in_place_append_tag(Aad::from(place(server, header)), &mut sealed)
            .expect("AES-GCM seals up to 64 GiB, a header is a few kilobytes");
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut sealed);
        Ok(format!("{SEALED}{}", STANDARD.encode(bytes)))
    }

    /// What a server wants to see, in clear, to be sent and not to be shown.
    ///
    /// # Errors
    /// A [`KeyringError`]; it names a header and never a value.
    pub fn headers(&self, server: &ServerEntry) -> Result<Vec<(HeaderName, HeaderValue)>, KeyringError> {
        let clear = |(name, kept): (&String, &String)| {
            let value = self.open(server.policy_name(), name, kept)?;
            let unsendable = || KeyringError::Unsendable(name.clone());
            let mut value = HeaderValue::from_bytes(&value).map_err(|_| unsendable())?;
            // Nothing that prints headers prints it.
            value.set_sensitive(true);
            Ok((HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?, value))
        };
        server.headers.iter().map(clear).collect()
    }

    fn open(&self, server: &str, header: &str, kept: &str) -> Result<Vec<u8>, KeyringError> {
        // Written by hand since the start: sealing it would change nothing about who has read it.
        let Some(sealed) = kept.strip_prefix(SEALED) else { return Ok(kept.as_bytes().to_vec()) };
        let other = || KeyringError::OtherKey(header.to_owned());
        let bytes = STANDARD.decode(sealed).map_err(|_| other())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(other)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| other())?;
        let mut sealed = sealed.to_vec();
        let clear = self.seals.open_in_place(nonce, Aad::from(place(server, header)), &mut sealed);
        clear.map(|clear| clear.to_vec()).map_err(|_| other())
    }
}

/// Where a sealed value belongs; neither name can hold the separator.
fn place(server: &str, header: &str) -> Vec<u8> {
    format!("{server}\0{header}").into_bytes()
}

#[cfg(test)]
mod tests {
    use catalog::{CardRules, ServerDraft};

    use super::*;

    fn server(keyring: &Keyring, path: &str) -> ServerEntry {
        let card = serde_json::json!({"server_name": "Clock", "description": "d", "path": path,
            "proxy_pass_url": "http://localhost/", "headers": {"X-Key": "hunter2"}});
        let card = card.as_object().expect("an object").clone();
        let draft = ServerDraft::read(card, CardRules::default()).expect("no fault");
        let draft = draft.seal(|name, value| keyring.seal(path, name, value)).expect("sealed");
        draft.into_new_entry("me", "now").expect("an entry")
    }

    #[test]
    fn a_sealed_value_opens_in_its_place_alone() {
        let keyring = Keyring::of(&[7; 32], true);
        let clock = server(&keyring, "clock");
        let kept = &clock.headers["x-key"];
        assert!(!kept.contains("hunter2") && is_seal(kept));
        let opened = keyring.headers(&clock).expect("opened");
        assert_eq!((opened[0].0.as_str(), opened[0].1.as_bytes()), ("x-key", &b"hunter2"[..]));
        assert!(!format!("{opened:?} {keyring:?}").contains("hunter2"));
        assert_eq!(keyring.open("clock", "x-key", "by hand"), Ok(b"by hand".to_vec()));
        for (name, header) in [("watch", "x-key"), ("clock", "y-key")] {
            assert_eq!(keyring.open(name, header, kept), Err(KeyringError::OtherKey(header.into())));
        }
        assert!(Keyring::of(&[8; 32], true).headers(&clock).is_err());
        for spoiled in ["sealed:v1:", "sealed:v1:AAAA", "sealed:v1:?", &kept[..kept.len() - 4]] {
            assert!(keyring.open("clock", "x-key", spoiled).is_err(), "{spoiled}");
        }
        assert_ne!(
            keyring.seal("clock", "x-key", "hunter2").expect("sealed"),
            *kept,
            "each time another one"
        );
    }

    #[test]
    fn marks_differ_by_label_and_by_every_part() {
        let keyring = Keyring::of(&[7; 32], true);
        let mark = keyring.mac("session", &[b"ab", b"c"]);
        assert_eq!(mark, Keyring::of(&[7; 32], false).mac("session", &[b"ab", b"c"]));
        for other in [
            keyring.mac("session", &[b"a", b"bc"]),
            keyring.mac("session", &[b"abc"]),
            keyring.mac("other", &[b"ab", b"c"]),
            Keyring::passing().mac("session", &[b"ab", b"c"]),
        ] {
            assert_ne!(mark, other);
        }
    }

    #[test]
    fn a_key_is_made_once_and_never_silently_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let beside = KeyFile::Beside(folder.path().join("state"));
        let first = beside.open([].into_iter()).expect("made");
        let clock = server(&first, "clock");
        let again = beside.open([&clock].into_iter()).expect("read");
        assert!(again.headers(&clock).is_ok());

        let file = folder.path().join("state").join(FILE);
        let text = std::fs::read_to_string(&file).expect("the key");
        assert!(KeyFile::At(file.clone()).open([&clock].into_iter()).is_ok());
        let lost = server(&Keyring::of(&[9; 32], true), "lost");
        assert!(beside.open([&clock, &lost].into_iter()).is_ok(), "one is lost, the key is the right one");
        let told = beside.open([&lost].into_iter()).expect_err("the wrong key");
        assert!(told.contains("/lost") && told.contains(FILE), "{told}");

        std::fs::remove_file(&file).expect("removed");
        let told = beside.open([&clock].into_iter()).expect_err("no silent new key");
        assert!(told.contains("put it back"), "{told}");
        assert!(!file.exists());
        for spoiled in ["", "c2hvcnQ=", "no base64"] {
            boot::files::replace(&file, spoiled.as_bytes()).expect("written");
            assert!(beside.open([].into_iter()).is_err(), "{spoiled}");
        }
        let hex: String =
            STANDARD.decode(text.trim()).expect("base64").iter().map(|byte| format!("{byte:02X}")).collect();
        for same in [text.trim(), &hex] {
            boot::files::replace(&file, same.as_bytes()).expect("written");
            assert!(beside.open([&clock].into_iter()).is_ok(), "{same}");
        }
    }

    #[test]
    fn without_a_file_nothing_is_sealed() {
        let passing = KeyFile::None.open([].into_iter()).expect("no secrets yet");
        assert_eq!(passing.seal("a", "b", "c"), Err(KeyringError::NoKeyFile));
        let clock = server(&Keyring::of(&[7; 32], true), "clock");
        let told = KeyFile::None.open([&clock].into_iter()).expect_err("secrets without a key");
        assert!(told.contains("--key-file") && told.contains("openssl"), "{told}");
        let told = KeyFile::At("/nowhere/key".into()).open([].into_iter()).expect_err("no file");
        assert!(told.contains("/nowhere/key"), "{told}");
    }
}
