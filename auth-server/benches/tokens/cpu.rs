//! CPU time: of all that works while something is asked, and of work without a server.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// CPU time of one of so many, in seconds: of all threads but this one, the main thread.
pub(crate) fn cost(times: u32, mut once: impl FnMut()) -> f64 {
    let before = spent();
    (0..times).for_each(|_| once());
    (spent() - before).as_secs_f64() / f64::from(times)
}

/// CPU time of a piece of work without a server, on a thread such as the server hashes on.
pub(crate) fn repeat(bare: &Runtime, times: u32, work: impl Fn() + Send + 'static) -> f64 {
    let mut work = Some(move || (0..times).for_each(|_| work()));
    let all = || bare.block_on(bare.spawn_blocking(work.take().unwrap())).unwrap();
    cost(1, all) / f64::from(times)
}

fn spent() -> Duration {
    let own = std::process::id().to_string();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap());
    let others = threads.filter(|thread| thread.file_name() != *own);
    let nanos = others.map(|thread| {
        let line = std::fs::read_to_string(thread.path().join("schedstat")).unwrap();
        line.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}

pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(&ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Serves on the thread that drives it; hashes on others, which stay: a thread that has ended is counted nowhere.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().thread_keep_alive(Duration::from_secs(3600)).build().unwrap()
}
