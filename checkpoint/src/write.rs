//! Writing a recipe's tensors to a safetensors file, piece by piece.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::TensorInfo;
use seedtensors::gpu::Gpu;
use seedtensors::{Arithmetic, Dtype, Element, Fill, Key, Sampler, VALUES_VERSION, cpu};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tempfile::NamedTempFile;

use crate::{Recipe, Tensor};

/// Elements that are filled and written at a time.
const PIECE: usize = 16 << 20;
/// What the public readers take as a header at most.
const LARGEST_HEADER: usize = 100_000_000;

/// What fills the tensors.
#[derive(Debug)]
pub enum Source {
    /// Every core of the processor.
    Cpu,
    /// A device.
    Gpu(Box<Gpu>),
}

/// How a file is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The seed: each tensor's key is `Key::new(seed).named(name)`.
    pub seed: u64,
    /// What fills the tensors.
    pub source: &'a Source,
    /// How normals are worked out.
    pub arithmetic: Arithmetic,
    /// The file's name.
    pub path: &'a Path,
    /// Whether a file of that name is replaced.
    pub force: bool,
}

impl<'a> Write<'a> {
    /// An exact file that replaces none.
    #[must_use]
    pub const fn new(seed: u64, source: &'a Source, path: &'a Path) -> Self {
        Self { seed, source, arithmetic: Arithmetic::Exact, path, force: false }
    }
}

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a file of that name.
    #[error("{0} exists and is kept; --force replaces it")]
    Exists(PathBuf),
    /// The file system refused.
    #[error("cannot write {path}")]
    Io {
        /// The file's name.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The tensors, or their names, are more than a safetensors file holds.
    #[error("a safetensors file cannot hold this: {0}")]
    TooLarge(String),
    /// The library refused a fill.
    #[error("tensor {name:?}")]
    Fill {
        /// The tensor.
        name: String,
        /// Why.
        source: seedtensors::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
}

/// Writes the recipe's tensors beside `path`, then renames: on an error `path` is as it was.
///
/// Tensors of 4-byte elements come first, else they keep the recipe's order. `go_on` is told the bytes
/// written since it was last called, and stops the work by saying `false`. The file's bytes depend on the
/// recipe, the seed and the arithmetic, and where that is exact on nothing else.
///
/// # Errors
///
/// Every [`Error`].
pub fn write(recipe: &Recipe, how: &Write<'_>, go_on: &mut dyn FnMut(u64) -> bool) -> Result<(), Error> {
    let io = |source| Error::Io { path: how.path.to_owned(), source };
    if !how.force && fs::symlink_metadata(how.path).is_ok() {
        return Err(Error::Exists(how.path.to_owned()));
    }
    let mut tensors: Vec<&Tensor> = recipe.tensors.iter().collect();
    tensors.sort_by_key(|tensor| std::cmp::Reverse(tensor.dtype.size()));
    let header = header(&tensors, how)?;

    let folder = how.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = temporary(folder).map_err(io)?;
    let mut out = BufWriter::new(file);
    out.write_all(&(header.len() as u64).to_le_bytes()).and_then(|()| out.write_all(&header)).map_err(io)?;
    for tensor in tensors {
        match tensor.dtype {
            Dtype::F32 => write_tensor::<f32>(tensor, how, &mut out, go_on)?,
            Dtype::F16 => write_tensor::<f16>(tensor, how, &mut out, go_on)?,
            Dtype::BF16 => write_tensor::<bf16>(tensor, how, &mut out, go_on)?,
        }
    }
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.as_file().sync_all().map_err(io)?;
    let persisted = if how.force { file.persist(how.path) } else { file.persist_noclobber(how.path) };
    match persisted {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists(how.path.to_owned())),
        Err(error) => Err(io(error.error)),
    }
}

