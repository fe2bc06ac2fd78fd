//! Proofs kept for the next request with the same token.
//!
//! Keyed by the token itself, hashed with a random seed and compared whole: a hash alone
//! could be made to collide with somebody else's token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ahash::RandomState;
use arc_swap::ArcSwap;
use moka::sync::Cache as Moka;
use token::{TokenError, expired};

use crate::agents::tokens_left;
use crate::app::App;
use crate::reply::{FieldValue, Prepared, Reply};

use super::prove::Facts;
use super::target::Target;
use super::{Refusal, answer};

/// How long a proof is kept, in seconds.
const KEPT: u64 = 300;
/// How long a refusal is kept, in seconds: enough to make a broken client cheap.
const REFUSAL_KEPT: u64 = 5;
/// How much memory proofs and refusals may take, in bytes.
const CAPACITY: (u64, u64) = (64 << 20, 8 << 20);
/// How many servers one proof keeps a prepared answer for.
const SERVERS: usize = 8;

type Table<V> = Moka<Arc<[u8]>, V, RandomState>;

/// What was proven, and what was refused a moment ago.
pub(crate) struct Cache {
    proofs: Table<Arc<Proof>>,
    refusals: Table<Refused>,
    generation: Arc<AtomicU64>,
}

/// A proven token and the answers it opens, ready-made.
pub(super) struct Proof {
    facts: Facts,
    proven_at: u64,
    generation: u64,
    registry: Prepared,
    servers: RwLock<Vec<(Box<str>, Arc<Prepared>)>>,
    sealed: ArcSwap<Sealed>,
}

/// A sealed identity as a header.
pub(super) struct Sealed {
    pub(super) value: FieldValue,
    /// In seconds since the epoch.
    pub(super) renew_at: u64,
}

#[derive(Clone)]
struct Refused {
    why: TokenError,
    at: u64,
    generation: u64,
}

impl Cache {
    /// An empty cache. Whoever counts `generation` up makes everything in it void: keys
    /// or groups changed, so what they proved is no longer proven.
    pub(crate) fn new(generation: Arc<AtomicU64>) -> Cache {
        let (proofs, refusals) = CAPACITY;
        Cache {
            proofs: Moka::builder()
                .max_capacity(proofs)
                .weigher(|token: &Arc<[u8]>, proof: &Arc<Proof>| weight(token.len() + proof.size()))
                .time_to_live(Duration::from_secs(KEPT))
                .build_with_hasher(RandomState::new()),
            refusals: Moka::builder()
                .max_capacity(refusals)
                .weigher(|token: &Arc<[u8]>, _: &Refused| weight(token.len() + 256))
                .time_to_live(Duration::from_secs(REFUSAL_KEPT))
                .build_with_hasher(RandomState::new()),
            generation,
        }
    }

    /// Makes everything void: what was decided was decided by what no longer holds.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// The number that proofs made from now on must bear.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is known of a token now. Its `exp` is looked at each time: the table's own time
    /// limit knows nothing of it.
    pub(super) fn get(&self, token: &str, now: u64) -> Option<Result<Arc<Proof>, TokenError>> {
        let generation = self.generation();
        if let Some(proof) = self.proofs.get(token.as_bytes()) {
            let fresh = proof.generation == generation && now.abs_diff(proof.proven_at) < KEPT;
            if fresh && !expired(proof.facts.expires_at, now) {
                return Some(Ok(proof));
            }
        }
        let refused = self.refusals.get(token.as_bytes())?;
        let fresh = refused.generation == generation && now.abs_diff(refused.at) < REFUSAL_KEPT;
        fresh.then_some(Err(refused.why))
    }

    /// Keeps what was found, but no fault of ours: it may be over with the next request.
    pub(super) fn put(&self, token: &str, now: u64, generation: u64, found: &Result<Arc<Proof>, TokenError>) {
        let key = || Arc::from(token.as_bytes());
        match found {
            Ok(proof) => self.proofs.insert(key(), Arc::clone(proof)),
            // Nor what may be taken back at any moment, and is looked up in no time.
            Err(why) if answer::is_ours(why) || *why == TokenError::Revoked => {}
            Err(why) => self.refusals.insert(key(), Refused { why: why.clone(), at: now, generation }),
        }
    }
}

impl Proof {
    /// Whose token it is.
    pub(super) fn who(&self) -> &access::Principal {
        &self.facts.who
    }

