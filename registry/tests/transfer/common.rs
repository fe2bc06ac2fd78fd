//! The real binary, and what its tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A folder with the state of two registries in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and says where.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.at(name), text).expect("written");
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    /// `registry store …` on the state `state`.
    pub(crate) fn run(&self, state: &str, arguments: &[&str]) -> Done {
        Done::of(self.command(state, arguments).output().expect("it runs"))
    }

    pub(crate) fn command(&self, state: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
        command.arg("store").args(arguments).arg("--state").arg(self.at(state));
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// An import with its report.
    pub(crate) fn import(&self, state: &str, arguments: &[&str]) -> Done {
        self.run(state, &[&["import", "--json"], arguments].concat())
    }

    /// The export's text.
    pub(crate) fn export(&self, state: &str) -> String {
        self.run(state, &["export"]).is(0).out
    }

    /// One card of the state, by an export.
    pub(crate) fn card(&self, state: &str, path: &str) -> Value {
        let export = self.export(state);
        let mut lines = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.find(|line| line["path"] == path).unwrap_or_else(|| panic!("{path} is not there"))["card"]
            .clone()
    }
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Done {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Done {
            code: output.status.code().expect("a code"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    #[track_caller]
    pub(crate) fn is(self, code: i32) -> Done {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|fault| panic!("no report ({fault}): {self:#?}"))
    }

    /// Found, taken, replaced, kept, unchanged, refused, unwritten.
    pub(crate) fn counts(&self) -> [u64; 7] {
        let report = self.report();
        ["found", "taken", "replaced", "kept", "unchanged", "refused", "unwritten"]
            .map(|name| report[name].as_u64().expect("a number"))
    }

    /// What is said of a path, with the verdict before it; the file's name before both.
    pub(crate) fn said(&self, path: &str) -> Vec<String> {
        let report = self.report();
        let remarks = report["remarks"].as_array().expect("a list");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let one = |remark: &Value| {
            let file = Path::new(remark["file"].as_str().expect("a file")).file_name().unwrap_or_default();
            let line = remark["line"].as_u64().map_or_else(String::new, |line| format!(":{line}"));
            let reasons: Vec<String> =
                remark["reasons"].as_array().expect("a list").iter().map(text).collect();
            format!("{}{line} {}: {}", file.display(), text(&remark["verdict"]), reasons.join("; "))
        };
        remarks.iter().filter(|remark| remark["path"].as_str().unwrap_or_default() == path).map(one).collect()
    }
}

/// A guide-form state with these cards.
pub(crate) fn state(cards: &[Value]) -> String {
    let agents: serde_json::Map<String, Value> =
        cards.iter().map(|card| (card["path"].as_str().expect("a path").to_owned(), card.clone())).collect();
    json!({ "agents": agents }).to_string()
}

/// A small right card.
pub(crate) fn card(path: &str, description: &str) -> Value {
    json!({
        "name": "An agent", "description": description, "path": path, "url": "https://agents.example.com/a",
        "visibility": "public", "registered_at": "2025-11-09T10:30:00Z", "registered_by": "ada",
        "updated_at": "2025-11-10T08:00:00Z"
    })
}

/// A guide-form state with these servers.
pub(crate) fn servers_state(cards: &[Value]) -> String {
    let servers: serde_json::Map<String, Value> =
        cards.iter().map(|card| (card["path"].as_str().expect("a path").to_owned(), card.clone())).collect();
    json!({ "servers": servers }).to_string()
}

/// A small right server.
pub(crate) fn server(path: &str, description: &str) -> Value {
    json!({
        "server_name": "A server", "description": description, "path": path,
        "proxy_pass_url": "https://mcp.example.com/mcp", "is_enabled": true,
        "registered_at": "2025-11-09T10:30:00Z", "registered_by": "ada", "updated_at": "2025-11-10T08:00:00Z"
    })
}

/// Every name in a folder and below it, with the bytes of each file.
pub(crate) fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).expect("a folder") {
        let path = item.expect("an item").path();
        if path.is_dir() {
            found.extend(everything(&path));
        }
        let bytes = fs::read(&path).unwrap_or_default();
        found.push((path, bytes));
    }
    found.sort();
    found
}
