//! The threads that fill on the CPU: as many as are wanted, or as can be started.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use rayon::{ThreadBuilder, ThreadPoolBuilder};

/// The number of threads that may be asked for on any machine. Above it, at most four for each thread of the processor
/// are allowed.
const ALWAYS_ALLOWED: usize = 64;

/// Starts the threads that every fill runs on. rayon itself would start none, and panic, where it cannot start all.
pub(crate) fn start() {
    // The threads are started first, and wait on a channel. Then rayon is asked for as many as there are, and each
    // takes its part of the pool from the channel.
    let (sender, receiver) = mpsc::channel::<ThreadBuilder>();
    let receiver = Arc::new(Mutex::new(receiver));
    let work = move || {
        let thread = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        // a thread that is not needed sees the channel end
        if let Ok(thread) = thread {
            thread.run();
        }
    };
    let wanted = wanted();
    let made = (0..wanted).take_while(|_| thread::Builder::new().spawn(work.clone()).is_ok()).count();
    let pool = if made == 0 {
        ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()
    } else {
        // where the system gives no more, half of them end, so that files can be flushed and devices driven
        let count = if made == wanted { made } else { made.div_ceil(2) };
        let hand_over = |thread| sender.send(thread).map_err(|_| std::io::Error::other("the threads are gone"));
        ThreadPoolBuilder::new().num_threads(count).spawn_handler(hand_over).build_global()
    };
    // only a second start could be refused, which would change nothing
    debug_assert!(pool.is_ok(), "{pool:?}");
}

/// The number of `RAYON_NUM_THREADS`, bounded, or else one for each of the processor's threads.
fn wanted() -> usize {
    let processor = thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    let most = processor.saturating_mul(4).max(ALWAYS_ALLOWED);
    asked.filter(|&count: &usize| count > 0).unwrap_or(processor).min(most)
}
