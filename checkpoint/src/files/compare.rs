//! Compares a file's values with those that its recipe and seed give, bit by bit.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use half::{bf16, f16};
use seedtensors::Dtype;

use crate::files::backend::Backend;
use crate::files::checkpoint_file::CheckpointFile;
use crate::files::finding::{Finding, VerifyError};
use crate::files::positional_io::read_exact_at;
use crate::files::request::Progress;
use crate::files::values::{Piece, Values, bytes_of};
use crate::recipe::Tensor;
use crate::record::Record;
use crate::tensor_dtype::TensorDtype;

/// The first element of a tensor that differs, its expected and its found bytes, and the number of elements that
/// differ.
struct Difference<'t> {
    /// The tensor of the recipe.
    tensor: &'t Tensor,
    /// The index of the first element that differs, in the row-major order of the file.
    element: u64,
    /// The bytes that the element should have, little-endian. A dtype of two bytes uses the first two.
    expected: [u8; 8],
    /// The bytes that the file has.
    found: [u8; 8],
    /// The number of elements that differ, in all pieces so far.
    count: u64,
}

/// Makes the tensors of a file again, and finds those whose values differ.
pub(crate) fn compare(
    file: &CheckpointFile,
    record: &Record,
    pairs: &[(&Tensor, u64)],
    backend: &Backend,
    report: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<Vec<Finding>, VerifyError> {
    // `values.for_each` calls the closure below for each piece, on several threads. It fills the piece again, reads
    // the file, and merges what differs.
    let values = Values { backend, seed: record.seed, arithmetic: record.arithmetic };
    let io = |source| VerifyError::Io { path: file.path.clone(), source };
    let opened = file.open().map_err(io)?;
    let differences: Mutex<BTreeMap<u64, Difference<'_>>> = Mutex::new(BTreeMap::new());
    // relaxed, because the flag guards no other data: a thread that sees it late does one more piece
    let stop = AtomicBool::new(false);
    let go_on = |progress: Progress<'_>| {
        let go_on = report(progress);
        stop.fetch_or(!go_on, Ordering::Relaxed);
        go_on
    };
    let pieces = values.pieces(pairs.iter().copied());
    // 0 bytes: this report only asks whether to stop
    values.for_each(pieces, &|| go_on(Progress::Bytes(0)), |buffer, piece| {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // the expected values, then those of the file: each half begins at a multiple of 8 bytes, aligned like the
        // buffer
        let half = piece.bytes.next_multiple_of(8);
        let (expected, found) = bytes_of(buffer, 2 * half).split_at_mut(half);
        let (expected, found) = (&mut expected[..piece.bytes], &mut found[..piece.bytes]);
        read_exact_at(&opened, found, piece.offset).map_err(io)?;
        let filled = values.fill(&piece, expected);
        filled.map_err(|source| VerifyError::Fill { name: piece.tensor.name.clone(), source })?;
        if expected != found {
            let difference = difference(&piece, expected, found);
            // the offset of its first byte identifies a tensor, and sorts tensors as the file does; pieces come in any
            // order
            let begin = piece.offset - piece.start * piece.tensor.dtype.size();
            let mut differences = differences.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            differences.entry(begin).and_modify(|first| first.merge(&difference)).or_insert(difference);
        }
        // a tensor is not counted after a request to stop
        if go_on(Progress::Bytes(piece.bytes as u64)) && piece.is_last() {
            go_on(Progress::Tensor);
        }
        Ok(())
    })?;
    if stop.into_inner() {
        return Err(VerifyError::Interrupted);
    }
    let differences = differences.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(differences.into_values().map(|difference| difference.finding()).collect())
}

/// The difference of a piece, whose bytes are not the same.
fn difference<'t>(piece: &Piece<'t>, expected: &[u8], found: &[u8]) -> Difference<'t> {
    let size = match piece.tensor.dtype.size() {
        8 => 8,
        4 => 4,
        _ => 2,
    };
    // bytes are compared, not numbers: -0.0 and 0.0 differ, and a NaN equals itself
    let pairs = expected.chunks_exact(size).zip(found.chunks_exact(size)).enumerate();
    let mut differing = pairs.filter(|(_, (expected, found))| expected != found);
    let mut difference = Difference { tensor: piece.tensor, element: 0, expected: [0; 8], found: [0; 8], count: 0 };
    if let Some((i, (expected, found))) = differing.next() {
        difference.element = piece.start + i as u64;
        difference.expected[..size].copy_from_slice(expected);
        difference.found[..size].copy_from_slice(found);
        difference.count = 1 + differing.count() as u64;
    }
    difference
}

impl Difference<'_> {
    /// Adds the difference of another piece of the same tensor.
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        if other.element < self.element {
            (self.element, self.expected, self.found) = (other.element, other.expected, other.found);
        }
    }

    fn finding(&self) -> Finding {
        Finding::Values {
            tensor: self.tensor.name.clone(),
            count: self.count,
            element: self.indices(),
            expected: self.text(self.expected),
            found: self.text(self.found),
        }
    }

    /// A value and its bits.
    fn text(&self, bytes: [u8; 8]) -> String {
        let [a, b, c, d, ..] = bytes;
        let word = u32::from_le_bytes([a, b, c, d]);
        let dtype = match self.tensor.dtype {
            TensorDtype::Float(dtype) => dtype,
            TensorDtype::I64 => return i64::from_le_bytes(bytes).to_string(),
        };
        match dtype {
            Dtype::F32 => format!("{} ({word:#010x})", f32::from_bits(word)),
            Dtype::F16 => format!("{} ({word:#06x})", f16::from_le_bytes([a, b])),
            Dtype::BF16 => format!("{} ({word:#06x})", bf16::from_le_bytes([a, b])),
            _ => format!("{word:#x}"),
        }
    }

    /// The element's index in each dimension.
    fn indices(&self) -> Vec<u64> {
        let mut rest = self.element;
        let mut next = |&dim: &u64| {
            let index = rest % dim;
            rest /= dim;
            index
        };
        // the last dimension is contiguous
        let mut indices: Vec<u64> = self.tensor.dims().iter().rev().map(&mut next).collect();
        indices.reverse();
        indices
    }
}
