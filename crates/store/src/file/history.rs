//! `agent_history.jsonl`, `server_history.jsonl`: the changes that are remembered, so that a restart forgets none of them.
//!
//! It is rewritten together with the snapshot, and is never the truth about an entry: when it is damaged,
//! it is put aside, and followers read everything anew.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use catalog::Entry;
use serde::{Deserialize, Serialize};

use super::line;
use crate::change::ChangeRecord;
use crate::{Change, ChangeLog, HistoryLimits};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// What a follower must know at least.
    floor: u64,
    last: u64,
}

/// Reads the file; `None` when there is none.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read<E: Entry>(file: &Path, limits: HistoryLimits) -> Result<Option<ChangeLog>, String> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(format!("cannot be read: {cause}")),
    };
    let mut lines = line::split(&bytes);
    let (_, head, _) = lines.next().ok_or("it is empty")?;
    let head: Head = serde_json::from_slice(line::read(head)?).map_err(|fault| fault.to_string())?;
    let mut log = ChangeLog::after(head.floor, limits);
    for (offset, text, _) in lines {
        let change = line::read(text).map_err(str::to_owned).and_then(change::<E>);
        log.push(change.map_err(|fault| format!("offset {offset}: {fault}"))?.into());
    }
    log.skip_to(head.last);
    Ok(Some(log))
}

fn change<E: Entry>(json: &[u8]) -> Result<Change, String> {
    serde_json::from_slice::<ChangeRecord>(json).map_err(|fault| fault.to_string())?.change::<E>()
}

/// Writes the file.
pub(super) fn write(out: &mut impl Write, log: &ChangeLog) -> io::Result<()> {
    let mut text = Vec::new();
    line::write(&mut text, &serde_json::to_vec(&Head { floor: log.floor(), last: log.last() })?);
    out.write_all(&text)?;
    for change in log.iter() {
        text.clear();
        line::write(&mut text, &serde_json::to_vec(&ChangeRecord::from(&**change))?);
        out.write_all(&text)?;
    }
    Ok(())
}
