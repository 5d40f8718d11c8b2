//! Everything that the command prints. Text is made safe for a terminal here, and no failure to print ends a run.

use std::fmt::Display;
use std::io::{self, Write};

use seedtensors_checkpoint::printable;

/// Prints a line to stderr. A failure is passed over: a full disk or a closed pipe there must not end the work.
pub(crate) fn note(line: impl Display) {
    // one message is one line: a name with a line feed must not look like a message of its own
    let line = line.to_string().replace('\n', "\\n");
    let _ = writeln!(io::stderr(), "{}", printable(&line));
}

/// Prints the lines of a text to stderr, as [`note`] does.
pub(crate) fn notes(text: &str) {
    text.lines().for_each(note);
}

/// Standard output for text. Every write is made safe.
pub(crate) struct Out {
    /// Held for the whole command: no other thread prints to stdout.
    stdout: io::StdoutLock<'static>,
    /// Whether a failure is reported once and then ignored, instead of being an error.
    lenient: bool,
    /// Whether a write has failed. Later ones are then dropped.
    failed: bool,
}

/// Standard output of a command whose result is the text.
pub(crate) fn out() -> Out {
    Out { stdout: io::stdout().lock(), lenient: false, failed: false }
}

/// Standard output of a command whose result is its exit code, which must not depend on what can be printed.
pub(crate) fn verdict_out() -> Out {
    Out { lenient: true, ..out() }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(bytes.len());
        }
        // `write!` passes whole strings, so that a character is never cut between two calls
        let written = self.stdout.write_all(printable(&String::from_utf8_lossy(bytes)).as_bytes());
        match written {
            Ok(()) => Ok(bytes.len()),
            Err(error) if self.lenient => {
                self.failed = true;
                if !reader_has_gone(&error) {
                    note(format_args!("warning: cannot write to stdout: {error}"));
                }
                Ok(bytes.len())
            }
            // the kind is kept: `main` recognises a closed pipe by it
            Err(error) => Err(io::Error::new(error.kind(), format!("cannot write to stdout: {error}"))),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed { Ok(()) } else { self.stdout.flush() }
    }
}

/// Whether the reader of a pipe has closed it: it has seen enough, and nothing is wrong.
pub(crate) fn reader_has_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
