//! Signals: the first request to end lets the run remove what it has begun, a second one ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// Set when the run is to end.
pub(crate) type Stop = Arc<AtomicBool>;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::sync::LazyLock;
    use std::sync::atomic::Ordering;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::flag;

    use super::{Arc, AtomicBool, AtomicUsize, Stop};

    /// The number of the signal that came, or 0.
    static RECEIVED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

    /// Watches for Ctrl-C, SIGTERM and SIGHUP. Handlers set flags, or end the process: little else is safe in them.
    pub(crate) fn watch(stop: &Stop) -> io::Result<()> {
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
            // these run in the order in which they are registered: the flag is not yet set for the first signal. 128 +
            // n is the exit code that a shell gives to a process that signal n ended
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop))?;
            flag::register_usize(signal, Arc::clone(&RECEIVED), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(stop))?;
        }
        Ok(())
    }

    /// The signals that the process was started with ignored, as `nohup` does it, by their bits. They stay ignored.
    fn ignored() -> u64 {
        // Linux alone has this file; its mask is hexadecimal, and signal n has bit n - 1 (proc(5))
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        // where the system does not say it, hang-ups alone are likely to be ignored: leave them as they are
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(1 << (SIGHUP - 1))
    }

    pub(crate) fn report_large_files() {
        // a handler, whatever it does, makes the write fail with an error instead of ending the process
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }

    pub(crate) fn exit_code() -> Option<u8> {
        let signal = RECEIVED.load(Ordering::Relaxed);
        (signal != 0).then(|| 128 + u8::try_from(signal).unwrap_or(0))
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;
    use std::sync::atomic::Ordering;

    use super::{Arc, AtomicBool, Stop};

    /// Whether Ctrl-C came.
    static RECEIVED: AtomicBool = AtomicBool::new(false);

    pub(crate) fn watch(stop: &Stop) -> io::Result<()> {
        let stop = Arc::clone(stop);
        ctrlc::set_handler(move || {
            // true already: this is the second request
            if stop.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            RECEIVED.store(true, Ordering::Relaxed);
        })
        .map_err(io::Error::other)
    }

    pub(crate) fn report_large_files() {}

    pub(crate) fn exit_code() -> Option<u8> {
        RECEIVED.load(Ordering::Relaxed).then_some(130)
    }
}

#[cfg(not(unix))]
pub(crate) use other::{exit_code, report_large_files, watch};
#[cfg(unix)]
pub(crate) use unix::{exit_code, report_large_files, watch};
