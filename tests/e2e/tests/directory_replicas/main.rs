//! Two auth-servers with one directory of agents on one Postgres, the second behind a cable that can be cut: what
//! is done at one holds at the other, and who cannot know what was done says so.

mod counted;
mod cut_off;
mod followed;
mod pair;
mod server;