/// A file without a final name, removed unless it gets one, with the permissions of any new file.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".seedtensors-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn write_tensor<T: Element>(
    tensor: &Tensor,
    how: &Write<'_>,
    out: &mut BufWriter<NamedTempFile>,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Error> {
    let fill = Fill {
        shard: tensor.shard.as_ref().map(|(shard, _)| *shard),
        arithmetic: how.arithmetic,
        ..Fill::new(Key::new(how.seed).named(&tensor.name), tensor.sampler)
    };
    // a matrix is worked out whole for any piece of it
    let most = if matches!(tensor.sampler, Sampler::Matrix(_)) { usize::MAX } else { PIECE };
    for start in (0..tensor.elements()).step_by(most) {
        let count = usize::try_from(tensor.elements() - start).unwrap_or(most).min(most);
        let fill = Fill { start, ..fill };
        let elements = piece::<T>(how.source, &fill, count);
        let elements = elements.map_err(|source| Error::Fill { name: tensor.name.clone(), source })?;
        let bytes: &[u8] = bytemuck::cast_slice(&elements);
        out.write_all(bytes).map_err(|source| Error::Io { path: how.path.to_owned(), source })?;
        if !go_on(bytes.len() as u64) {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

/// A run of elements.
fn piece<T: Element>(source: &Source, fill: &Fill, count: usize) -> seedtensors::Result<Vec<T>> {
    match source {
        Source::Cpu => {
            let mut elements = vec![T::zeroed(); count];
            cpu::fill(fill, &mut elements)?;
            Ok(elements)
        }
        Source::Gpu(gpu) => {
            let buffer = gpu.tensor(fill, T::DTYPE, count as u64)?;
            gpu.read(&buffer, 0, count as u64)
        }
    }
}

/// The header's JSON, padded to 8 bytes, always in the same order.
fn header(tensors: &[&Tensor], how: &Write<'_>) -> Result<Vec<u8>, Error> {
    let overflow = || Error::TooLarge("more bytes than an address can count".to_owned());
    let mut begin = 0_usize;
    let mut entries = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let bytes = tensor.elements().checked_mul(tensor.dtype.size()).and_then(|bytes| usize::try_from(bytes).ok());
        let end = bytes.and_then(|bytes| begin.checked_add(bytes)).ok_or_else(overflow)?;
        let shape = tensor.dims().iter().map(|&dim| usize::try_from(dim).map_err(|_| overflow()));
        entries.push((
            tensor.name.as_str(),
            TensorInfo {
                dtype: match tensor.dtype {
                    Dtype::F32 => safetensors::Dtype::F32,
                    Dtype::F16 => safetensors::Dtype::F16,
                    Dtype::BF16 => safetensors::Dtype::BF16,
                },
                shape: shape.collect::<Result<_, _>>()?,
                data_offsets: (begin, end),
            },
        ));
        begin = end;
    }
    let arithmetic = match how.arithmetic {
        Arithmetic::Exact => "exact",
        Arithmetic::Native => "native",
    };
    let metadata = BTreeMap::from([
        ("format", "pt".to_owned()),
        ("seedtensors.arithmetic", arithmetic.to_owned()),
        ("seedtensors.seed", how.seed.to_string()),
        ("seedtensors.values", VALUES_VERSION.to_string()),
    ]);
    let mut json =
        serde_json::to_vec(&Header { metadata, entries }).map_err(|error| Error::TooLarge(error.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    if json.len() > LARGEST_HEADER {
        return Err(Error::TooLarge(format!("a header of {} bytes, readers take {LARGEST_HEADER}", json.len())));
    }
    Ok(json)
}

/// The crate's own `Metadata` writes its map of strings in an order that changes from run to run.
struct Header<'a> {
    metadata: BTreeMap<&'static str, String>,
    entries: Vec<(&'a str, TensorInfo)>,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.entries.len()))?;
        map.serialize_entry("__metadata__", &self.metadata)?;
        for (name, info) in &self.entries {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}
