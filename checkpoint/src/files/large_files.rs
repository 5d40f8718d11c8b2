//! The large files of a plan: each filled from many threads, and brought to the disk while the next is being filled.

use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, ScopedJoinHandle, scope};

use crate::files::backend::Backend;
use crate::files::partial_file::{FinishedFile, PartialFile, sync_folder};
use crate::files::positional_io::write_all_at;
use crate::files::request::{Progress, Write, WriteError};
use crate::files::survey::missing;
use crate::files::values::{Values, bytes_of};
use crate::plan::{Plan, PlannedFile};

/// The number of bytes after which a flush to the disk is started.
const FLUSH: u64 = 128 << 20;

/// Takes a report, and says whether to continue. It is called from several threads.
type Report<'a> = &'a (dyn Fn(Progress<'_>) -> bool + Sync);

/// The state of the files after writing.
#[derive(Default)]
pub(crate) struct Written<'p> {
    /// The number of files that have their final names.
    pub(crate) whole: usize,
    /// Those that are whole, and wait to replace others.
    pub(crate) waiting: Vec<(&'p PlannedFile, FinishedFile)>,
    /// Whether the caller asked to stop before all were whole.
    pub(crate) stopped: bool,
}

/// Writes files one after another. Where they replace others they keep the names of their parts; `unlock` says that
/// these need no lock of their own.
pub(crate) fn write_files<'p>(
    plan: &Plan,
    files: &[&'p PlannedFile],
    how: &Write<'_>,
    unlock: bool,
    report: Report<'_>,
) -> Result<Written<'p>, WriteError> {
    // This thread fills one file after another with `fill_file`. A second thread syncs and renames each with
    // `Finisher::finish`, so that the disk is busy while the next file is computed.
    let finisher = Finisher { plan, how, unlock, report };
    scope(|scope| {
        // a rendezvous: at most one file is being finished while the next is filled
        let (sender, receiver) = sync_channel(0);
        let thread = Builder::new().spawn_scoped(scope, move || finisher.finish_all(receiver));
        let mut written = Written::default();
        for &file in files {
            // the part is locked before the second look: another run may have written the file since the survey
            let part = PartialFile::open(plan.path(file))?;
            if missing(plan, std::iter::once(file), how)?.is_empty() {
                report(Progress::Kept(file));
                written.whole += 1;
                continue;
            }
            let Some(part) = fill_file(plan, file, part, how.backend, report)? else {
                written.stopped = true;
                break;
            };
            match &thread {
                // refused only after an error of the thread, which `join` returns below
                Ok(_) => {
                    if sender.send((file, part)).is_err() {
                        break;
                    }
                }
                // no thread could be started: the present one finishes each file
                Err(_) => finisher.finish(file, part, &mut written)?,
            }
        }
        // the end of the channel ends the thread
        drop(sender);
        if let Ok(thread) = thread {
            let finished = join(thread)?;
            written.whole += finished.whole;
            written.waiting = finished.waiting;
        }
        Ok(written)
    })
}

/// Brings files to the disk, and gives them their names.
#[derive(Clone, Copy)]
struct Finisher<'a> {
    /// The plan, for paths and the directory.
    plan: &'a Plan,
    /// The options: `force` decides whether a name may be replaced.
    how: &'a Write<'a>,
    /// Whether a part that waits for its rename gives up its lock, and with it an open file.
    unlock: bool,
    /// Receives each file that has its final name.
    report: Report<'a>,
}

