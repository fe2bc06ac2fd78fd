//! `registry store export` and `import`, as an operator runs them.

mod common;
mod export;
mod guide;
mod interrupted;
mod postgres;
mod python;
mod servers;
mod speed;
mod stdin;
