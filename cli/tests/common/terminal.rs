//! A pseudo-terminal with `agentctl` at it: what a person would see and type.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::SIGNATURE;

/// A running command and its screen.
pub(crate) struct Terminal {
    person: File,
    child: Child,
    /// Everything that came, escapes too.
    pub(crate) seen: String,
}

impl Terminal {
    /// Runs a command at a terminal of so many columns.
    pub(crate) fn run(mut command: Command, columns: u16) -> Terminal {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&person).and_then(|()| unlockpt(&person)).expect("it is ours");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&person, size).expect("it has a size");
        let name = ptsname(&person, Vec::new()).expect("it has a name");
        // Else it might become the terminal of the tests themselves.
        let no_terminal_of_ours = i32::try_from(OFlags::NOCTTY.bits()).expect("a small number");
        let program = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(no_terminal_of_ours)
            .open(OsStr::from_bytes(name.as_bytes()))
            .expect("the other end opens");
        let end = || program.try_clone().expect("it can be shared");
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(program);
        // The command keeps its end open: with it gone, reading ends when the child ends.
        let child = command.spawn().expect("agentctl runs");
        drop(command);
        Terminal { person: File::from(person), child, seen: String::new() }
    }

    /// Waits until this is on the screen.
    pub(crate) fn until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            assert!(self.read(), "{text:?} never came: {:?}", self.seen);
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        self.person.write_all(format!("{line}\n").as_bytes()).expect("it can be typed");
    }

    /// Waits for the end: the exit code and all that was seen.
    pub(crate) fn ends(mut self, code: i32) -> String {
        while self.read() {}
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(code), "{}", self.seen);
        assert!(!self.seen.contains(SIGNATURE), "a token was printed");
        self.seen
    }

    fn read(&mut self) -> bool {
        let mut part = [0; 4096];
        // With the last other end closed, the kernel says EIO.
        let count = self.person.read(&mut part).unwrap_or(0);
        self.seen += &String::from_utf8_lossy(&part[..count]);
        count > 0
    }
}
