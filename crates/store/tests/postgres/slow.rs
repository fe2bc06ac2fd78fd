//! A slow way to the database: it takes longer, and gets there.

use std::time::Duration;

use store::EntryStore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::common::{cluster, database, eventually, insert, open, picture};

/// Bytes that come through at once, and how long that takes.
const DROP: (usize, Duration) = (4096, Duration::from_millis(50));

/// A way to `to` on which answers trickle; its address.
async fn trickle(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(&to).await.expect("connected");
            let (mut asks, mut hears) = near.into_split();
            let (mut answers, mut asked) = far.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut asks, &mut asked).await });
            tokio::spawn(async move {
                let mut drop = vec![0; DROP.0];
                while let Ok(size @ 1..) = answers.read(&mut drop).await {
                    tokio::time::sleep(DROP.1).await;
                    if hears.write_all(&drop[..size]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_way_gets_there_in_smaller_portions() {
    let Some(server) = cluster().await else { return };
    let url = database(&server, "slow").await;
    let address = server.cluster.lock().await.address().to_string();
    let way = url.replace(&address, &trickle(address.clone()).await);
    let (near, far) =
        (open(&url, |_| {}).await, open(&way, |options| options.patience = Duration::from_secs(1)).await);
    // 80 kB come in a second. All at once, so that there is more to read than that.
    let long = "long".repeat(2500);
    let near = std::sync::Arc::new(near);
    let writing = (0..30).map(|number| {
        let (near, long) = (near.clone(), long.clone());
        tokio::spawn(async move { insert(&near, &format!("/a/{number}"), &long).await.map(drop) })
    });
    for write in writing.collect::<Vec<_>>() {
        write.await.expect("no panic").expect("kept");
    }
    eventually("it catches up", || picture(&far) == picture(&near)).await;
    // And who starts there.
    let fresh = open(&way, |options| options.patience = Duration::from_secs(1)).await;
    assert_eq!(picture(&fresh), picture(&near));
    eventually("it is well", || far.status().fault.is_none()).await;
}
