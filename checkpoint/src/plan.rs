//! A plan: which file holds which tensors, and which rank writes it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use seedtensors::Arithmetic;
use serde::{Deserialize, Serialize};

use crate::format::{INDEX, SINGLE, stored};
use crate::header::{Entry, Header};
use crate::header_error::{HeaderError, LARGEST};
use crate::matrices::{TooMuchWork, check_work};
use crate::recipe::{Recipe, Tensor};
use crate::record::{Record, Whole};
use crate::tensor_dtype::TensorDtype;

/// The most bytes of values in a file of a directory, unless one tensor has more: 5 GB, as in Hugging Face's libraries.
pub const MAX_SHARD_SIZE: u64 = 5_000_000_000;

/// The reason why no files can hold a recipe's tensors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A file of 2^64 bytes or more.
    #[error("a file cannot hold more bytes than 64 bits can count")]
    TooLarge,
    /// A dtype that the format, or this crate, does not know.
    #[error("a file cannot hold values of dtype {0}")]
    Dtype(TensorDtype),
    /// A header longer than readers take.
    #[error("a header of {0} bytes, readers take {LARGEST}")]
    HeaderTooLong(u64),
    /// A header or an index that cannot be written as JSON.
    #[error("{0}")]
    Json(String),
    /// A file holds too small a part of a matrix.
    #[error(transparent)]
    TooMuchWork(#[from] TooMuchWork),
}

/// One of several programs that write a checkpoint together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// The number of this one, from 0.
    pub rank: usize,
    /// The number of programs.
    pub world_size: usize,
}

impl Rank {
    /// The only one.
    pub const ALONE: Self = Self { rank: 0, world_size: 1 };
}

/// The files of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The seed: each tensor's key is `Key::new(seed).named(name)`.
    pub seed: u64,
    /// The arithmetic that normals are computed with.
    pub arithmetic: Arithmetic,
    /// The file, or the directory.
    pub out: PathBuf,
    /// The files, in the order of their names.
    pub files: Vec<PlannedFile>,
    /// The name and the bytes of the index, of several files alone.
    pub index: Option<(String, Vec<u8>)>,
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedFile {
    /// Its name in its directory, in UTF-8; [`Plan::path`] knows it as it is.
    pub name: String,
    /// The rank that writes it.
    pub rank: usize,
    /// Its size in bytes, header included.
    pub bytes: u64,
    /// Its tensors.
    pub recipe: Recipe,
    /// Its header, with the header's own length before it.
    head: Vec<u8>,
}

/// Hugging Face's index of a sharded checkpoint.
#[derive(Serialize, Deserialize)]
pub(crate) struct Index {
    /// The totals of all files.
    pub(crate) metadata: Totals,
    /// The file of each tensor. The map is sorted, so that the same plan gives the same bytes.
    pub(crate) weight_map: BTreeMap<String, String>,
}

/// The totals that transformers writes into an index.
#[derive(Serialize, Deserialize)]
pub(crate) struct Totals {
    /// The elements of all tensors.
    total_parameters: u64,
    /// The bytes of all values, without the headers.
    total_size: u64,
}

impl PlannedFile {
    /// The bytes of its values alone.
    #[must_use]
    pub const fn values_bytes(&self) -> u64 {
        self.bytes - self.head.len() as u64
    }

    /// The bytes before the values: the length of the header, and the header.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Its tensors, in the order of the file, with the offset of each one's first byte in the file.
    pub fn tensors(&self) -> impl Iterator<Item = (&Tensor, u64)> + Send {
        // the order in which the header has them: contiguous, from its end
        let mut at = self.head.len() as u64;
        self.recipe.tensors.iter().map(move |tensor| {
            let offset = at;
            // the plan has checked that the end of the file fits in 64 bits
            at += tensor.elements() * tensor.dtype.size();
            (tensor, offset)
        })
    }
}

