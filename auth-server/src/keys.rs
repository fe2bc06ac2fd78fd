//! Our signing keys: made at the first start, kept in the state folder, never replaced.

use std::path::Path;

use boot::files::{self, FileFault};
use token::{Signer, SigningAlgorithm};

/// The key of a name and algorithm, made when it is not there.
///
/// # Errors
/// A line for the operator: the folder cannot be written, the key is open to others, or is no key.
pub(crate) fn load_or_make(folder: &Path, name: &str, algorithm: SigningAlgorithm) -> Result<Signer, String> {
    files::private_folder(folder).map_err(|fault| fault.to_string())?;
    if let Some(signer) = load(folder, name, algorithm)? {
        return Ok(signer);
    }
    let (signer, pkcs8) = Signer::generate(algorithm).map_err(|fault| fault.to_string())?;
    match files::write_new(&path(folder, name, algorithm), &pkcs8) {
        Ok(()) => Ok(signer),
        // Another process made it a moment ago: both must sign with the same key.
        Err(FileFault::Exists(path)) => {
            load(folder, name, algorithm)?.ok_or_else(|| format!("{}: came and went", path.display()))
        }
        Err(fault) => Err(fault.to_string()),
    }
}

/// The key of a name and algorithm, if there is one.
///
/// # Errors
/// As [`load_or_make`].
pub(crate) fn load(folder: &Path, name: &str, algorithm: SigningAlgorithm) -> Result<Option<Signer>, String> {
    let path = path(folder, name, algorithm);
    let Some(pkcs8) = files::read_private(&path).map_err(|fault| fault.to_string())? else { return Ok(None) };
    Signer::from_pkcs8(algorithm, &pkcs8).map(Some).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// E.g. `identity.eddsa.pk8`: PKCS#8 in DER.
fn path(folder: &Path, name: &str, algorithm: SigningAlgorithm) -> std::path::PathBuf {
    folder.join(format!("{name}.{}.pk8", algorithm.name().to_ascii_lowercase()))
}
