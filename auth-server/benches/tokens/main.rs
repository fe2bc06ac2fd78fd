//! What a sign-in and an exchange cost beside what they are made of, in one run: one argon2id
//! verify and one ES256 signature. And whether sign-ins keep /validate waiting. `make bench-tokens`.
//!
//! Counted is the CPU time of every thread of the process but the one that asks: that which
//! serves, those that hash, and that which writes the audit trail; the kernel's work for their
//! sockets with it. What is compared takes turns, and while one works the others sleep.
//!
//! Three things are one signature here: the primitive alone over as many bytes as the token has,
//! `token::Signer` with the same claims (JSON and base64 with it), and a bare hyper that reads
//! the same request, signs so many bytes, and answers with the same headers and so many bytes.
//! What lies between the last and ours is our own work.
#![allow(clippy::unwrap_used)]

mod client;
mod cpu;
mod servers;
mod validate;

use std::net::SocketAddr;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use auth_server::hash_secret;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::Secret;
use serde_json::{Map, Value};
use token::{Signer, SigningAlgorithm};
use tokio::runtime::Runtime;

use client::Client;
use cpu::{cost, median, ratio, repeat, runtime};
use servers::{Ours, sign, signing_hyper};

/// Many short rounds: what else the machine does then falls on all alike.
const ROUNDS: usize = 31;
const SIGN_INS: u32 = 8;
const EXCHANGES: u32 = 1_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Ours::start(&folder.path().join("plain"), None);
    let trail = folder.path().join("audit.jsonl");
    // As `make run` starts it.
    let audited = Ours::start(&folder.path().join("audited"), Some(&trail));
    let bare = runtime();
    let tokens = sign_in(&bare, &plain, &audited);
    exchange(&bare, &plain, &audited, &tokens);
    validate::measure(&plain);
    let lines = std::fs::read_to_string(&trail).unwrap().lines().count();
    assert!(lines > ROUNDS, "exchanges are recorded: {lines}");
}

/// Sign-ins beside argon2id; each of their tokens is then exchanged for the first time. The plain server's
/// last token is handed back, and the audited server's.
fn sign_in(bare: &Runtime, plain: &Ours, audited: &Ours) -> [String; 2] {
    // The same parameters as an agent's secret has, and a secret as long.
    let secret = Secret::new(plain.secret.clone());
    let hash = hash_secret(&secret).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let hash = Arc::new(PasswordHash::new(&hash).unwrap());
    let verify = move || {
        let (hash, secret) = (Arc::clone(&hash), secret.clone());
        repeat(bare, SIGN_INS, move || {
            Argon2::default().verify_password(secret.expose().as_bytes(), &*hash).unwrap();
        })
    };
    let ask = plain.sign_in_request();
    let mut tokens = [plain.sign_in(), audited.sign_in()];
    let mut rounds = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        rounds[0].push(verify());
        let mut client = Client::connect(plain.address);
        let mut answers = Vec::new();
        rounds[1].push(cost(SIGN_INS, || answers.push(client.ask(&ask).must_be(200))));
        let requests: Vec<String> =
            answers.iter().map(|answer| plain.exchange_request(&answer.token())).collect();
        let mut requests = requests.iter();
        rounds[2].push(cost(SIGN_INS, || drop(client.ask(requests.next().unwrap()).must_be(200))));
        tokens[0] = answers.pop().unwrap().token();
    }
    let [verify, sign_in, first] = &rounds;
    println!(
        "sign-in: {:.3} of one argon2id verify ({:.2} and {:.2} ms; medians of {ROUNDS} rounds)",
        ratio(sign_in, verify),
        median(sign_in) * 1e3,
        median(verify) * 1e3,
    );
    println!("the first exchange of a token, its proof with it: {:.1} µs", median(first) * 1e6);
    tokens
}

/// Exchanges of a token that was proven a moment ago, beside signatures.
fn exchange(bare: &Runtime, plain: &Ours, audited: &Ours, tokens: &[String; 2]) {
    let [request, with_trail] = [plain.exchange_request(&tokens[0]), audited.exchange_request(&tokens[1])];
    let answer = plain.exchange(&tokens[0]);
    let made = answer.token();
    let (message, _) = made.rsplit_once('.').unwrap();
    let claims: Map<String, Value> =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(message.split('.').nth(1).unwrap()).unwrap()).unwrap();
    let (signer, pkcs8) = Signer::generate(SigningAlgorithm::Es256).unwrap();
    let pair = Arc::new(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).unwrap());
    let (signer, claims) = (Arc::new(signer), Arc::new(claims));
    let message: Arc<[u8]> = message.as_bytes().into();
    let signing = signing_hyper(answer.headers.clone(), answer.body.clone(), &pair, &message);
    let over_http = |address: SocketAddr, request: &str| {
        let mut client = Client::connect(address);
        (0..100).for_each(|_| drop(client.ask(request).must_be(200)));
        cost(EXCHANGES, || drop(client.ask(request).must_be(200)))
    };

    let mut rounds = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        let (pair, message) = (Arc::clone(&pair), Arc::clone(&message));
        rounds[0].push(repeat(bare, EXCHANGES, move || sign(&pair, &message)));
        let (signer, claims) = (Arc::clone(&signer), Arc::clone(&claims));
        rounds[1].push(repeat(bare, EXCHANGES, move || drop(signer.sign("at+jwt", &*claims).unwrap())));
        rounds[2].push(over_http(signing, &request));
        rounds[3].push(over_http(plain.address, &request));
        rounds[4].push(over_http(audited.address, &with_trail));
    }
    let [primitive, signer, hyper, ..] = &rounds;
    println!(
        "one ES256 signature over {} bytes: {:.1} µs; token::Signer with the same claims: {:.1} µs; \
         a bare hyper that signs: {:.1} µs",
        message.len(),
        median(primitive) * 1e6,
        median(signer) * 1e6,
        median(hyper) * 1e6,
    );
    for (name, ours) in [("exchange", &rounds[3]), ("exchange with an audit trail", &rounds[4])] {
        println!(
            "{name}: {:.3} of one signature, {:.3} of token::Signer, {:.3} of a bare hyper that signs \
             ({:.1} µs; medians of {ROUNDS} rounds)",
            ratio(ours, primitive),
            ratio(ours, signer),
            ratio(ours, hyper),
            median(ours) * 1e6,
        );
    }
}