impl Plan {
    /// The files of a recipe's tensors: one, where `out` ends in `.safetensors`, else those of a directory, filled
    /// in the recipe's order up to `max_shard_size` bytes of values each. A tensor above that has a file of its own,
    /// before the file that is being filled, as in `huggingface_hub`'s `split_state_dict_into_shards_factory`.
    /// Ranks share the files out, the largest first, each to the rank with the fewest bytes so far.
    ///
    /// # Errors
    ///
    /// Every [`PlanError`].
    ///
    /// ```
    /// use std::path::{Path, PathBuf};
    /// use seedtensors::Arithmetic;
    /// use seedtensors_checkpoint::{Plan, Recipe};
    ///
    /// let text = ["a", "b", "c"].map(|name| format!("[[tensor]]\nname = {name:?}\nshape = [250]\ninit = \"ones\"\n"));
    /// let recipe = Recipe::parse(&text.concat())?;
    /// let plan = Plan::new(&recipe, 42, Arithmetic::Exact, Path::new("folder"), 2000, 2)?;
    /// let files: Vec<_> = plan.files.iter().map(|file| (&file.name[..], file.recipe.tensors.len(), file.rank)).collect();
    /// assert_eq!(files, [("model-00001-of-00002.safetensors", 2, 0), ("model-00002-of-00002.safetensors", 1, 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        recipe: &Recipe,
        seed: u64,
        arithmetic: Arithmetic,
        out: &Path,
        max_shard_size: u64,
        world_size: usize,
    ) -> Result<Self, PlanError> {
        // Every rank computes the whole plan by itself: it depends on the arguments alone, so no rank asks another.
        let single = file_name(out).map(|name| name.to_string_lossy().into_owned());
        let shards = match single {
            Some(_) => vec![recipe.tensors.clone()],
            None => shards(&recipe.tensors, max_shard_size),
        };
        let (count, whole) = (shards.len(), Whole::of(&recipe.tensors));
        let mut files = Vec::with_capacity(count);
        for (i, mut tensors) in shards.into_iter().enumerate() {
            let name = match &single {
                Some(name) => name.clone(),
                None if count == 1 => SINGLE.to_owned(),
                // the names that transformers gives to shards
                None => format!("model-{:05}-of-{count:05}.safetensors", i + 1),
            };
            // before anything is written: `verify` refuses a file that needs too much work
            check_work(tensors.iter())?;
            // larger elements first, so that each begins at a multiple of its size: readers map the file into memory
            tensors.sort_by_key(|tensor| Reverse(tensor.dtype.size()));
            // `whole` is of all files: each file says what checkpoint it is a part of
            let record = Record { recipe: Recipe { tensors }, seed, arithmetic, whole };
            let (head, values) = head(&record)?;
            let bytes = values.checked_add(head.len() as u64).ok_or(PlanError::TooLarge)?;
            files.push(PlannedFile { name, rank: 0, bytes, recipe: record.recipe, head });
        }
        share(&mut files, world_size);
        let index = if count > 1 { Some((INDEX.to_owned(), index(&files)?)) } else { None };
        Ok(Self { seed, arithmetic, out: out.to_owned(), files, index })
    }

    /// The path of one of its files.
    #[must_use]
    pub fn path(&self, file: &PlannedFile) -> PathBuf {
        self.folder().join(file_name(&self.out).unwrap_or(file.name.as_ref()))
    }

    /// Whether it is of a directory, not of one file by its name.
    pub(crate) fn is_directory(&self) -> bool {
        file_name(&self.out).is_none()
    }

    /// The directory of the files.
    pub(crate) fn folder(&self) -> &Path {
        if self.is_directory() {
            return &self.out;
        }
        self.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The bytes of all files but the index.
    #[must_use]
    pub fn bytes(&self) -> u128 {
        self.files.iter().map(|file| u128::from(file.bytes)).sum()
    }
}

