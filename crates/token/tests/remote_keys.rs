//! Remote key sets: rotation, cool-down, outage, and what is not taken from a provider.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fixture::{Hands, Provider};
use serde_json::json;
use token::{
    Audience, Claims, Issuer, KeySource, Location, RemoteKeys, Signer, SigningAlgorithm, TokenError,
    TokenType, key_set, verify,
};

const NOW: u64 = 1_800_000_000;

struct World {
    provider: Provider,
    hands: Hands,
    changes: Arc<AtomicU64>,
    keys: RemoteKeys,
    issuers: [Issuer; 1],
}

impl World {
    fn at(provider: Provider, location: Location) -> World {
        let (hands, changes) = (Hands::at(NOW), Arc::new(AtomicU64::new(0)));
        let keys = RemoteKeys::new(location, hands.clock(), Arc::clone(&changes)).unwrap();
        let issuers = [Issuer {
            names: vec!["idp".into()],
            audiences: vec![],
            audience: Audience::Optional,
            token_type: TokenType::Access,
            keys: Arc::new(keys.clone()),
        }];
        World { provider, hands, changes, keys, issuers }
    }

    async fn start() -> World {
        let provider = Provider::start().await;
        let location = Location::at(&format!("{}/jwks", provider.url)).unwrap();
        World::at(provider, location)
    }

    async fn verify(&self, signer: &Signer) -> Result<(), TokenError> {
        let token = signer.sign("JWT", &json!({"iss": "idp", "sub": "u", "exp": NOW + 10_000})).unwrap();
        verify::<Claims, _>(&token, &self.issuers, self.hands.now()).await.map(drop)
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }
}

fn signer() -> Signer {
    Signer::generate(SigningAlgorithm::Es256).unwrap().0
}

#[tokio::test]
async fn rotation_is_followed_once_per_cool_down() {
    let world = World::start().await;
    let (old, new, never) = (signer(), signer(), signer());
    world.provider.page("/jwks", key_set([&old]));
    world.keys.refresh().await.unwrap();
    assert_eq!((world.verify(&old).await, world.provider.asked(), world.changes()), (Ok(()), 1, 1));

    world.provider.page("/jwks", key_set([&old, &new]));
    // Fetched a moment ago: an unknown key does not make us ask again at once.
    assert_eq!((world.verify(&new).await, world.provider.asked()), (Err(TokenError::UnknownKey), 1));
    world.hands.forward(30);
    assert_eq!((world.verify(&new).await, world.provider.asked(), world.changes()), (Ok(()), 2, 2));
    for _ in 0..20 {
        assert_eq!(world.verify(&never).await, Err(TokenError::UnknownKey));
    }
    assert_eq!(world.provider.asked(), 2, "invented key names do not make us hammer the provider");
    world.hands.forward(30);
    assert_eq!((world.verify(&never).await, world.provider.asked()), (Err(TokenError::UnknownKey), 3));
    assert_eq!(world.changes(), 2, "the same keys are no change");
}

