//! CPU time of processes, and what to make of many measurements.

use std::time::Duration;

/// CPU time of all threads of these processes; the kernel's work for their sockets with it.
pub(crate) fn spent(pids: &[u32]) -> Duration {
    let of = |pid: &u32| {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let nanos = threads.map(|thread| {
            // One that has ended meanwhile counts for nothing: those that serve stay.
            let line = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
            line.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or_default()
        });
        nanos.sum::<u64>()
    };
    Duration::from_nanos(pids.iter().map(of).sum())
}

/// A process and those that it has started.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    std::iter::once(pid).chain(children.split_whitespace().filter_map(|child| child.parse().ok())).collect()
}

pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(&ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
