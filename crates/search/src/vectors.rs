//! The file that spares a restart the embedding: vectors by the hash of their text.
//!
//! Layout, little endian: magic, version (u32), length of the fingerprint (u32), fingerprint, dimensions
//! (u32), count (u64), then per entry SHA-256 of the text and the vector as f16; at the end SHA-256 of all
//! that. Texts themselves are not in it, but vectors tell much about them: the file is for its owner only.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::f16;
use half::slice::HalfFloatSliceExt;
use sha2::{Digest, Sha256};

use crate::rows::TextHash;
use crate::{Embedder, VectorsError};

const MAGIC: &[u8; 8] = b"vectors\n";
const VERSION: u32 = 1;
const HASH: usize = size_of::<TextHash>();

/// Vectors of an earlier run, and the model they belong to.
pub struct SavedVectors {
    fingerprint: String,
    dimensions: usize,
    pub(crate) entries: HashMap<TextHash, Box<[f16]>>,
}

impl SavedVectors {
    pub(crate) fn new(embedder: &dyn Embedder, entries: HashMap<TextHash, Box<[f16]>>) -> Self {
        Self { fingerprint: embedder.fingerprint().to_owned(), dimensions: embedder.dimensions(), entries }
    }

    /// Reads the file of an earlier run with the same embedder.
    ///
    /// # Errors
    /// [`VectorsError`] tells a first start, a damaged file and one of another model apart. None of them is a
    /// reason to stop: the caller goes on without, and every text is embedded again.
    pub fn read(path: &Path, embedder: &dyn Embedder) -> Result<Self, VectorsError> {
        let bytes = fs::read(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => VectorsError::Absent(path.to_owned()),
            _ => VectorsError::Unreadable { path: path.to_owned(), cause },
        })?;
        let damaged = |reason| VectorsError::Damaged { path: path.to_owned(), reason };
        let vectors = Self::parse(&bytes).map_err(damaged)?;
        vectors.check(embedder)?;
        Ok(vectors)
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn check(&self, embedder: &dyn Embedder) -> Result<(), VectorsError> {
        if self.fingerprint == embedder.fingerprint() && self.dimensions == embedder.dimensions() {
            return Ok(());
        }
        Err(VectorsError::Foreign {
            found: format!("{} ({} dimensions)", self.fingerprint, self.dimensions),
            expected: format!("{} ({} dimensions)", embedder.fingerprint(), embedder.dimensions()),
        })
    }

    /// Writes the file: aside, to the disk, then in place, so that a crash leaves the old one or the new one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), VectorsError> {
        self.write_whole(path).map_err(|cause| VectorsError::Unwritable { path: path.to_owned(), cause })
    }

    fn write_whole(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // In the same folder, or the rename would be a copy; readable by its owner only.
        let mut aside = tempfile::NamedTempFile::new_in(folder)?;
        let mut out = Summed { out: BufWriter::new(aside.as_file_mut()), digest: Sha256::new() };
        self.write_entries(&mut out)?;
        let sum = out.digest.finalize_reset();
        out.out.write_all(&sum)?;
        out.out.flush()?;
        drop(out);
        aside.as_file().sync_all()?;
        aside.persist(path)?;
        // The rename itself is only on the disk once its folder is.
        File::open(folder)?.sync_all()
    }

    fn write_entries(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&(self.fingerprint.len() as u32).to_le_bytes())?;
        out.write_all(self.fingerprint.as_bytes())?;
        out.write_all(&(self.dimensions as u32).to_le_bytes())?;
        out.write_all(&(self.entries.len() as u64).to_le_bytes())?;
        for (text, vector) in &self.entries {
            out.write_all(text)?;
            out.write_all(&print_row(vector))?;
        }
        Ok(())
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        // What it is comes before whether it is whole: a foreign file deserves the better message.
        if !bytes.starts_with(MAGIC) {
            return Err("it is not a file of vectors");
        }
        let (body, sum) = bytes.split_last_chunk::<HASH>().ok_or("it is cut short")?;
        if Sha256::digest(body)[..] != sum[..] {
            return Err("its checksum disagrees");
        }
        let mut rest = Rest(&body[MAGIC.len()..]);
        if u32::from_le_bytes(rest.array()?) != VERSION {
            return Err("it is of another version");
        }
        let length = u32::from_le_bytes(rest.array()?) as usize;
        let fingerprint = str::from_utf8(rest.take(length)?).map_err(|_| "its fingerprint is not text")?;
        let dimensions = u32::from_le_bytes(rest.array()?) as usize;
        let count = u64::from_le_bytes(rest.array()?);
        let entry = HASH + dimensions * 2;
        if count.checked_mul(entry as u64) != Some(rest.0.len() as u64) {
            return Err("its length disagrees with its count");
        }
        let entries = rest.0.chunks_exact(entry).filter_map(|entry| {
            let (text, vector) = entry.split_first_chunk::<HASH>()?;
            // One of another length than 1 was never written here, whatever the sum says.
            Some((*text, read_row(vector, dimensions).filter(|vector| is_of_length_one(vector))?))
        });
        Ok(Self { fingerprint: fingerprint.to_owned(), dimensions, entries: entries.collect() })
    }
}

/// A vector's bytes.
pub(crate) fn print_row(vector: &[f16]) -> Vec<u8> {
    vector.reinterpret_cast().iter().flat_map(|bits| bits.to_le_bytes()).collect()
}

/// A vector out of its bytes, if there are as many as it needs.
pub(crate) fn read_row(bytes: &[u8], dimensions: usize) -> Option<Box<[f16]>> {
    let (values, rest) = bytes.as_chunks::<2>();
    let is_whole = rest.is_empty() && values.len() == dimensions;
    is_whole.then(|| values.iter().map(|value| f16::from_le_bytes(*value)).collect())
}

/// Whether it is one that an embedder makes, as far as halves can tell: a NaN would spoil every answer.
pub(crate) fn is_of_length_one(vector: &[f16]) -> bool {
    let length = vector.iter().map(|value| value.to_f32().powi(2)).sum::<f32>().sqrt();
    (0.98..=1.02).contains(&length)
}

/// Sums up what is written through it.
struct Summed<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The unread rest of a file.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests;
