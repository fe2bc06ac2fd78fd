//! Any bytes as an Authorization header: read without a panic, and what is read is one clean token.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    let Ok(token) = token::bearer(header) else { return };
    assert!(!token.is_empty() && token.len() <= token::MAX_TOKEN_BYTES);
    assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "a token has no space and no control character");
    assert!(header.len() > token.len() && header.ends_with(token.as_bytes()) || header.trim_ascii_end().ends_with(token.as_bytes()));
});