impl Finisher<'_> {
    /// Finishes files until the channel ends.
    fn finish_all<'p>(self, files: Receiver<(&'p PlannedFile, PartialFile)>) -> Result<Written<'p>, WriteError> {
        let mut written = Written::default();
        for (file, part) in files {
            self.finish(file, part, &mut written)?;
        }
        Ok(written)
    }

    /// Syncs a part, and renames it unless it replaces a file.
    fn finish<'p>(self, file: &'p PlannedFile, part: PartialFile, written: &mut Written<'p>) -> Result<(), WriteError> {
        // the old checkpoint must stay whole until every new file is: a part that replaces one waits
        let replaces = self.how.force && self.plan.path(file).symlink_metadata().is_ok();
        let part = part.finish(self.unlock && replaces)?;
        if replaces {
            written.waiting.push((file, part));
            return Ok(());
        }
        // the order matters: data on the disk, then the name, then the directory. After a crash no final name leads to
        // half a file
        part.rename(self.how.force)?;
        sync_folder(self.plan.folder())?;
        // whether to continue is asked when the next file is filled
        (self.report)(Progress::File(file));
        written.whole += 1;
        Ok(())
    }
}

/// The result of a thread. A panic there continues here.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Fills a part with a file's header and values; none where the caller asked to stop.
fn fill_file(
    plan: &Plan,
    file: &PlannedFile,
    part: PartialFile,
    backend: &Backend,
    report: Report<'_>,
) -> Result<Option<PartialFile>, WriteError> {
    let io = |source| WriteError::Io { path: plan.path(file), source };
    let out = part.file();
    // the part is empty, and `write_all_at` below does not use its position
    { out }.write_all(file.head()).map_err(io)?;
    let values = Values { backend, seed: plan.seed, arithmetic: plan.arithmetic };
    // relaxed: a thread that sees the flag late writes one more piece of a part that is dropped
    let stop = AtomicBool::new(false);
    let go_on = |progress: Progress<'_>| {
        let go_on = report(progress);
        stop.fetch_or(!go_on, Ordering::Relaxed);
        go_on
    };
    let flusher = Flusher { out, written: AtomicU64::new(0) };
    flusher.run(io, |flush| {
        values.for_each(values.pieces(file.tensors()), &|| go_on(Progress::Bytes(0)), |buffer, piece| {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let bytes = bytes_of(buffer, piece.bytes);
            let filled = values.fill(&piece, bytes);
            filled.map_err(|source| WriteError::Fill { name: piece.tensor.name.clone(), source })?;
            write_all_at(out, bytes, piece.offset).map_err(io)?;
            flush(bytes.len() as u64);
            // a tensor is not counted after a request to stop
            if go_on(Progress::Bytes(bytes.len() as u64)) && piece.is_last() {
                go_on(Progress::Tensor);
            }
            Ok(())
        })
    })?;
    Ok((!stop.into_inner()).then_some(part))
}

/// Keeps the disk busy from the beginning, so that little is left to be done at the end.
struct Flusher<'a> {
    /// The part.
    out: &'a File,
    /// Bytes written so far, from all threads.
    written: AtomicU64,
}

impl Flusher<'_> {
    /// Calls `fill` with a function that counts written bytes and starts a flush after every [`FLUSH`] of them. Without
    /// a thread to flush on, everything is flushed at the end.
    fn run(
        &self,
        io: impl Fn(std::io::Error) -> WriteError,
        fill: impl FnOnce(&(dyn Fn(u64) + Sync)) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        // room for one request: it covers everything that was written before it is taken
        let (sender, receiver) = sync_channel::<()>(1);
        scope(|scope| {
            let flush = move || receiver.into_iter().try_for_each(|()| self.out.sync_data());
            let thread = Builder::new().spawn_scoped(scope, flush);
            // these flushes only spread the work: `PartialFile::finish` syncs everything at the end
            let filled = fill(&|count| self.count(count, &sender));
            drop(sender);
            let flushed = thread.map_or(Ok(()), join);
            filled.and_then(|()| flushed.map_err(io))
        })
    }

    /// Counts bytes, and asks for a flush when their sum passes a multiple of [`FLUSH`].
    fn count(&self, count: u64, sender: &SyncSender<()>) {
        if self.written.fetch_add(count, Ordering::Relaxed) % FLUSH + count >= FLUSH {
            // a request that waits will cover these bytes, too; a thread that has failed returns its error at the end
            let _ = sender.try_send(());
        }
    }
}
