//! One stack per test program, started by the first test that asks for it, ended with the program.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;
use xtask::stack::{Stack, StackOptions, build};
use xtask::{model, setup};

use crate::silence;

/// A stack that the tests of one program share.
pub struct Shared {
    stack: OnceCell<Result<Stack, String>>,
    adjust: fn(&mut StackOptions),
}

impl Shared {
    /// The usual stack, adjusted.
    #[must_use]
    pub const fn new(adjust: fn(&mut StackOptions)) -> Self {
        Self { stack: OnceCell::const_new(), adjust }
    }

    /// The running stack; none, said loudly, when this machine cannot run one.
    ///
    /// # Panics
    /// When the stack could be started and does not start: that is a failure of what is tested.
    pub async fn get(&self) -> Option<&Stack> {
        let started = self.stack.get_or_init(|| start(self.adjust)).await;
        match started {
            Ok(stack) => Some(stack),
            Err(reason) => {
                skipped(reason);
                None
            }
        }
    }
}

/// Says that a test did not test anything; that is a failure where nothing may be left out (`E2E_NO_SKIP=1`).
///
/// # Panics
/// With `E2E_NO_SKIP=1`.
pub fn skipped(reason: &str) {
    let nothing_may_be = std::env::var_os("E2E_NO_SKIP").is_some_and(|value| value == "1");
    assert!(!nothing_may_be, "E2E_NO_SKIP=1, and this machine cannot test it: {reason}");
    loudly(&format!("SKIPPED: {reason}"));
}

/// Says something that is read also when the test passes: the test runner keeps what `println!` says.
pub fn loudly(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}");
}

/// The model that `make model` fetched, or why there is none.
///
/// # Errors
/// One line that says what to type.
pub fn model() -> Result<PathBuf, String> {
    let data = std::env::var_os("DATA").map(PathBuf::from).unwrap_or_else(|| "data".into());
    let candidates = [xtask::root().join(data).join("model"), xtask::root().join("data/model")];
    model::present(&candidates).ok_or_else(|| "there is no model: type make model".to_owned())
}

/// The usual stack, not started: on a free port, in a folder of its own, with the model.
///
/// # Errors
/// One line that says what this machine lacks for it.
///
/// # Panics
/// When the servers cannot be built.
pub fn options() -> Result<StackOptions, String> {
    setup::nginx().map_err(|fault| fault.to_string())?;
    let model = model()?;
    let binaries = build::servers(build::Profile::Dev).unwrap_or_else(|fault| panic!("{fault}"));
    let mut options = StackOptions::new(folder("stack"), binaries);
    options.model = Some(model);
    Ok(options)
}

async fn start(adjust: fn(&mut StackOptions)) -> Result<Stack, String> {
    let mut options = options()?;
    adjust(&mut options);
    Ok(Stack::start(options).await.unwrap_or_else(|fault| panic!("the stack does not start: {fault}")))
}

/// A folder for this test program that nginx's workers can enter. A static is never dropped, so what
/// earlier programs left behind is taken away by the next one, which first looks whether a secret or a token
/// stands in its logs: so it is for all stacks of all tests.
///
/// # Panics
/// When one does. The folder then stays, to be looked at.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let temporary = std::env::temp_dir();
    for entry in fs::read_dir(&temporary).into_iter().flatten().flatten() {
        let left_behind = entry.file_name().to_str().and_then(owner).is_some_and(|pid| !is_alive(pid));
        if left_behind {
            let broken = silence::broken(&entry.path());
            assert!(broken.is_empty(), "secrets or tokens stand in what servers wrote: {broken:?}");
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("{PREFIX}{}-{name}-", std::process::id());
    xtask::files::temporary(&prefix).unwrap_or_else(|fault| panic!("{fault}")).keep()
}

const PREFIX: &str = "agent-registry-e2e-";

fn owner(folder: &str) -> Option<u32> {
    folder.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
