//! Some servers compress whatever they were asked for: what must be cut is taken out of it piece by piece.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use super::Uncuttable;

/// How much is taken at a time, in bytes: at its densest it becomes a thousand times as much.
const PIECE: usize = 2048;

/// A compressed stream being read.
#[derive(Debug)]
pub(in crate::gateway) struct Gunzip(MultiGzDecoder<Vec<u8>>);

impl Gunzip {
    pub(in crate::gateway) fn new() -> Gunzip {
        Gunzip(MultiGzDecoder::new(Vec::new()))
    }

    /// Takes a piece of the bytes; all that can be told from it is handed over.
    ///
    /// # Errors
    /// It is not compressed with gzip, or what is handed over is refused.
    pub(in crate::gateway) fn push(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<(), Uncuttable>,
    ) -> Result<(), Uncuttable> {
        for piece in bytes.chunks(PIECE) {
            self.0.write_all(piece).and_then(|()| self.0.flush()).map_err(|_| Uncuttable::NotGzip)?;
            each(&std::mem::take(self.0.get_mut()))?;
        }
        Ok(())
    }

    /// The end of the stream: what was not ended is not whole.
    ///
    /// # Errors
    /// It is not whole.
    pub(in crate::gateway) fn finish(
        &mut self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Uncuttable>,
    ) -> Result<(), Uncuttable> {
        self.0.try_finish().map_err(|_| Uncuttable::NotGzip)?;
        each(&std::mem::take(self.0.get_mut()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gunzip(parts: &[&[u8]]) -> Result<Vec<u8>, Uncuttable> {
        let (mut gunzip, mut out) = (Gunzip::new(), Vec::new());
        for part in parts {
            gunzip.push(part, &mut |bytes| {
                out.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        gunzip.finish(&mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(out)
    }

    #[test]
    fn what_was_flushed_is_there_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut gunzip = Gunzip::new();
        let (mut sent, mut out) = (0, Vec::new());
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            encoder.write_all(event.as_bytes()).and_then(|()| encoder.flush()).expect("to memory");
            let bytes = encoder.get_ref()[sent..].to_vec();
            sent += bytes.len();
            for byte in bytes.chunks(1) {
                let mut each = |bytes: &[u8]| {
                    out.extend_from_slice(bytes);
                    Ok(())
                };
                gunzip.push(byte, &mut each).expect("gzip");
            }
            assert!(out.ends_with(event.as_bytes()), "{event:?}");
        }
    }

    #[test]
    fn whole_or_refused() {
        let text = "tools ".repeat(100_000);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).expect("to memory");
        let bytes = encoder.finish().expect("to memory");
        assert_eq!(gunzip(&[&bytes]).as_deref(), Ok(text.as_bytes()));
        assert_eq!(gunzip(&bytes.chunks(7).collect::<Vec<_>>()).as_deref(), Ok(text.as_bytes()));
        assert_eq!(gunzip(&[&bytes, &bytes]).map(|out| out.len()), Ok(2 * text.len()), "one after the other");
        assert_eq!(gunzip(&[&bytes[..bytes.len() - 9]]), Err(Uncuttable::NotGzip));
        assert_eq!(gunzip(&[b"data: 1\n\n"]), Err(Uncuttable::NotGzip));
        let mut spoilt = bytes.clone();
        spoilt[bytes.len() - 6] ^= 1;
        assert_eq!(gunzip(&[&spoilt]), Err(Uncuttable::NotGzip), "its sum counts");
    }
}