/// The name of the file that is asked for; none where a directory is. The ending decides, whatever the path is on the
/// disk.
fn file_name(out: &Path) -> Option<&OsStr> {
    out.file_name().filter(|name| name.as_encoded_bytes().ends_with(b".safetensors"))
}

/// The tensors of each file.
fn shards(tensors: &[Tensor], most: u64) -> Vec<Vec<Tensor>> {
    // in 128 bits: a tensor may have more bytes than 64 bits count, which `head` refuses
    let most = u128::from(most);
    let (mut shards, mut shard, mut size) = (Vec::new(), Vec::new(), 0);
    for tensor in tensors {
        let bytes = tensor.bytes();
        if bytes > most {
            shards.push(vec![tensor.clone()]);
            continue;
        }
        // the shard is not empty here: a tensor that is too large alone was handled above
        if size + bytes > most {
            shards.push(std::mem::take(&mut shard));
            size = 0;
        }
        shard.push(tensor.clone());
        size += bytes;
    }
    if !shard.is_empty() {
        shards.push(shard);
    }
    shards
}

/// A file's header with its length before it, and the number of bytes of the values.
fn head(record: &Record) -> Result<(Vec<u8>, u64), PlanError> {
    let mut at = 0_u64;
    let mut tensors = Vec::with_capacity(record.recipe.tensors.len());
    for tensor in &record.recipe.tensors {
        let end =
            u64::try_from(tensor.bytes()).ok().and_then(|bytes| at.checked_add(bytes)).ok_or(PlanError::TooLarge)?;
        let dtype = stored(tensor.dtype).ok_or(PlanError::Dtype(tensor.dtype))?;
        tensors.push(Entry { name: tensor.name.clone(), dtype, shape: tensor.dims().to_vec(), begin: at, end });
        at = end;
    }
    // `values` is no part of the text: a reader has it from the length
    let json = Header { metadata: record.metadata(), tensors, values: 0 }.json().map_err(|error| match error {
        HeaderError::TooLong { length } => PlanError::HeaderTooLong(length),
        other => PlanError::Json(other.to_string()),
    })?;
    Ok(([&(json.len() as u64).to_le_bytes()[..], &json].concat(), at))
}

/// Gives each file a rank: the largest first, each to the rank with the fewest bytes so far.
fn share(files: &mut [PlannedFile], world_size: usize) {
    // no more ranks than files: the others have nothing to write
    let mut loads = vec![0_u128; world_size.max(1).min(files.len())];
    let mut order: Vec<usize> = (0..files.len()).collect();
    // ties by the index, here and by the rank below: every rank must find the same order
    order.sort_by_key(|&i| (Reverse(files[i].bytes), i));
    for i in order {
        if let Some((rank, load)) = loads.iter_mut().enumerate().min_by_key(|(rank, load)| (**load, *rank)) {
            *load += u128::from(files[i].bytes);
            files[i].rank = rank;
        }
    }
}

/// The index of several files, as JSON.
fn index(files: &[PlannedFile]) -> Result<Vec<u8>, PlanError> {
    // every tensor with its file
    let tensors = || files.iter().flat_map(|file| file.recipe.tensors.iter().map(move |tensor| (file, tensor)));
    let total = |of: fn(&Tensor) -> u128| u64::try_from(tensors().map(|(_, tensor)| of(tensor)).sum::<u128>());
    let metadata = Totals {
        total_parameters: total(|tensor| tensor.elements().into()).map_err(|_| PlanError::TooLarge)?,
        total_size: total(Tensor::bytes).map_err(|_| PlanError::TooLarge)?,
    };
    let weight_map = tensors().map(|(file, tensor)| (tensor.name.clone(), file.name.clone())).collect();
    let mut json = serde_json::to_vec_pretty(&Index { metadata, weight_map })
        .map_err(|error| PlanError::Json(error.to_string()))?;
    json.push(b'\n');
    Ok(json)
}
