//! Is this token genuine? And: mint one.
//!
//! [`verify`] is the one place that believes a JWT. It is told the time, asks a
//! [`KeySource`] for the key, and knows nothing of HTTP: a server reads the token from its
//! header with [`bearer`], and picks the status of a [`TokenError`] itself.

mod bearer;
mod claims;
mod error;
mod jwks;
mod key_set;
mod keys;
mod sign;
mod strict;
mod verify;

pub use bearer::{MAX_TOKEN_BYTES, bearer};
pub use claims::{Claims, Subject};
pub use error::TokenError;
pub use jwks::{COOL_DOWN, Clock, Location, RemoteKeys};
pub use key_set::{Key, KeySet};
pub use keys::{KeySource, KeyState, LocalKeys};
pub use sign::{Signer, SigningAlgorithm, key_set};
pub use verify::{Audience, Issuer, LEEWAY, TokenType, Verified, expired, verify};
