//! Where the tests find the real model.

use std::path::{Path, PathBuf};

use search::ModelFiles;

/// The model's files: in the folder `TEST_MODEL_DIR`, else in `data/model` of the workspace.
///
/// Without them it says so on stderr and gives none; the test then returns. A folder that is named by the
/// variable must be whole, or a typing mistake would pass as a skipped test.
pub(crate) fn files(test: &str) -> Option<ModelFiles> {
    if let Some(folder) = std::env::var_os("TEST_MODEL_DIR") {
        let folder = PathBuf::from(folder);
        return Some(ModelFiles::in_folder(&folder).expect("TEST_MODEL_DIR names a folder with a model"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/model");
    let files = ModelFiles::in_folder(&folder);
    if let Err(reason) = &files {
        // Straight to the descriptor's lock: `eprintln!` of a passing test is kept back by the harness.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
    }
    files.ok()
}
