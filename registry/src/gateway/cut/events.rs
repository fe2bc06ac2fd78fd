//! A stream of server-sent events, taken apart at whatever places it comes in: events that nobody has to
//! change pass byte for byte, each as soon as it is whole.

use super::{LONGEST, Uncuttable};

/// What is looked at of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Event<'e> {
    /// Its type; `message` unless it says otherwise.
    pub(in crate::gateway) name: &'e str,
    /// Its data, lines joined by line feeds; nothing where it has none.
    pub(in crate::gateway) data: Option<&'e str>,
    /// Its id, where it has one that is not empty.
    pub(in crate::gateway) id: Option<&'e str>,
}

/// What becomes of an event: what is not named here stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct Change {
    /// Its data from now on.
    pub(in crate::gateway) data: Option<String>,
    /// Its id from now on.
    pub(in crate::gateway) id: Option<String>,
}

/// What becomes of an event, or why the stream must end.
pub(in crate::gateway) type Verdict = Result<Change, Uncuttable>;

/// A stream being read; at most one event of it is held.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Events {
    /// The lines of the event so far, as they came.
    held: Vec<u8>,
    /// Where its last line begins.
    line: usize,
    /// Whether the last byte was a carriage return: a line feed after it ends the same line.
    returned: bool,
    /// Whether an event has been read.
    begun: bool,
}

