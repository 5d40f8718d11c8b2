//! Reports progress: a bar on a terminal, else a line every few seconds.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressStyle};
use seedtensors_checkpoint::Progress;

use crate::print;
use crate::signals::{self, Stop};

/// The time between two lines.
const PERIOD: Duration = Duration::from_secs(5);

/// Counts the bytes and tensors that are done, and shows them. `report` is called from several threads; the counters
/// are relaxed, because nothing depends on them but a display.
pub(crate) struct Reporter {
    /// Set by a signal.
    stop: Stop,
    /// Whether nothing is shown. Signals are watched all the same.
    quiet: bool,
    /// The bar, on a terminal.
    bar: Option<ProgressBar>,
    /// The begin of the run, for the rate.
    begin: Instant,
    /// Bytes of values that are written or compared.
    bytes: AtomicU64,
    /// The bytes of the whole run.
    all_bytes: u64,
    /// Tensors whose last bytes are done.
    tensors: AtomicU64,
    /// The tensors of the whole run.
    all_tensors: u64,
    /// The time of the next line, where there is no bar.
    next_line: Mutex<Instant>,
    /// Whether each file is named when it is whole.
    names_files: bool,
}

impl Reporter {
    /// Starts to report on this much work, and to watch for Ctrl-C and other requests to end.
    pub(crate) fn new(all_bytes: u64, all_tensors: usize, quiet: bool) -> anyhow::Result<Self> {
        let stop = Stop::default();
        // from here on a signal ends the run in order, and removes the part of a file
        signals::watch(&stop).context("cannot watch for signals")?;
        let bar = if !quiet && std::io::stderr().is_terminal() {
            let template =
                "{bar:30} {decimal_bytes} of {decimal_total_bytes}, {msg}{decimal_bytes_per_sec}, {eta} left";
            Some(ProgressBar::new(all_bytes).with_style(ProgressStyle::with_template(template)?))
        } else {
            None
        };
        let begin = Instant::now();
        Ok(Self {
            stop,
            quiet,
            bar,
            begin,
            bytes: AtomicU64::new(0),
            all_bytes,
            tensors: AtomicU64::new(0),
            all_tensors: all_tensors as u64,
            next_line: Mutex::new(begin + PERIOD),
            names_files: true,
        })
    }

    /// The reporter of a run that writes this many files. A single file is named when the run ends, and only then.
    pub(crate) fn for_files(mut self, files: usize) -> Self {
        self.names_files = files > 1;
        self
    }

    /// Takes note of what was done; `false` where it is to stop.
    pub(crate) fn report(&self, progress: Progress<'_>) -> bool {
        match progress {
            Progress::Bytes(bytes) => {
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                match &self.bar {
                    Some(bar) => bar.inc(bytes),
                    None => self.line(),
                }
            }
            Progress::Tensor => {
                let tensors = 1 + self.tensors.fetch_add(1, Ordering::Relaxed);
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("{tensors} of {} tensors, ", self.all_tensors));
                }
            }
            Progress::Kept(file) => {
                self.say(&format!("{} is whole, and kept", file.name));
                if let Some(bar) = &self.bar {
                    bar.inc(file.values_bytes());
                }
                // a kept file is a part of the work that was announced: without it the bar would not reach its end
                self.bytes.fetch_add(file.values_bytes(), Ordering::Relaxed);
                self.tensors.fetch_add(file.recipe.tensors.len() as u64, Ordering::Relaxed);
            }
            Progress::File(file) if self.names_files => {
                let count = file.recipe.tensors.len();
                self.say(&format!("wrote {}: {count} tensors, {}", file.name, DecimalBytes(file.bytes)));
            }
            _ => {}
        }
        // the answer of every report, also of one of 0 bytes, which only asks
        !self.stop.load(Ordering::Relaxed)
    }

    /// Says a line above the bar.
    fn say(&self, line: &str) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.suspend(|| print::note(line)),
            None => print::note(line),
        }
    }

    /// Prints a line, unless the last one is younger than [`PERIOD`].
    fn line(&self) {
        let now = Instant::now();
        // locked until the line is printed: one thread prints it, the others see the new time
        let mut next = self.next_line.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, tensors) = (self.bytes.load(Ordering::Relaxed), self.tensors.load(Ordering::Relaxed));
        // no bytes yet: no rate either
        if self.quiet || now < *next || bytes == 0 {
            return;
        }
        *next = now + PERIOD;
        let rate = bytes as f64 / (now - self.begin).as_secs_f64();
        // at least one byte a second, so that the time is finite
        let left = Duration::from_secs_f64((self.all_bytes.saturating_sub(bytes)) as f64 / rate.max(1.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes a second")]
        let rate = DecimalBytes(rate as u64);
        print::note(format_args!(
            "{} of {}, {tensors} of {} tensors, {rate}/s, {} left",
            DecimalBytes(bytes),
            DecimalBytes(self.all_bytes),
            self.all_tensors,
            HumanDuration(left),
        ));
    }

    /// Removes the bar. Gives the time since the beginning.
    pub(crate) fn end(&self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.begin.elapsed()
    }
}
