//! The header of a safetensors file, which may come from anyone.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::{self, Read};

use safetensors::Dtype;
use serde::de::{DeserializeSeed as _, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::file_kind::{SNIFFED, file_kind};
use crate::json::{Any, Once};
use crate::recipe::check_name;

/// What the public readers take as a header at most.
const LARGEST: u64 = 100_000_000;
/// Dimensions of a tensor at most.
pub(crate) const MOST_DIMS: usize = 64;

/// A tensor of a safetensors file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is stored as.
    pub dtype: Dtype,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Where its bytes begin, counted from the end of the header.
    pub begin: u64,
    /// Where they end.
    pub end: u64,
}

/// What stands before the values of a safetensors file.
///
/// ```
/// use seedtensors_checkpoint::Header;
///
/// let json = br#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
/// assert_eq!(Header::parse(json, 24)?.tensors[0].shape, [2, 3]);
/// let error = Header::parse(json, 20).unwrap_err();
/// assert_eq!(error, "tensor \"w\" ends at byte 24, the file's values at byte 20");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Its `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// Its tensors, in the order of their values.
    pub tensors: Vec<Entry>,
    /// Where the values begin in the file.
    pub values: u64,
}

impl Header {
    /// Reads the header of a file of `size` bytes.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn read(mut file: impl Read, size: u64) -> Result<Self, String> {
        let mut start = Vec::new();
        let told = |error: io::Error| error.to_string();
        file.by_ref().take(SNIFFED as u64).read_to_end(&mut start).map_err(told)?;
        let Some((length, begun)) = start.split_first_chunk() else {
            return Err(format!("no safetensors file, it has {size} bytes"));
        };
        let length = u64::from_le_bytes(*length);
        // a header is a JSON object
        if begun.first() != Some(&b'{')
            && let Some(kind) = file_kind(&start)
        {
            return Err(format!("no safetensors file but {kind}"));
        }
        if length > LARGEST {
            return Err(format!("no safetensors file, or a header of {length} bytes: at most {LARGEST} are read"));
        }
        let values = 8 + length;
        let rest = size.checked_sub(values);
        let rest = rest.ok_or_else(|| format!("the header ends at byte {values}, the file at byte {size}"))?;
        let mut json = Vec::new();
        begun.chain(file).take(length).read_to_end(&mut json).map_err(told)?;
        Ok(Self { values, ..Self::parse(&json, rest)? })
    }

    /// Reads a header's JSON, before `size` bytes of values.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words: no JSON of the format, a name twice, tensors that overlap, leave a gap, end
    /// behind the values, or have another size than their shape.
    pub fn parse(json: &[u8], size: u64) -> Result<Self, String> {
        let told = |error: serde_json::Error| format!("the header: {error}");
        let mut header: Self = serde_json::from_slice(json).map_err(told)?;
        // what is passed over above must be such JSON as the safetensors crate takes
        serde_json::from_slice::<Any>(json).map_err(told)?;
        let mut names = HashSet::with_capacity(header.tensors.len());
        if let Some(twice) = header.tensors.iter().find(|tensor| !names.insert(&tensor.name)) {
            return Err(format!("the header: {:?} stands twice", twice.name));
        }
        header.values = 8 + json.len() as u64;
        header.tensors.sort_by_key(|tensor| (tensor.begin, tensor.end));
        let mut at = 0;
        for Entry { name, dtype, shape, begin, end } in &header.tensors {
            if *end > size {
                return Err(format!("tensor {name:?} ends at byte {end}, the file's values at byte {size}"));
            }
            if *begin != at {
                let what = if *begin < at { "overlaps the tensor before it" } else { "leaves a gap before it" };
                return Err(format!("tensor {name:?} {what}: it begins at byte {begin}, not {at}"));
            }

            let elements = shape.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim));
            let bits = elements.and_then(|elements| elements.checked_mul(dtype.bitsize() as u64));
            match bits {
                Some(bits) if bits % 8 == 0 && end.checked_sub(*begin) == Some(bits / 8) => at = *end,
                _ => {
                    let bytes = i128::from(*end) - i128::from(*begin);
                    return Err(format!(
                        "tensor {name:?} has {bytes} bytes, which is not shape {shape:?} of {dtype:?}"
                    ));
                }
            }
        }
        if at == size {
            Ok(header)
        } else {
            Err(format!("the tensors end at byte {at}, the file's values at byte {size}"))
        }
    }

    /// The JSON, padded to 8 bytes.
    pub(crate) fn json(&self) -> Result<Vec<u8>, String> {
        let mut json = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        json.resize(json.len().next_multiple_of(8), b' ');
        if json.len() as u64 > LARGEST {
            return Err(format!("a header of {} bytes, readers take {LARGEST}", json.len()));
        }
        Ok(json)
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.tensors.len()))?;
        map.serialize_entry("__metadata__", &self.metadata)?;
        for Entry { name, dtype, shape, begin, end } in &self.tensors {
            map.serialize_entry(
                name,
                &Info { dtype: *dtype, shape: Dims(shape.clone()), data_offsets: (*begin, *end) },
            )?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut metadata = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if metadata.replace(map.next_value::<Option<Metadata>>()?).is_some() {
                    return Err(A::Error::custom("\"__metadata__\" stands twice"));
                }
                continue;
            }
            check_name(&name).map_err(A::Error::custom)?;
            let Info { dtype, shape, data_offsets: (begin, end) } = map.next_value()?;
            header.tensors.push(Entry { name, dtype, shape: shape.0, begin, end });
        }
        header.metadata = metadata.flatten().unwrap_or_default().0;
        Ok(header)
    }
}

/// A file's `__metadata__`, which may be null.
#[derive(Default)]
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Once.deserialize(deserializer).map(Self)
    }
}

#[derive(Serialize, Deserialize)]
struct Info {
    dtype: Dtype,
    shape: Dims,
    data_offsets: (u64, u64),
}

/// So many dimensions that a header cannot fill the memory with them.
struct Dims(Vec<u64>);

impl Serialize for Dims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(DimsVisitor).map(Self)
    }
}

struct DimsVisitor;

impl<'de> Visitor<'de> for DimsVisitor {
    type Value = Vec<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST_DIMS} dimensions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<u64>, A::Error> {
        let mut dims = Vec::new();
        while dims.len() < MOST_DIMS {
            match sequence.next_element()? {
                Some(dim) => dims.push(dim),
                None => return Ok(dims),
            }
        }
        match sequence.next_element::<IgnoredAny>()? {
            None => Ok(dims),
            Some(_) => Err(A::Error::invalid_length(MOST_DIMS + 1, &self)),
        }
    }
}
