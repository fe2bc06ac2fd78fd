//! The Python system's layout: one JSON file an agent (`*_agent.json`) or a server, and beside them
//! `agent_state.json` with two lists of paths, `server_state.json` with each path and whether it is enabled.

mod agents;
mod servers;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{AGENTS, Place, SERVERS, Source, SourceFault};

/// How the names of the agents' files end.
const ENDING: &str = "_agent.json";

/// Whether a kind is wanted, and what the state beside its files says.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'s> {
    /// Its files are left where they are.
    No,
    /// There is no state: none of them is enabled, as there.
    Without,
    With(&'s Map<String, Value>),
}

impl<'s> Wanted<'s> {
    pub(super) fn with(state: Option<&'s Map<String, Value>>) -> Wanted<'s> {
        state.map_or(Wanted::Without, Wanted::With)
    }
}

/// Reads the folder and those in it.
pub(super) fn read(folder: &Path, agents: Wanted<'_>, servers: Wanted<'_>) -> Result<Source, SourceFault> {
    let mut files = Files::default();
    files.walk(folder).map_err(|cause| SourceFault::Unknown(format!("{}: {cause}", folder.display())))?;
    let mut others = Vec::new();
    let of_servers = match servers {
        Wanted::No => {
            others.append(&mut files.others);
            None
        }
        Wanted::Without | Wanted::With(_) => servers::read(folder, files.others, servers, &mut others)?,
    };
    let of_agents = match agents {
        Wanted::No => {
            others.append(&mut files.agents);
            None
        }
        Wanted::Without if files.agents.is_empty() => None,
        Wanted::Without | Wanted::With(_) => Some(agents::read(folder, files.agents, agents)?),
    };
    let Some(mut source) = [of_agents, of_servers].into_iter().flatten().reduce(Source::and) else {
        return Err(SourceFault::Unknown(format!(
            "{}: has neither {AGENTS} nor {SERVERS}, no file whose name ends with {ENDING}, and none of a server",
            folder.display()
        )));
    };
    source.recognised = format!("the Python system's layout: {}", source.recognised);
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(|file| place(file).file).collect();
        source.notes.insert(
            0,
            format!("not read, because nothing that is taken here is in them: {}", others.join(", ")),
        );
    }
    Ok(source)
}

/// The JSON files of the layout but for the states, in the order of their names.
#[derive(Default)]
struct Files {
    agents: Vec<PathBuf>,
    others: Vec<PathBuf>,
}

impl Files {
    fn walk(&mut self, folder: &Path) -> io::Result<()> {
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|item| item.map(|item| item.path())).collect::<io::Result<_>>()?;
        names.sort();
        for file in names {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            // A link to a folder could lead back here.
            if file.is_dir() && !file.is_symlink() {
                self.walk(&file)?;
            } else if name.ends_with(ENDING) {
                self.agents.push(file);
            } else if file.extension() == Some(OsStr::new("json")) && name != AGENTS && name != SERVERS {
                self.others.push(file);
            }
        }
        Ok(())
    }
}

fn place(file: &Path) -> Place {
    Place { file: file.display().to_string(), line: None }
}
