//! A stream of events (`text/event-stream`), part by part as it comes.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; `message` where none was said.
    pub(super) kind: String,
    /// Its lines of data, joined by line breaks.
    pub(super) data: String,
}

/// What has come of a stream. Lines end with LF, CR or both, wherever the parts were cut.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    /// The last byte was a CR: an LF right after it ends no other line.
    after_cr: bool,
    begun: bool,
    kind: String,
    data: Option<String>,
}

impl Events {
    /// Takes a part; the events that it completes.
    pub(super) fn push(&mut self, part: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in part {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_of_line());
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
        events
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        // A byte order mark may stand before everything.
        let line = if self.begun { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            let data = self.data.take()?;
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            return Some(Event { kind, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.kind = value.to_owned(),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments, ids, times to wait: nothing that is needed here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_the_parts_are_cut() {
        let text = "\u{feff}: hello\r\n\r\nevent: endpoint\rdata: /messages?x=1\r\r\nid: 7\ndata: {\"a\":\ndata:1}\n\nevent: ping\n\ndata: cut";
        let expected = [
            Event { kind: "endpoint".into(), data: "/messages?x=1".into() },
            Event { kind: "message".into(), data: "{\"a\":\n1}".into() },
        ];
        for size in [1, 2, 3, 7, text.len()] {
            let mut events = Events::default();
            let found: Vec<Event> = text.as_bytes().chunks(size).flat_map(|part| events.push(part)).collect();
            assert_eq!(found, expected, "in parts of {size}");
        }
    }
}
