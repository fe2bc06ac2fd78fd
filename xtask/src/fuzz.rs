//! Feeding the readers of what strangers send, for a bounded time each.

use std::fs;
use std::process::Command;

use crate::fault::{Doing as _, Outcome};
use crate::{root, say, shell};

/// A target of `tests/fuzz`, and folders of good inputs to begin with.
const TARGETS: [(&str, &str); 4] = [
    ("bearer", "tests/fuzz/seeds/bearer"),
    ("target", "tests/fuzz/seeds/target"),
    ("policy", "deploy"),
    ("card", "deploy/samples/agents"),
];

/// Runs every target for so many seconds; a finding is a fault and lies in `tests/fuzz/artifacts`.
pub fn run(seconds: u32) -> Outcome<()> {
    if shell::find("cargo-fuzz").is_none() {
        say("installing cargo-fuzz");
        shell::show("cargo install", Command::new("cargo").args(["install", "--locked", "cargo-fuzz"]))?;
    }
    for (target, seeds) in TARGETS {
        say(&format!("{target}: {seconds} s"));
        let corpus = root().join("tests/fuzz/corpus").join(target);
        fs::create_dir_all(&corpus).doing(|| format!("make {}", corpus.display()))?;
        let mut fuzz = Command::new("cargo");
        fuzz.current_dir(root())
            // libFuzzer's coverage flags are unstable; a stable compiler takes them with this.
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", target])
            .arg(&corpus)
            .arg(root().join(seeds))
            .args([
                "--",
                &format!("-max_total_time={seconds}"),
                "-timeout=10",
                "-max_len=16384",
                "-print_final_stats=1",
            ]);
        shell::show(&format!("the fuzzing of {target}"), &mut fuzz)?;
    }
    Ok(())
}
