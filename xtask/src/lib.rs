//! Everything that would be more than five lines of shell: set-up, the model, nginx, the stack, tidy.
//!
//! A library as well as a binary, so that the whole-stack tests start exactly what `make up` starts.

pub mod demo;
pub mod fault;
pub mod files;
pub mod fuzz;
pub mod keycloak;
pub mod model;
pub mod nginx;
pub mod postgres;
pub mod setup;
pub mod shell;
pub mod stack;
pub mod tidy;

use std::path::{Path, PathBuf};

/// The workspace's root, known since this crate was compiled in it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Says in one line what begins now: every step that may take over a second does.
pub fn say(text: &str) {
    eprintln!("==> {text}");
}
