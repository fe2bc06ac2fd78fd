//! How does a process start, log, keep its files and stop?
//!
//! Both servers stand on this crate; nothing of ours stands below it.

pub mod audit;
pub mod files;
pub mod log;
pub mod secret;
pub mod stop;
pub mod watch;

pub use secret::Secret;
