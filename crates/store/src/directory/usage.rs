//! What agents have used, by days of UTC.

use std::collections::BTreeMap;

use rpds::HashTrieSetSync;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Seconds of a day. UTC here has no leap seconds, as in all of POSIX.
pub const DAY: u64 = 86_400;
/// How many days are remembered. They need not follow each other: a server whose clock is wrong counts, too, and
/// must not make the others forget.
const REMEMBERED: usize = 62;
/// Of how many days the runs are known: a report may be repeated over midnight, and one of the days may be a wrong
/// clock's.
const RUNS_KNOWN: usize = 3;
/// Bytes of a run's fingerprint.
const FINGERPRINT: usize = 12;

/// The day of an instant, counted from 1970-01-01; both by UTC.
pub fn day_of(seconds: u64) -> u64 {
    seconds / DAY
}

/// When the day of this instant ends, in seconds since the epoch.
pub fn end_of_day(seconds: u64) -> u64 {
    (day_of(seconds) + 1) * DAY
}

/// One agent's use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    days: BTreeMap<u64, DayUsage>,
}

/// One agent's use of one day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DayUsage {
    /// Model tokens.
    pub tokens: u64,
    /// Reports that were counted.
    pub reports: u64,
    /// Cost in millionths of a US dollar.
    #[serde(default)]
    pub cost_micros: u64,
    /// The runs that were counted, by their fingerprints: whoever reports chooses how long a name is.
    #[serde(default, skip_serializing_if = "HashTrieSetSync::is_empty")]
    runs: HashTrieSetSync<String>,
}

impl Usage {
    /// The model tokens of the day of this instant.
    pub fn tokens_at(&self, now: u64) -> u64 {
        self.days.get(&day_of(now)).map_or(0, |day| day.tokens)
    }

    /// Every day that is remembered, the latest first, with its number.
    pub fn days(&self) -> impl Iterator<Item = (u64, &DayUsage)> {
        self.days.iter().rev().map(|(day, usage)| (*day, usage))
    }

    /// Whether this run was counted, today or lately.
    pub fn knows(&self, run: &str) -> bool {
        let run = fingerprint(run);
        self.days.values().any(|day| day.runs.contains(&run))
    }

    /// How many runs of the day of this instant are known.
    pub fn runs_at(&self, now: u64) -> usize {
        self.days.get(&day_of(now)).map_or(0, |day| day.runs.size())
    }

    /// Counts a report. A counter at its end stays there.
    pub(super) fn count(&mut self, at: u64, tokens: u64, cost_micros: u64, run: Option<&str>) {
        let day = self.days.entry(day_of(at)).or_default();
        day.tokens = day.tokens.saturating_add(tokens);
        day.cost_micros = day.cost_micros.saturating_add(cost_micros);
        day.reports += 1;
        if let Some(run) = run {
            day.runs.insert_mut(fingerprint(run));
        }
        self.forget(day_of(at));
    }

    /// Sets the counter of the day of this instant.
    pub(super) fn set(&mut self, at: u64, tokens: u64) {
        self.days.entry(day_of(at)).or_default().tokens = tokens;
        self.forget(day_of(at));
    }

    /// Forgets what is farthest from this day.
    fn forget(&mut self, today: u64) {
        while self.days.len() > REMEMBERED
            && let Some(farthest) = self.days.keys().copied().max_by_key(|day| day.abs_diff(today))
        {
            self.days.remove(&farthest);
        }
        let mut told = self.days.iter_mut().filter(|(_, usage)| !usage.runs.is_empty()).collect::<Vec<_>>();
        told.sort_by_key(|(day, _)| day.abs_diff(today));
        for (_, usage) in told.into_iter().skip(RUNS_KNOWN) {
            usage.runs = HashTrieSetSync::new_sync();
        }
    }
}

/// Two runs of one agent have the same one with a chance of one in 2^96.
fn fingerprint(run: &str) -> String {
    Sha256::digest(run.as_bytes()).iter().take(FINGERPRINT).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let midnight = 20_000 * DAY;
        let mut usage = Usage::default();
        usage.count(midnight - 1, 7, 0, Some("a"));
        assert_eq!((usage.tokens_at(midnight - 1), usage.tokens_at(midnight)), (7, 0));
        usage.count(midnight, 5, 3, None);
        assert_eq!((usage.tokens_at(midnight - 1), usage.tokens_at(midnight)), (7, 5));
        assert_eq!(end_of_day(midnight - 1), midnight);
        assert_eq!(end_of_day(midnight), midnight + DAY);
        assert!(usage.knows("a"), "a report may be repeated over midnight");
        for day in 1..4 {
            usage.count(midnight + day * DAY, 1, 0, Some("b"));
        }
        assert!(!usage.knows("a"), "but not for ever");
        usage.set(midnight + DAY, 100);
        assert_eq!(usage.tokens_at(midnight + DAY), 100);
        for day in 2..100 {
            usage.count(midnight + day * DAY, 1, 0, None);
        }
        assert_eq!(
            usage.days().map(|(day, _)| day).collect::<Vec<_>>(),
            (20_038..20_100).rev().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_clock_that_is_wrong_for_once_ends_nothing() {
        let today = 20_000 * DAY;
        let mut usage = Usage::default();
        usage.count(today, 7, 0, Some("a"));
        usage.count(today + 10_000 * DAY, 5, 0, None);
        usage.count(today, 3, 0, None);
        assert_eq!((usage.tokens_at(today), usage.knows("a")), (10, true));
        usage.count(today, 1, 0, Some("b"));
        assert_eq!((usage.tokens_at(today), usage.runs_at(today)), (11, 2));
    }

    #[test]
    fn a_counter_at_its_end_stays_there() {
        let mut usage = Usage::default();
        usage.count(0, u64::MAX, 0, None);
        usage.count(0, 1, 0, None);
        assert_eq!(usage.tokens_at(0), u64::MAX);
    }
}
