//! A stream of events (HTML, "Server-sent events") → the one answer that is waited for.

use super::mcp::Message;

/// What was read of a stream so far.
pub(super) struct Events {
    /// The id of what was asked.
    id: u64,
    line: Vec<u8>,
    /// A line feed after a carriage return ends no second line.
    after_return: bool,
    data: Option<String>,
    answer: Option<Message>,
}

impl Events {
    /// Of a stream that is to hold the answer to this.
    pub(super) fn new(id: u64) -> Events {
        Events { id, line: Vec::new(), after_return: false, data: None, answer: None }
    }

    /// Reads one part more; whether the answer is there. What the server tells or asks on the way (progress, its
    /// log, a ping) needs no answer of a client that has declared no capabilities and stays for one call.
    pub(super) fn take(&mut self, part: &[u8]) -> bool {
        for byte in part {
            let ends = match byte {
                b'\r' => true,
                b'\n' => !self.after_return,
                _ => {
                    self.line.push(*byte);
                    false
                }
            };
            self.after_return = *byte == b'\r';
            if ends {
                self.end_line();
            }
        }
        self.answer.is_some()
    }

    /// The answer, if it came.
    pub(super) fn answer(self) -> Option<Message> {
        self.answer
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        if line.is_empty() {
            self.end_event();
        } else if let Some(data) = field(line, "data") {
            match &mut self.data {
                None => self.data = Some(data.to_owned()),
                Some(held) => {
                    held.push('\n');
                    held.push_str(data);
                }
            }
        }
    }

    fn end_event(&mut self) {
        let Some(data) = self.data.take() else { return };
        if self.answer.is_none() {
            self.answer = Message::read(&data).filter(|message| message.id == self.id);
        }
    }
}

/// The value of a line of this field: one blank after the colon is none of it.
fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some("");
    }
    let value = rest.strip_prefix(':')?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"content":[]}}"#;

    fn read(stream: &str, parts: usize) -> Option<String> {
        let mut events = Events::new(2);
        for part in stream.as_bytes().chunks(parts) {
            if events.take(part) {
                break;
            }
        }
        events.answer().map(|answer| answer.body)
    }

    #[test]
    fn the_answer_is_found_however_the_stream_is_written_and_cut() {
        let half = ANSWER.len() / 2;
        let at = ANSWER[..half].rfind(',').expect("a place to break the line") + 1;
        let (one, other) = ANSWER.split_at(at);
        for stream in [
            format!("data: {ANSWER}\n\n"),
            format!("event: message\r\ndata: {ANSWER}\r\n\r\n"),
            format!("\u{feff}: ping\rid: 1\rdata:{ANSWER}\r\r"),
            format!("id: 1\ndata:\n\ndata: {ANSWER}\n\n"),
            format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"id\":2}}\n\ndata: {ANSWER}\n\n"),
            format!("data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{}}}}\n\ndata: {ANSWER}\n\n"),
        ] {
            for parts in [1, 2, 7, stream.len()] {
                assert_eq!(read(&stream, parts).as_deref(), Some(ANSWER), "{stream:?} {parts}");
            }
        }
        let lines = format!("data: {one}\ndata: {other}\n\n");
        assert_eq!(read(&lines, 3), Some(format!("{one}\n{other}")));
    }

    #[test]
    fn what_is_no_whole_answer_is_none() {
        for stream in [
            "",
            "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}",
            "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n",
            "data: {\"jsonrpc\":\"2.0\",\"id\":\"2\",\"result\":{}}\n\n",
            "data: {\"jsonrpc\":\"2.0\",\"id\":2}\n\n",
            "data: nonsense\n\n",
            "database: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n",
        ] {
            assert_eq!(read(stream, 1), None, "{stream:?}");
        }
    }
}