impl Events {
    /// Takes the next bytes and adds what can be sent on. `judge` says what stands instead of an event's data,
    /// or nothing where it stays.
    ///
    /// # Errors
    /// The stream must end here.
    pub(in crate::gateway) fn push(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        judge: &mut dyn FnMut(Event<'_>) -> Verdict,
    ) -> Result<(), Uncuttable> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.returned) && first == b'\n' {
                if self.held.is_empty() { &mut *out } else { &mut self.held }.push(b'\n');
                self.line = self.held.len();
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.hold(bytes)?;
                return Ok(());
            };
            self.hold(&bytes[..=end])?;
            self.returned = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = &self.held[self.line..self.held.len() - 1];
            let is_blank = line.is_empty() || (!self.begun && self.line == 0 && line == BOM.as_bytes());
            self.line = self.held.len();
            if is_blank {
                self.settle(out, judge)?;
            }
        }
        Ok(())
    }

    /// What is left at the end of the stream. An event that was never ended is none by the standard, and
    /// some readers take it all the same.
    ///
    /// # Errors
    /// The rest must not be sent on.
    pub(in crate::gateway) fn finish(
        &mut self,
        out: &mut Vec<u8>,
        judge: &mut dyn FnMut(Event<'_>) -> Verdict,
    ) -> Result<(), Uncuttable> {
        self.settle(out, judge)
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), Uncuttable> {
        if self.held.len() + bytes.len() > LONGEST {
            return Err(Uncuttable::TooLong);
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn settle(
        &mut self,
        out: &mut Vec<u8>,
        judge: &mut dyn FnMut(Event<'_>) -> Verdict,
    ) -> Result<(), Uncuttable> {
        let held = std::mem::take(&mut self.held);
        self.line = 0;
        let first = !std::mem::replace(&mut self.begun, true);
        // Read twice rather than kept: a list of the shortest lines would be many times as long as they are.
        let lines = Lines { rest: &held, first };
        let mut data: Option<Vec<u8>> = None;
        let (mut name, mut id): (&[u8], &[u8]) = (b"message", b"");
        for line in lines.clone() {
            match line.field() {
                (b"data", value) => match &mut data {
                    None => data = Some(value.to_vec()),
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                },
                (b"event", value) => name = value,
                (b"id", value) => id = value,
                _ => {}
            }
        }
        // Readers put a sign in the place of what is no UTF-8; so does this one, to see what they see.
        let text = data.as_deref().map(String::from_utf8_lossy);
        let (name, id) = (String::from_utf8_lossy(name), String::from_utf8_lossy(id));
        let id = Some(&*id).filter(|id| !id.is_empty());
        let change = match (text.as_deref(), id) {
            (None, None) => Change::default(),
            (data, id) => judge(Event { name: &name, data, id })?,
        };
        if change == Change::default() {
            out.extend_from_slice(&held);
        } else {
            rewrite(lines, &change, out);
        }
        Ok(())
    }
}

/// The lines of an event with other data or another id, which stand where the first of the old ones stood.
fn rewrite(lines: Lines<'_>, change: &Change, out: &mut Vec<u8>) {
    let mut written = [false; 2];
    for line in lines {
        let (number, field, instead) = match (line.field().0, change) {
            (b"data", Change { data: Some(data), .. }) => (0, "data", data),
            (b"id", Change { id: Some(id), .. }) => (1, "id", id),
            _ => {
                out.extend_from_slice(line.mark);
                out.extend_from_slice(line.text);
                out.extend_from_slice(line.end);
                continue;
            }
        };
        if std::mem::replace(&mut written[number], true) {
            continue;
        }
        out.extend_from_slice(line.mark);
        for part in instead.split('\n') {
            out.extend_from_slice(field.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(part.as_bytes());
            out.extend_from_slice(if line.end.is_empty() { b"\n" } else { line.end });
        }
    }
}

/// What the first line of a stream may begin with.
const BOM: &str = "\u{feff}";

/// One line.
struct Line<'e> {
    /// The mark of the stream's first line.
    mark: &'e [u8],
    text: &'e [u8],
    /// What ends it: one or two bytes, or none at the end of the stream.
    end: &'e [u8],
}

impl<'e> Line<'e> {
    /// The name of its field and the value; a comment has an empty name.
    fn field(&self) -> (&'e [u8], &'e [u8]) {
        let Some(colon) = self.text.iter().position(|byte| *byte == b':') else { return (self.text, b"") };
        let value = &self.text[colon + 1..];
        (&self.text[..colon], value.strip_prefix(b" ").unwrap_or(value))
    }
}

#[derive(Clone)]
struct Lines<'e> {
    rest: &'e [u8],
    /// Whether the stream begins here.
    first: bool,
}

impl<'e> Iterator for Lines<'e> {
    type Item = Line<'e>;

    fn next(&mut self) -> Option<Line<'e>> {
        if self.rest.is_empty() {
            return None;
        }
        let stop = self.rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(stop);
        let width = if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
        let (end, rest) = rest.split_at(width);
        self.rest = rest;
        let marked = std::mem::take(&mut self.first) && text.starts_with(BOM.as_bytes());
        let (mark, text) = text.split_at(if marked { BOM.len() } else { 0 });
        Some(Line { mark, text, end })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cut;
    use super::*;

    const CUT: &str = r#"{"id":1,"result":{"tools":[{"name":"a"}]}}"#;
    const FULL: &str = r#"{"id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#;

    fn judge(event: Event<'_>) -> Verdict {
        let data = event.data.map(|data| cut(data, &mut |tool| tool == "a")).transpose()?.flatten();
        Ok(Change { data, id: event.id.filter(|id| *id == "own").map(|_| "marked".to_owned()) })
    }

    fn run(parts: &[&[u8]]) -> Result<Vec<u8>, Uncuttable> {
        let (mut events, mut out) = (Events::default(), Vec::new());
        let mut judge = judge;
        for part in parts {
            events.push(part, &mut out, &mut judge)?;
        }
        events.finish(&mut out, &mut judge)?;
        Ok(out)
    }

    #[track_caller]
    fn check(stream: &str, expected: &str) {
        let out = run(&[stream.as_bytes()]).expect("it passes");
        assert_eq!(String::from_utf8_lossy(&out), expected);
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(run(&bytes).expect("it passes"), out, "byte by byte");
    }

    #[test]
    fn lists_are_cut_and_the_rest_of_the_event_is_kept() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = |data: &str| {
                [": hello", "event: message", "id: 7", data, "retry: 3", "", "data: x", ""].join(end) + end
            };
            check(&stream(&format!("data: {FULL}")), &stream(&format!("data: {CUT}")));
            check(&stream(&format!("data:{FULL}")), &stream(&format!("data: {CUT}")));
            let (one, other) = FULL.split_at(FULL.find("{\"name\"").expect("it is there"));
            // The line's end stood in the list, and what is left of that is put together anew.
            check(&stream(&format!("data: {one}{end}data: {other}")), &stream(&format!("data: {CUT}")));
        }
        check(&format!("\u{feff}data: {FULL}\n\n"), &format!("\u{feff}data: {CUT}\n\n"));
        check(&format!("\u{feff}\ndata: {FULL}\n\n"), &format!("\u{feff}\ndata: {CUT}\n\n"));
        check(&format!("data: {FULL}"), &format!("data: {CUT}\n"));
        check(&format!("data: {FULL}\ndata\n\n"), &format!("data: {CUT}\ndata: \n\n"));
    }

    #[test]
    fn ids_are_changed_and_nothing_beside_them() {
        check("id: own\r\ndata: 1\r\n\r\n", "id: marked\r\ndata: 1\r\n\r\n");
        check("id:own\ndata:\n\nid\n\n", "id: marked\ndata:\n\nid\n\n");
        check("id: 1\nid: own\n\n", "id: marked\n\n");
        check(&format!("id: own\ndata: {FULL}\n\n"), &format!("id: marked\ndata: {CUT}\n\n"));
    }

    #[test]
    fn other_events_pass_byte_for_byte() {
        for stream in [
            "",
            "\n",
            "\r\r\n\n",
            ": ping\r\n\r\n",
            "data\n\n",
            "id: 1\nretry: x\n\n",
            "event: endpoint\ndata: /tools?x=1\n\n",
            "nonsense\n\ndata: {broken\n\n",
            &format!("Data: {FULL}\n\n"),
            &format!("data: {CUT}\n\ndata: {CUT}"),
        ] {
            check(stream, stream);
        }
    }

    #[test]
    fn an_event_is_out_as_soon_as_it_is_in() {
        let (mut events, mut out) = (Events::default(), Vec::new());
        let mut judge = judge;
        events.push(b"data: 1\r\r", &mut out, &mut judge).expect("it passes");
        assert_eq!(out, b"data: 1\r\r", "without waiting for a line feed");
        events.push(b"\ndata: 2", &mut out, &mut judge).expect("it passes");
        assert_eq!(out, b"data: 1\r\r\n");
    }

    #[test]
    fn what_cannot_be_cut_ends_the_stream() {
        let broken = format!("data: {}\n\n", &FULL[..FULL.len() - 1]);
        assert_eq!(run(&[broken.as_bytes()]), Err(Uncuttable::Unclear));
        assert_eq!(run(&[broken.trim_end().as_bytes()]), Err(Uncuttable::Unclear), "at its end too");
        let chunk = vec![b'x'; 1 << 20];
        assert_eq!(run(&[chunk.as_slice(); 9]), Err(Uncuttable::TooLong));
        let mut invalid = b"data: \"tools\xff\"\n\n".to_vec();
        assert_eq!(run(&[&invalid]).as_deref(), Ok(&*invalid));
        invalid = format!("data: {FULL}").replace("\"a\"}", "\"a\",\"x\":\"?\"}").into_bytes();
        let at = invalid.iter().position(|byte| *byte == b'?').expect("it is there");
        invalid[at] = 0xff;
        let out = run(&[&invalid]).expect("it passes");
        assert!(!String::from_utf8_lossy(&out).contains("\"b\""));
    }

    proptest! {
        #[test]
        fn however_it_is_split(
            lines in prop::collection::vec(prop_oneof![
                Just(format!("data: {FULL}")), Just(format!("data:{CUT}")), Just("data: 1".to_owned()),
                Just(String::new()), Just(String::new()), Just(": c".to_owned()), Just("id: 3".to_owned()),
                Just("event: x".to_owned()), Just(BOM.to_owned()), "[ac-z:{}\" ]{0,8}",
            ], 0..12),
            ends in prop::collection::vec(prop_oneof![Just("\n"), Just("\r"), Just("\r\n")], 12),
            cuts in prop::collection::vec(0usize..600, 0..8),
        ) {
            let stream: String = lines.iter().zip(&ends).map(|(line, end)| format!("{line}{end}")).collect();
            let bytes = stream.as_bytes();
            let whole = run(&[bytes]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(run(&parts), whole.clone());
            if let Ok(out) = whole {
                prop_assert!(!String::from_utf8_lossy(&out).contains("\"b\""), "nothing is seen that may not be");
            }
        }
    }
}
