//! What is being waited for, on a terminal: a line on standard error that comes after a second and goes.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::plain::plain;

/// Who waits less than this wants to read nothing.
const BEFORE_A_WORD: Duration = Duration::from_secs(1);
const BETWEEN_TURNS: Duration = Duration::from_millis(100);

/// Something is being waited for until this is dropped.
pub(crate) struct Waiting {
    tell: Option<Sender<String>>,
    drawing: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Says so after a second, if standard error is a terminal; the line is erased at the end.
    pub(crate) fn on(what: impl Into<String>) -> Waiting {
        let what = plain(&what.into());
        let (tell, told) = channel();
        let drawing = std::thread::spawn(move || {
            let (mut what, begin) = (what, Instant::now() + BEFORE_A_WORD);
            let drawn = loop {
                match told.recv_timeout(begin.saturating_duration_since(Instant::now())) {
                    Ok(next) => what = next,
                    Err(RecvTimeoutError::Timeout) => break line(what),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            };
            while let Ok(next) = told.recv() {
                drawn.set_message(next);
            }
            drawn.finish_and_clear();
        });
        Waiting { tell: Some(tell), drawing: Some(drawing) }
    }

    /// It is something else by now.
    pub(crate) fn now_on(&self, what: &str) {
        if let Some(tell) = &self.tell {
            // The other side ends only after this one.
            let _ = tell.send(plain(what));
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.tell.take());
        if let Some(drawing) = self.drawing.take() {
            // Whatever is printed next must not meet a line that is still there.
            let _ = drawing.join();
        }
    }
}

/// Draws to standard error, and to nothing at all where that is no terminal.
fn line(what: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
    let line = ProgressBar::new_spinner().with_message(what);
    line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    line.enable_steady_tick(BETWEEN_TURNS);
    line
}
