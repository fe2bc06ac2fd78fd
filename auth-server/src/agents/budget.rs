//! What an agent may still use today, and in this hour.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use store::directory::{AgentIdentity, Directory, end_of_day};

/// The most model tokens that a limit or a report can say: more than anybody uses in a day.
pub(crate) const MOST_TOKENS: u64 = 1_000_000_000_000;
/// Seconds of an hour.
const HOUR: u64 = 3600;
/// From how many agents on those that did nothing in this hour are forgotten.
const MOST_HOURS: usize = 10_000;

/// A budget that is used up, until `resets_at` (seconds since the epoch).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exhausted {
    /// `max_tokens_per_day`.
    #[error("the agent's model tokens of today are used up; they begin anew at 00:00 UTC")]
    Tokens {
        /// The next midnight.
        resets_at: u64,
    },
    /// `max_api_calls_per_hour`.
    #[error("the agent's calls of this hour are used up")]
    Calls {
        /// The next hour.
        resets_at: u64,
    },
}

impl Exhausted {
    /// How long to wait, in seconds, at least 1.
    pub(crate) fn retry_after(self, now: u64) -> u64 {
        match self {
            Exhausted::Tokens { resets_at } | Exhausted::Calls { resets_at } => {
                resets_at.saturating_sub(now).max(1)
            }
        }
    }
}

/// Whether model tokens are left today.
///
/// # Errors
/// [`Exhausted::Tokens`].
pub(crate) fn tokens_left(directory: &Directory, agent: &AgentIdentity, now: u64) -> Result<(), Exhausted> {
    match agent.budget.max_tokens_per_day {
        Some(most) if directory.tokens_used(&agent.agent_id, now) >= most => {
            Err(Exhausted::Tokens { resets_at: end_of_day(now) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Calls of this hour, for agents that have a limit. They are kept in memory alone: a restart, and each
/// further auth-server, gives an agent at most one hour's calls more. To bring each exchange to the disk
/// would cost more than the exchange.
#[derive(Default)]
pub(crate) struct Calls(Mutex<HashMap<String, Hour>>);

#[derive(Clone, Copy, Default)]
struct Hour {
    number: u64,
    calls: u64,
}

impl Calls {
    /// Counts one call, if there is one left.
    ///
    /// # Errors
    /// [`Exhausted::Calls`]; nothing is counted then.
    pub(crate) fn count(&self, agent: &AgentIdentity, now: u64) -> Result<(), Exhausted> {
        let Some(most) = agent.budget.max_api_calls_per_hour else { return Ok(()) };
        let number = now / HOUR;
        // A poisoned lock guards plain numbers: they are still good.
        let mut hours = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hours.len() >= MOST_HOURS && !hours.contains_key(&agent.agent_id) {
            hours.retain(|_, hour| hour.number == number);
        }
        let held = hours.entry(agent.agent_id.clone()).or_default();
        // A straggler of the hour before counts in this one; an hour that is farther off was a wrong clock's.
        if held.number < number || held.number > number + 1 {
            *held = Hour { number, calls: 0 };
        }
        if held.calls >= most {
            return Err(Exhausted::Calls { resets_at: (held.number + 1) * HOUR });
        }
        held.calls += 1;
        Ok(())
    }

    /// The calls of this hour that were counted here.
    pub(crate) fn of(&self, agent_id: &str, now: u64) -> u64 {
        let hours = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hours.get(agent_id).filter(|hour| hour.number == now / HOUR).map_or(0, |hour| hour.calls)
    }
}