    /// Prepares the answers of a proven token.
    pub(super) fn new(app: &App, facts: Facts, now: u64, generation: u64) -> Result<Proof, TokenError> {
        Ok(Proof {
            registry: facts.prepare()?,
            sealed: ArcSwap::from_pointee(facts.seal(app, now)?),
            facts,
            proven_at: now,
            generation,
            servers: RwLock::default(),
        })
    }

    /// The answer for a target. An MCP server must be within the caller's reach; methods and
    /// tools stand in the body and are decided by the registry's gateway.
    ///
    /// A token that is bound to an MCP server opens that server's addresses alone. That is decided here, where the
    /// path is known, and said in the seal as well. Plain headers, for gateways that cannot pass a seal, do not say
    /// it: they carry the token's own few scopes, and only with a request for this server's addresses.
    pub(super) fn answer_for(&self, app: &App, target: &Target<'_>, now: u64) -> Result<Reply, Refusal> {
        match (target, &self.facts.bound) {
            (Target::Registry, Some(_)) => return Err(Refusal::Token(TokenError::Audience)),
            (Target::Server(server), Some(bound)) if server.name() != &*bound.server => {
                return Err(Refusal::Token(TokenError::Audience));
            }
            (Target::Server(_), Some(_)) | (Target::Registry | Target::Server(_), None) => {}
        }
        self.still_holds(app, target, now)?;
        let sealed = self.sealed(app, now).map_err(Refusal::Token)?;
        match target {
            Target::Registry => Ok(answer::allowed(app, &self.registry, sealed)),
            Target::Server(server) => {
                let prepared = self.server(server.name())?;
                Ok(answer::allowed(app, &prepared, sealed))
            }
        }
    }

    /// Whether what it opens was found out with what the directory still says. Where the directory cannot be asked,
    /// `still_holds` says so.
    pub(super) fn is_current(&self, app: &App) -> bool {
        let Some(bound) = &self.facts.bound else { return true };
        app.agents().is_some_and(|agents| bound.is_current(&agents.known()))
    }

    /// What no proof can say for long of a token of our own: whether it was revoked, whether its agent is active,
    /// and whether that has budget left for MCP servers.
    fn still_holds(&self, app: &App, target: &Target<'_>, now: u64) -> Result<(), Refusal> {
        let Some(live) = &self.facts.live else { return Ok(()) };
        let agent = live.look_up(app.agents()).map_err(Refusal::Token)?;
        match (target, agent) {
            (Target::Server(_), Some(live)) => {
                tokens_left(&live.directory, &live.agent, now).map_err(Refusal::Exhausted)
            }
            (Target::Registry, _) | (Target::Server(_), None) => Ok(()),
        }
    }

    /// The agent that the token speaks of, and whether it may still do anything.
    ///
    /// # Errors
    /// Those of [`Live::look_up`]; [`TokenError::Audience`] for a token that is bound to an MCP server: it is for no
    /// place of ours.
    pub(super) fn agent_id(&self, app: &App) -> Result<Option<&str>, TokenError> {
        if self.facts.bound.is_some() {
            return Err(TokenError::Audience);
        }
        let Some(live) = &self.facts.live else { return Ok(None) };
        live.look_up(app.agents())?;
        Ok(live.agent_id.as_deref())
    }

    fn sealed(&self, app: &App, now: u64) -> Result<FieldValue, TokenError> {
        let sealed = self.sealed.load();
        if now < sealed.renew_at {
            return Ok(sealed.value.clone());
        }
        let renewed = self.facts.seal(app, now)?;
        let value = renewed.value.clone();
        self.sealed.store(Arc::new(renewed));
        Ok(value)
    }

    fn server(&self, name: &str) -> Result<Arc<Prepared>, Refusal> {
        // A poisoned lock guards a list that is only ever pushed to: it is still good.
        let kept = self.servers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, prepared)) = kept.iter().find(|(held, _)| **held == *name) {
            return Ok(Arc::clone(prepared));
        }
        drop(kept);
        if !self.facts.policy.may_reach_server(&self.facts.who.scopes, name) {
            return Err(Refusal::OutOfReach(name.to_owned()));
        }
        let prepared = Arc::new(self.facts.prepare_for(&self.registry, name).map_err(Refusal::Token)?);
        let mut kept = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SERVERS {
            kept.push((name.into(), Arc::clone(&prepared)));
        }
        Ok(prepared)
    }

    /// About how much memory it takes, in bytes, with answers for two servers: few callers
    /// use more, and the table asks only once.
    fn size(&self) -> usize {
        let facts: usize = self.facts.who.groups.iter().map(|group| group.len() + 24).sum();
        512 + facts + self.sealed.load().value.len() + self.registry.size() * 3
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
