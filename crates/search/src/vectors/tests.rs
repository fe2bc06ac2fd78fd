//! Files that are whole, cut, changed, foreign or absent.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::HashedWords;
use crate::rows::to_half;

fn vectors() -> SavedVectors {
    let words = HashedWords::default();
    let entry =
        |text: &str| (Sha256::digest(text).into(), to_half(&words.embed(text).unwrap()).into_boxed_slice());
    SavedVectors::new(&words, HashMap::from([entry("one"), entry("two"), entry("three")]))
}

fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    vectors().write(&path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    // Twice, so that the second replaces the first; nothing else stays in the folder.
    vectors().write(&path).unwrap();
    vectors().write(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let read = SavedVectors::read(&path, &HashedWords::default()).unwrap();
    assert_eq!(read.entries, vectors().entries);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn every_damage_is_noticed() {
    let whole = written();
    for length in 0..whole.len() {
        assert!(SavedVectors::parse(&whole[..length]).is_err(), "cut at {length}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        assert!(SavedVectors::parse(&changed).is_err(), "changed at {place}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(SavedVectors::parse(&longer).is_err());
}

#[test]
fn a_sound_checksum_over_nonsense_is_noticed() {
    let whole = written();
    let body = &whole[..whole.len() - HASH];
    // Version, length of the fingerprint, and count (behind fingerprint and dimensions) out of all measure.
    let fingerprint = HashedWords::default().fingerprint().len();
    for place in [8, 12, 16 + fingerprint + 4] {
        let mut changed = body.to_vec();
        changed[place..place + 4].fill(0xff);
        changed.extend(Sha256::digest(&changed));
        assert!(SavedVectors::parse(&changed).is_err(), "at {place}");
    }
}

#[test]
fn errors_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let words = HashedWords::default();
    let read = |path: &Path| SavedVectors::read(path, &words).err().unwrap();
    assert!(matches!(read(&path), VectorsError::Absent(_)));
    assert!(matches!(read(folder.path()), VectorsError::Unreadable { .. }));
    fs::write(&path, "something else").unwrap();
    assert!(matches!(read(&path), VectorsError::Damaged { .. }));
    vectors().write(&path).unwrap();
    let other = SavedVectors::read(&path, &HashedWords::new(128));
    assert!(matches!(other, Err(VectorsError::Foreign { .. })));
    let nowhere = folder.path().join("absent").join("file");
    assert!(matches!(vectors().write(&nowhere), Err(VectorsError::Unwritable { .. })));
}
