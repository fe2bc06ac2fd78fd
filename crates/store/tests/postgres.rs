//! The Postgres store on a real Postgres: the conformance suite, several stores on one database, and outages.

#[path = "postgres/common.rs"]
mod common;
mod crash;
#[path = "postgres/directory.rs"]
mod directory;
#[path = "postgres/losses.rs"]
mod losses;
#[path = "postgres/outage.rs"]
mod outage;
#[path = "postgres/replicas.rs"]
mod replicas;
#[path = "postgres/slow.rs"]
mod slow;
#[path = "postgres/tables.rs"]
mod tables;

use catalog::{AgentEntry, ServerEntry};
use store::conformance;
use store::postgres::{Follow, PostgresOptions};

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_promise() {
    let Some(cluster) = common::cluster().await else { return };
    let url = common::database(&cluster, "promises").await;
    conformance::all(|| common::open_kind::<AgentEntry>(&url, |_| {})).await;
    conformance::all(|| common::open_kind::<ServerEntry>(&url, |_| {})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_promise_without_notifications() {
    let Some(cluster) = common::cluster().await else { return };
    let url = common::database(&cluster, "polling").await;
    let poll = |options: &mut PostgresOptions| options.follow = Follow::Poll;
    conformance::all(|| common::open_kind::<AgentEntry>(&url, poll)).await;
    conformance::all(|| common::open_kind::<ServerEntry>(&url, poll)).await;
}
