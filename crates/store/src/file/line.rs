//! One checksummed line of a file: the CRC-32 of a JSON text as eight hex digits, a space, the text.

use std::io::{self, Write};

/// Digits of the checksum.
pub(crate) const SUM: usize = 8;
/// The checksum and the space after it.
const FRAME: usize = SUM + 1;

/// Appends a line.
pub(crate) fn write(out: &mut Vec<u8>, json: &[u8]) {
    // Writing to memory does not fail.
    let _ = write!(out, "{:08x} ", crc32fast::hash(json));
    out.extend_from_slice(json);
    out.push(b'\n');
}

/// The JSON text of a line (without its end), if the checksum agrees.
pub(crate) fn read(line: &[u8]) -> Result<&[u8], &'static str> {
    let (frame, json) = line.split_at_checked(FRAME).ok_or("the line is cut short")?;
    let sum = frame.strip_suffix(b" ").and_then(|digits| str::from_utf8(digits).ok());
    // Only the spelling that is written: no sign, no capitals.
    let sum = sum.filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let sum = sum.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match sum {
        Some(sum) if sum == crc32fast::hash(json) => Ok(json),
        Some(_) => Err("the checksum disagrees"),
        None => Err("there is no checksum"),
    }
}

/// Each line with the offset of its first byte and whether its end is there.
pub(crate) fn split(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8], bool)> {
    let mut offset = 0;
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let at = offset;
        offset += line.len();
        match line.strip_suffix(b"\n") {
            Some(line) => (at, line, true),
            None => (at, line, false),
        }
    })
}

/// Sums up what is written through it.
pub(crate) struct Summed<W> {
    out: W,
    sum: crc32fast::Hasher,
}

impl<W: Write> Summed<W> {
    pub(crate) fn new(out: W) -> Summed<W> {
        Summed { out, sum: crc32fast::Hasher::new() }
    }

    /// The checksum of everything so far.
    pub(crate) fn sum(&self) -> u32 {
        self.sum.clone().finalize()
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_no_other() {
        let mut bytes = Vec::new();
        write(&mut bytes, b"{\"a\":1}");
        let line = bytes.strip_suffix(b"\n").expect("a line ends");
        assert_eq!(read(line), Ok(&b"{\"a\":1}"[..]));
        for place in 0..line.len() {
            for bit in 0..8 {
                let mut damaged = line.to_vec();
                damaged[place] ^= 1 << bit;
                assert!(read(&damaged).is_err(), "bit {bit} of byte {place}");
            }
            assert!(read(&line[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn lines_are_split_with_their_places() {
        let lines: Vec<_> = split(b"ab\n\nc").collect();
        assert_eq!(lines, [(0, &b"ab"[..], true), (3, &b""[..], true), (4, &b"c"[..], false)]);
        assert_eq!(split(b"").count(), 0);
    }
}
