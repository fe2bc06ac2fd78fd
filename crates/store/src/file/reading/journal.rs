//! A journal's bytes → its changes, its torn end, and what is damaged in it.

use std::io::ErrorKind;
use std::path::Path;

use super::{Damage, Torn};
use crate::file::line;
use crate::file::record::{self, Numbered};

/// A journal as it was read.
pub(crate) struct Journal<T> {
    pub(crate) after: u64,
    pub(crate) changes: Vec<T>,
    /// Bytes up to the torn end.
    pub(crate) good: u64,
    length: u64,
}

impl<T: Numbered> Journal<T> {
    /// The number of its last change; of the one before it, when it has none.
    pub(crate) fn end(&self) -> u64 {
        self.changes.last().map_or(self.after, Numbered::number)
    }

    /// Its torn end.
    pub(crate) fn torn(&self) -> Option<Torn> {
        (self.good < self.length).then(|| Torn { offset: self.good, bytes: self.length - self.good })
    }
}

/// Reads a journal; only the one that was being written can have a torn end.
pub(crate) fn read<T: Numbered>(
    file: &Path,
    may_be_torn: bool,
    damage: &mut Vec<Damage>,
) -> Option<Journal<T>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return None,
        Err(cause) => {
            damage.push(Damage::at(file, None, format!("cannot be read: {cause}")));
            return None;
        }
    };
    let length = bytes.len() as u64;
    let mut lines = line::split(&bytes);
    // The head is brought to the disk before the file gets its name.
    let head =
        lines.next().ok_or_else(|| "it is empty".to_owned()).and_then(|(_, head, _)| record::read_head(head));
    let after = head.map_err(|reason| damage.push(Damage::at(file, Some(0), reason))).ok();
    let mut lines: Vec<(u64, Result<T, String>)> = lines
        .flat_map(|(offset, text, ended)| {
            let recorded = if ended { T::read(text) } else { Err("the line has no end".to_owned()) };
            // Where the end of a line is damaged, the next one looks like a part of it.
            let hidden = if recorded.is_err() && ended { record::find(text) } else { None };
            let hidden = hidden.map(|(place, recorded)| ((offset + place) as u64, Ok(recorded)));
            std::iter::once((offset as u64, recorded)).chain(hidden)
        })
        .collect();
    let mut good = length;
    if may_be_torn && let Some(end) = torn_end(&lines, after.unwrap_or_default()) {
        good = lines[end].0;
        lines.truncate(end);
    }
    let mut changes: Vec<T> = Vec::with_capacity(lines.len());
    let mut expected = after.map(|after| after + 1);
    for (offset, line) in lines {
        match line {
            Err(reason) => {
                damage.push(Damage::at(file, Some(offset), reason));
                expected = None;
            }
            Ok(recorded) => {
                let number = recorded.number();
                if expected.is_some_and(|expected| expected != number) {
                    damage.push(Damage::at(
                        file,
                        Some(offset),
                        format!("change {number} is out of its order"),
                    ));
                }
                expected = Some(number + 1);
                changes.push(recorded);
            }
        }
    }
    Some(Journal { after: after.unwrap_or_default(), changes, good, length })
}

/// The first line of a torn end: one that cannot be read, and after which there is no proof that it once
/// could. A later batch is one: it was begun only when the batch before was on the disk whole.
fn torn_end<T: Numbered>(lines: &[(u64, Result<T, String>)], after: u64) -> Option<usize> {
    let mut latest_batch = vec![0; lines.len() + 1];
    for (place, (_, line)) in lines.iter().enumerate().rev() {
        let batch = line.as_ref().map_or(0, Numbered::batch);
        latest_batch[place] = batch.max(latest_batch[place + 1]);
    }
    let mut next = after + 1;
    for (place, (_, line)) in lines.iter().enumerate() {
        match line {
            Ok(recorded) => next = recorded.number() + 1,
            Err(_) if latest_batch[place] <= next => return Some(place),
            Err(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::file::record::Recorded;
    use crate::{Change, What};

    /// A journal of records with these batches; `0` is a line that cannot be read.
    fn torn_after(batches: &[u64]) -> Option<usize> {
        let lines = batches.iter().zip(1..).map(|(batch, number)| {
            let path = catalog::EntryPath::parse("/a").expect("a path");
            let resource = Arc::new(access::Resource::vacant("/a"));
            let change = Change {
                number,
                at: 0,
                by: String::new(),
                client_id: None,
                what: What::Removed,
                path,
                fields: Vec::new(),
                before: Some(resource),
                after: None,
                etag: None,
            };
            let read = if *batch == 0 {
                Err("damaged".to_owned())
            } else {
                Ok(Recorded::<catalog::AgentEntry> { batch: *batch, change, entry: None })
            };
            (number, read)
        });
        torn_end(&lines.collect::<Vec<_>>(), 0)
    }

    #[test]
    fn an_end_is_torn_unless_a_later_batch_proves_that_it_was_whole() {
        for (batches, expected) in [
            (&[1, 2, 3][..], None),
            (&[1, 2, 0], Some(2)),
            // One batch of three: the disk may have kept its parts in any order.
            (&[1, 0, 2], Some(1)),
            (&[0, 1, 1], Some(0)),
            (&[1, 2, 0, 2], Some(2)),
            // The batch that begins with 4 was begun after 3 was on the disk.
            (&[1, 2, 0, 4], None),
            (&[1, 0, 2, 4], None),
            // Damage that is proven, and a torn end after it.
            (&[1, 0, 3, 0], Some(3)),
            (&[0, 0], Some(0)),
            (&[], None),
        ] {
            assert_eq!(torn_after(batches), expected, "{batches:?}");
        }
    }
}
