//! How many writes a second: `cargo test --release -p store --test postgres -- --ignored --nocapture speed`.

use std::sync::Arc;
use std::time::Instant;

use super::common::{cluster, database, insert, open};

const WRITES: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn speed() {
    let Some(server) = cluster().await else { return };
    for (replicas, clients) in [(1, 1), (1, 8), (1, 64), (3, 64)] {
        let url = database(&server, &format!("speed_{replicas}_{clients}")).await;
        let mut stores = Vec::new();
        for _ in 0..replicas {
            stores.push(Arc::new(open(&url, |_| {}).await));
        }
        let writes = WRITES.min(clients * 250);
        let started = Instant::now();
        let client = |client: usize| {
            let store = stores[client % replicas].clone();
            tokio::spawn(async move {
                for number in 0..writes / clients {
                    insert(&store, &format!("/c{client}/{number}"), "x").await.expect("kept");
                }
            })
        };
        for task in (0..clients).map(client).collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        let rate = (writes / clients * clients) as f64 / started.elapsed().as_secs_f64();
        println!("{replicas} registries, {clients} clients: {rate:.0} writes/s");
    }
}
