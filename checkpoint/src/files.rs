//! Reading and writing files: the feature `files`.

mod backend;
mod checkpoint;
mod checkpoint_file;
mod compare;
mod decoder;
mod finding;
mod index;
mod inspect;
mod interruptible;
mod large_files;
mod like;
mod numbered_files;
mod open_regular;
mod partial_file;
mod plot;
mod positional_io;
mod request;
mod statistics;
mod survey;
mod values;
mod verify;
mod write;

pub use backend::Backend;
pub use checkpoint::Checkpoint;
pub use checkpoint_file::{BadFile, CheckpointFile};
pub use finding::{Finding, Verified, VerifyError};
pub use index::{IndexError, weight_map};
pub use inspect::{Histogram, StoredTensor, stored_tensors};
pub use like::like;
pub use open_regular::open_regular;
pub use plot::{Panel, PlotError, plot};
pub use request::{Progress, Write, WriteError};
pub use statistics::{Statistics, histogram};
pub use verify::verify;
pub use write::write;
