//! What agents have used, by days of UTC.

use std::collections::BTreeMap;

use rpds::HashTrieSetSync;
use serde::{Deserialize, Serialize};

/// Seconds of a day. UTC here has no leap seconds, as in all of POSIX.
pub const DAY: u64 = 86_400;
/// How many days are remembered, today among them.
const REMEMBERED: u64 = 31;
/// Of how many days the runs are known: a report may be repeated over midnight.
const RUNS_KNOWN: u64 = 2;

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
    /// The runs that were counted.
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

    /// Whether this run was counted, today or yesterday.
    pub fn knows(&self, run: &str) -> bool {
        self.days.values().any(|day| day.runs.contains(run))
    }

    /// Counts a report. A counter at its end stays there.
    pub(super) fn count(&mut self, at: u64, tokens: u64, cost_micros: u64, run: Option<&str>) {
        let day = self.days.entry(day_of(at)).or_default();
        day.tokens = day.tokens.saturating_add(tokens);
        day.cost_micros = day.cost_micros.saturating_add(cost_micros);
        day.reports += 1;
        if let Some(run) = run {
            day.runs.insert_mut(run.to_owned());
        }
        self.forget();
    }

    /// Sets the counter of the day of this instant.
    pub(super) fn set(&mut self, at: u64, tokens: u64) {
        self.days.entry(day_of(at)).or_default().tokens = tokens;
        self.forget();
    }

    fn forget(&mut self) {
        let Some((&latest, _)) = self.days.last_key_value() else { return };
        self.days.retain(|day, _| day + REMEMBERED > latest);
        for (day, usage) in &mut self.days {
            if day + RUNS_KNOWN <= latest && !usage.runs.is_empty() {
                usage.runs = HashTrieSetSync::new_sync();
            }
        }
    }
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
        usage.count(midnight + DAY, 1, 0, None);
        assert!(!usage.knows("a"), "but not for ever");
        usage.set(midnight + DAY, 100);
        assert_eq!(usage.tokens_at(midnight + DAY), 100);
        usage.count(midnight + 31 * DAY, 1, 0, None);
        assert_eq!(usage.days().map(|(day, _)| day).collect::<Vec<_>>(), [20_031, 20_001]);
    }

    #[test]
    fn a_counter_at_its_end_stays_there() {
        let mut usage = Usage::default();
        usage.count(0, u64::MAX, 0, None);
        usage.count(0, 1, 0, None);
        assert_eq!(usage.tokens_at(0), u64::MAX);
    }
}
