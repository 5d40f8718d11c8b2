//! Runs a program with limits and reports what is wrong with its end.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Kilobytes of addresses that a run may take.
const MEMORY: u64 = 4_000_000;
/// Bytes that a run may print.
const PRINTED: u64 = 32 << 20;

/// The output of a run, and its end.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// The rule of all runs that this one broke.
    pub(crate) fault: Option<String>,
}

/// Runs a program in a folder, for no longer than `limit`.
pub(crate) fn run(program: &Path, arguments: &[String], folder: &Path, limit: Duration) -> std::io::Result<Outcome> {
    let script = format!("ulimit -v {MEMORY}; ulimit -c 0; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stdout = thread::spawn(move || read(stdout));
    let stderr = thread::spawn(move || read(stderr));
    let begin = Instant::now();
    let (status, hangs) = loop {
        match child.try_wait()? {
            Some(status) => break (status, false),
            None if begin.elapsed() > limit => {
                child.kill()?;
                break (child.wait()?, true);
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let read = |thread: thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    let (stdout, stderr) = (read(stdout), read(stderr));
    let fault = if hangs { Some(format!("no end after {limit:.0?}")) } else { fault(status, &stdout, &stderr) };
    Ok(Outcome { code: status.code(), stdout, stderr, fault })
}

/// Reads the output, up to one byte more than is allowed.
fn read(from: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // what was read before an error is judged
        let _ = from.take(PRINTED + 1).read_to_end(&mut bytes);
    }
    bytes
}

fn fault(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Option<String> {
    match status.code() {
        Some(0..=2) => {}
        Some(code) => return Some(format!("exit code {code}: {}", String::from_utf8_lossy(stderr))),
        None => return Some(format!("{status}: {}", String::from_utf8_lossy(stderr))),
    }
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if bytes.len() as u64 > PRINTED {
            return Some(format!("more than {PRINTED} bytes on {name}"));
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Some(format!("{name} is no UTF-8")) };
        if let Some(character) = text.chars().find(|&c| moves_the_cursor(c)) {
            return Some(format!("{name} has {}", character.escape_unicode()));
        }
    }
    let told = String::from_utf8_lossy(stderr);
    if told.contains("bug of seedtensors") || told.contains("panicked") {
        return Some(told.into_owned());
    }
    if status.code() != Some(0) && stderr.is_empty() && stdout.is_empty() {
        return Some("a failure without a word".to_owned());
    }
    None
}

/// Whether a character hides or moves text. The list is independent of the product's, and shorter.
fn moves_the_cursor(character: char) -> bool {
    (character.is_control() && !['\n', '\t'].contains(&character))
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
