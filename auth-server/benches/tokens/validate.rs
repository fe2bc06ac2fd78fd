//! Whether sign-ins keep /validate waiting.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Scope;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use auth_server::hash_secret;
use boot::Secret;

use crate::client::Client;
use crate::servers::{Ours, SECRET};

/// How often each load is put on the server, and for how long.
const TURNS: usize = 7;
const TURN: Duration = Duration::from_millis(1_500);
/// Sign-ins under way at once.
const CALLERS: usize = 32;

/// How long answers of /validate take, wall clock, one after the other on one connection.
pub(crate) fn measure(ours: &Ours) {
    let token = ours.client_token();
    let request = format!(
        "GET /validate HTTP/1.1\r\nhost: auth\r\nx-original-uri: /api/agents\r\nx-original-method: GET\r\n\
         x-request-id: 0123456789abcdef\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let loads = [Load::Nothing, Load::Hashing, Load::SignIns];
    let mut waits = [const { Vec::new() }; 3];
    let (mut answered, mut refused, mut seconds) = (0, 0, 0.0);
    for _ in 0..TURNS {
        for (load, waits) in loads.into_iter().zip(&mut waits) {
            let seen = Seen::default();
            std::thread::scope(|scope| {
                let _stop = Stop(&seen.stop);
                seen.start(load, ours, scope);
                let mut client = Client::connect(ours.address);
                let before = (seen.answered.load(Ordering::Relaxed), seen.refused.load(Ordering::Relaxed));
                let began = Instant::now();
                while began.elapsed() < TURN {
                    let asked = Instant::now();
                    drop(client.ask(&request).must_be(200));
                    waits.push(asked.elapsed().as_secs_f64());
                }
                if load == Load::SignIns {
                    seconds += began.elapsed().as_secs_f64();
                    answered += seen.answered.load(Ordering::Relaxed) - before.0;
                    refused += seen.refused.load(Ordering::Relaxed) - before.1;
                }
            });
        }
    }
    for (load, mut waits) in loads.into_iter().zip(waits) {
        waits.sort_by(f64::total_cmp);
        let at = |share: f64| waits[(waits.len() as f64 * share) as usize] * 1e6;
        let what = match load {
            Load::Nothing => "alone".to_owned(),
            Load::Hashing => format!("while {} hash beside it", hashing_at_once()),
            Load::SignIns => format!("while {CALLERS} sign in"),
        };
        println!(
            "/validate {what}: p50 {:.0} µs, p99 {:.0} µs, most {:.1} ms, of {} answers",
            at(0.5),
            at(0.99),
            waits.last().unwrap() * 1e3,
            waits.len(),
        );
    }
    println!(
        "sign-ins meanwhile: {:.1} a second answered 200, {:.1} answered 503",
        answered as f64 / seconds,
        refused as f64 / seconds,
    );
}

/// What goes on while /validate is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Load {
    Nothing,
    /// As many threads hashing as the server lets hash at once, in nobody's service: what is slower then
    /// is so for want of cores.
    Hashing,
    SignIns,
}

/// What those who load the server have seen, and whether they may go.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    refused: AtomicU64,
    stop: AtomicBool,
}

/// Stops the load, also when a request failed: nobody would wait for its end otherwise.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    /// Returns when the load is there.
    fn start<'s>(&'s self, load: Load, ours: &'s Ours, scope: &'s Scope<'s, '_>) {
        match load {
            Load::Nothing => {}
            Load::Hashing => {
                let hash = hash_secret(&Secret::new(SECRET)).unwrap();
                for _ in 0..hashing_at_once() {
                    let hash = PasswordHash::new(&hash).unwrap();
                    scope.spawn(move || {
                        while !self.stop.load(Ordering::Relaxed) {
                            Argon2::default().verify_password(SECRET.as_bytes(), &hash).unwrap();
                        }
                    });
                }
            }
            Load::SignIns => {
                let request = Arc::new(ours.sign_in_request());
                let (tell, told) = mpsc::channel();
                for _ in 0..CALLERS {
                    let (request, tell) = (Arc::clone(&request), tell.clone());
                    scope.spawn(move || {
                        let mut client = Client::connect(ours.address);
                        while !self.stop.load(Ordering::Relaxed) {
                            let answer = client.ask(&request);
                            match answer.status {
                                200 => self.answered.fetch_add(1, Ordering::Relaxed),
                                503 => self.refused.fetch_add(1, Ordering::Relaxed),
                                status => panic!("a sign-in was answered with {status}"),
                            };
                            let _ = tell.send(());
                        }
                    });
                }
                drop(tell);
                told.recv().unwrap();
            }
        }
    }
}

/// As `grants/client.rs` has it: half the cores.
fn hashing_at_once() -> usize {
    (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1)
}