#[tokio::test]
async fn many_unknown_keys_at_once_are_one_refresh() {
    let world = World::start().await;
    let (old, new) = (signer(), signer());
    world.provider.page("/jwks", key_set([&old]));
    world.keys.refresh().await.unwrap();
    world.provider.page("/jwks", key_set([&new]));
    world.hands.forward(60);
    let both = tokio::join!(world.verify(&new), world.verify(&new), world.verify(&new));
    assert_eq!((both, world.provider.asked()), ((Ok(()), Ok(()), Ok(())), 2));
    assert_eq!(world.verify(&old).await, Err(TokenError::UnknownKey), "a key withdrawn is a key gone");
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_refresh() {
    let world = World::start().await;
    let new = signer();
    world.provider.page("/jwks", key_set([&new]));
    {
        let mut asking = Box::pin(world.verify(&new));
        // Polled once, so that the refresh has begun, and dropped.
        std::future::poll_fn(|context| {
            assert!(asking.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    // Within the cool-down, with nobody waiting: the keys come from the refresh begun above.
    assert_eq!((world.verify(&new).await, world.provider.asked()), (Ok(()), 1));
}

#[tokio::test]
async fn a_provider_that_hangs_does_not_hold_a_token_for_long() {
    let (cold, warm) = (World::start().await, World::start().await);
    let (old, new) = (signer(), signer());
    warm.provider.page("/jwks", key_set([&old]));
    warm.keys.refresh().await.unwrap();
    for world in [&cold, &warm] {
        world.hands.forward(30);
        world.provider.page("/jwks", key_set([&old, &new]));
        world.provider.hang(true);
    }
    let begun = Instant::now();
    let unproven = tokio::join!(cold.verify(&new), warm.verify(&new), warm.verify(&new), warm.verify(&old));
    // A fetch gives up after five seconds, and so does nginx.
    // A fetch is given up after 5 s: without the shorter limit the answer could not come before that.
    assert!(begun.elapsed() < Duration::from_millis(4900), "{:?}", begun.elapsed());
    let unknown = Err(TokenError::UnknownKey);
    assert_eq!(unproven, (Err(TokenError::Unavailable), unknown.clone(), unknown, Ok(())));
    // The refresh that was begun goes on: within its cool-down, nothing else brings the keys.
    for world in [&cold, &warm] {
        world.provider.hang(false);
        assert_eq!(world.verify(&new).await, Ok(()));
    }
    assert_eq!((cold.provider.asked(), warm.provider.asked()), (1, 2));
}

#[tokio::test]
async fn the_last_good_keys_stay_through_an_outage() {
    let world = World::start().await;
    let old = signer();
    // No keys at all: not the token's fault.
    assert_eq!(world.verify(&old).await, Err(TokenError::Unavailable));
    assert_eq!((world.keys.state().keys, world.keys.state().fault.is_some()), (0, true));
    world.provider.page("/jwks", key_set([&old]));
    assert_eq!(
        world.verify(&old).await,
        Err(TokenError::Unavailable),
        "the cool-down holds for failures too"
    );
    world.hands.forward(30);
    assert_eq!(world.verify(&old).await, Ok(()));
    let elsewhere = Provider::start().await;
    elsewhere.page("/jwks", key_set([&signer()]));
    let redirect = format!("302 Found\r\nlocation: {}/jwks", elsewhere.url);
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    for (head, body) in [
        ("500 Oops", "{}".to_owned()),
        ("200 OK", "<html>".to_owned()),
        ("200 OK", "{\"keys\":[]}".to_owned()),
        ("200 OK", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}".to_owned()),
        ("200 OK", large),
        (redirect.as_str(), String::new()),
        ("200 OK\r\ncontent-encoding: gzip", "not gzip".to_owned()),
    ] {
        world.provider.answer("/jwks", head, body);
        assert_eq!(world.keys.refresh().await, None, "{head}");
        assert_eq!(world.verify(&old).await, Ok(()), "{head}");
        assert!(world.keys.state().fault.is_some() && world.keys.state().keys == 1, "{head}");
    }
    assert_eq!((elsewhere.asked(), world.changes()), (0, 1), "nobody is sent elsewhere");
    world.provider.answer("/jwks", "200 OK\r\ncache-control: max-age=120", key_set([&old]));
    assert_eq!(world.keys.refresh().await, Some(Duration::from_secs(120)));
    assert_eq!(world.keys.state().fault, None);
}

#[tokio::test]
async fn discovery_must_speak_for_the_issuer() {
    let provider = Provider::start().await;
    let issuer = format!("{}/realms/r", provider.url);
    let names = vec![issuer.clone(), "http://inside/realms/r".to_owned()];
    let world = World::at(provider.clone(), Location::discover(&issuer, names).unwrap());
    let known = signer();
    provider.page("/certs", key_set([&known]));
    let certs = format!("{}/certs", provider.url);
    for (issuer, jwks_uri, good) in [
        (issuer.as_str(), certs.as_str(), true),
        ("http://inside/realms/r", &certs, true),
        ("http://evil/realms/r", &certs, false),
        (issuer.as_str(), "file:///etc/passwd", false),
        (issuer.as_str(), "certs", false),
    ] {
        let document = json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
        provider.page("/realms/r/.well-known/openid-configuration", document);
        assert_eq!(world.keys.refresh().await.is_some(), good, "{issuer} {jwks_uri}");
    }
    // A redirect within the provider is followed.
    provider.answer("/moved", "302 Found\r\nlocation: /certs", "");
    let moved = json!({"issuer": issuer, "jwks_uri": format!("{}/moved", provider.url)}).to_string();
    provider.page("/realms/r/.well-known/openid-configuration", moved);
    assert!(world.keys.refresh().await.is_some());
    assert_eq!(world.verify(&known).await, Ok(()));
    assert!(Location::discover("keycloak:8080", vec![]).is_err());
    assert!(Location::at("file:///keys").is_err());
}
