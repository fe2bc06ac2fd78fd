//! What a tool call costs on its way through the gateway, beside the same call made to the server
//! itself, and beside a bare nginx that passes it on; and whether events arrive as soon as they are
//! sent. `make bench-gateway`.
//!
//! Counted is the CPU time of every process that works for the call but the one that asks; what is
//! compared takes turns. The server is a bare hyper that answers at once, so that nothing hides in its
//! own work; for the first event of a stream, a real one of the Python package `mcp` as well.
#![allow(clippy::unwrap_used)]

mod caller;
mod cpu;
mod plain_nginx;
mod scene;
mod server;

use std::time::{Duration, Instant};

use caller::{Caller, Way};
use cpu::{median, ratio, spent};
use scene::Scene;

/// Many short rounds: what else the machine does then falls on all alike.
const ROUNDS: usize = 21;
const CALLS: u32 = 400;
/// Streams of one round.
const STREAMS: usize = 20;

fn main() {
    if std::env::args().any(|word| word == server::WORD) {
        return server::serve();
    }
    let scene = Scene::start();
    calls(&scene);
    for think in [0, 5, 50] {
        let events = |way: &Way| first_event(way, &server::streaming(think));
        stream(&format!("a tool that works {think} ms before its first event"), &scene.bare(), events);
    }
    match scene.python() {
        Ok(python) => {
            stream("a tool of the Python package mcp", &python.ways, |way| first_event(way, scene::STREAM));
        }
        Err(reason) => println!("SKIPPED: the Python package mcp: {reason}"),
    }
}

/// The same call on every way, by turns.
fn calls(scene: &Scene) {
    let [direct, nginx, gateway] = scene.bare();
    let mut rounds = [const { Vec::new() }; 3];
    let mut shares = vec![Vec::new(); scene.processes().len()];
    for _ in 0..ROUNDS {
        for (way, costs) in [&direct, &nginx, &gateway].into_iter().zip(&mut rounds) {
            let mut caller = Caller::connect(way);
            (0..20).for_each(|_| drop(caller.call(server::CALL)));
            let before: Vec<Duration> = scene.processes().iter().map(|(_, pids)| spent(pids)).collect();
            for _ in 0..CALLS {
                let answer = caller.call(server::CALL);
                assert!(answer.contains("\"result\""), "{answer}");
            }
            let each = |since: Duration, now: Duration| (now - since).as_secs_f64() / f64::from(CALLS);
            let processes = scene.processes();
            let after = processes.iter().map(|(_, pids)| spent(pids));
            let spent: Vec<f64> = after.zip(before).map(|(now, since)| each(since, now)).collect();
            costs.push(spent.iter().sum::<f64>());
            if std::ptr::eq(way, &gateway) {
                spent.iter().zip(&mut shares).for_each(|(spent, share)| share.push(*spent));
            }
        }
    }
    let [direct, nginx, gateway] = &rounds;
    println!(
        "tools/call through nginx, auth-server and registry: {:.2} of the call made directly, {:.2} of nginx \
         alone passing it on ({:.0}, {:.0} and {:.0} µs of CPU; medians of {ROUNDS} rounds)",
        ratio(gateway, direct),
        ratio(gateway, nginx),
        median(gateway) * 1e6,
        median(direct) * 1e6,
        median(nginx) * 1e6,
    );
    for ((name, _), share) in scene.processes().iter().zip(&shares) {
        println!("  of that {name}: {:.0} µs", median(share) * 1e6);
    }
}

/// How long until the first event is there, on each way.
fn stream(what: &str, [direct, nginx, gateway]: &[Way; 3], once: impl Fn(&Way) -> f64) {
    let mut rounds = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (way, times) in [direct, nginx, gateway].into_iter().zip(&mut rounds) {
            let all: Vec<f64> = (0..STREAMS).map(|_| once(way)).collect();
            times.push(median(&all));
        }
    }
    let [direct, nginx, gateway] = &rounds;
    println!(
        "first event of {what}: {:.2} of direct, {:.2} of nginx alone ({:.2}, {:.2} and {:.2} ms; medians)",
        ratio(gateway, direct),
        ratio(gateway, nginx),
        median(gateway) * 1e3,
        median(direct) * 1e3,
        median(nginx) * 1e3,
    );
}

/// From the request's last byte to the first event's, in seconds.
fn first_event(way: &Way, body: &str) -> f64 {
    let mut caller = Caller::connect(way);
    let begun = Instant::now();
    caller.send(body);
    caller.first_event();
    let taken = begun.elapsed().as_secs_f64();
    caller.rest_of_stream();
    taken
}
