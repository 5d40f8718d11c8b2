//! The header of a safetensors file, which may come from anyone.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::Read;

use safetensors::Dtype;
use serde::de::{DeserializeSeed as _, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::file_kind::{SNIFFED, file_kind};
use crate::format::{MOST_DIMS, check_name, stored};
use crate::header_error::{HeaderError, LARGEST};
use crate::json::{Any, Once};

/// A tensor of a safetensors file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The dtype that it is stored as.
    pub dtype: Dtype,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// The begin of its bytes, counted from the end of the header.
    pub begin: u64,
    /// The end of its bytes, counted likewise.
    pub end: u64,
}

/// The header of a safetensors file: everything before the values.
///
/// ```
/// use seedtensors_checkpoint::Header;
///
/// let json = br#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
/// assert_eq!(Header::parse(json, 24)?.tensors[0].shape, [2, 3]);
/// let error = Header::parse(json, 20).unwrap_err();
/// assert_eq!(error.to_string(), "tensor \"w\" ends at byte 24, the file's values at byte 20");
/// # Ok::<(), seedtensors_checkpoint::HeaderError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Its `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// Its tensors, in the order of their values.
    pub tensors: Vec<Entry>,
    /// The byte of the file at which the values begin.
    pub values: u64,
}

impl Header {
    /// Reads the header of a file of `size` bytes.
    ///
    /// # Errors
    ///
    /// Every [`HeaderError`].
    pub fn read(mut file: impl Read, size: u64) -> Result<Self, HeaderError> {
        // the file: 8 bytes with the length of the header, little-endian, then the header (JSON), then the values
        let mut start = Vec::new();
        file.by_ref().take(SNIFFED as u64).read_to_end(&mut start)?;
        let Some((length, begun)) = start.split_first_chunk() else { return Err(HeaderError::TooShort { size }) };
        let length = u64::from_le_bytes(*length);
        // the length can look like another format: a header of 0x280 bytes begins like a pickle. But a header begins
        // with `{`
        if begun.first() != Some(&b'{')
            && let Some(kind) = file_kind(&start)
        {
            return Err(HeaderError::OtherFormat { kind });
        }
        // refused before anything of this length is allocated
        if length > LARGEST {
            return Err(HeaderError::TooLong { length });
        }
        let values = 8 + length;
        let rest = size.checked_sub(values);
        let rest = rest.ok_or(HeaderError::Truncated { values, size })?;
        let mut json = Vec::new();
        // the vector grows with the bytes that the file has, not with those that it claims
        begun.chain(file).take(length).read_to_end(&mut json)?;
        Ok(Self { values, ..Self::parse(&json, rest)? })
    }

    /// Reads a header's JSON, before `size` bytes of values.
    ///
    /// # Errors
    ///
    /// A [`HeaderError`] for JSON that is not of the format, a name twice, and tensors that overlap, leave a gap, end
    /// behind the values, or have another size than their shape.
    pub fn parse(json: &[u8], size: u64) -> Result<Self, HeaderError> {
        let mut header: Self = serde_json::from_slice(json).map_err(HeaderError::json)?;
        // the line above skips the values of unknown keys. The safetensors crate reads them, and refuses some JSON that
        // skipping accepts
        serde_json::from_slice::<Any>(json).map_err(HeaderError::json)?;
        // the format forbids a name twice. serde keeps both: they are a list here
        let mut names = HashSet::with_capacity(header.tensors.len());
        if let Some(twice) = header.tensors.iter().find(|tensor| !names.insert(&tensor.name)) {
            return Err(HeaderError::Twice { name: twice.name.clone() });
        }
        header.values = 8 + json.len() as u64;
        // an empty tensor begins where the next one does: sorting by the end, too, puts it first
        header.tensors.sort_by_key(|tensor| (tensor.begin, tensor.end));
        // the format allows no gap: bytes that no tensor has could hide something
        let mut next = 0;
        for tensor in &header.tensors {
            next = tensor.check(next, size)?;
        }
        if next == size { Ok(header) } else { Err(HeaderError::Rest { end: next, size }) }
    }

    /// The JSON, padded to 8 bytes.
    pub(crate) fn json(&self) -> Result<Vec<u8>, HeaderError> {
        let mut json = serde_json::to_vec(self).map_err(HeaderError::json)?;
        // the format allows spaces behind the header. With 8 bytes of length before it, the values are aligned to 8
        json.resize(json.len().next_multiple_of(8), b' ');
        let length = json.len() as u64;
        if length > LARGEST { Err(HeaderError::TooLong { length }) } else { Ok(json) }
    }
}

impl Entry {
    /// A tensor that no file has yet, for [`by_rules`](crate::by_rules). None for a dtype that no file can hold.
    #[must_use]
    pub fn without_bytes(name: String, dtype: seedtensors::Dtype, shape: Vec<u64>) -> Option<Self> {
        stored(dtype.into()).map(|dtype| Self { name, dtype, shape, begin: 0, end: 0 })
    }

    /// The end of its bytes, which must begin at `next` and lie within `size` bytes of values.
    fn check(&self, next: u64, size: u64) -> Result<u64, HeaderError> {
        let Self { dtype, begin, end, .. } = *self;
        let name = || self.name.clone();
        if end > size {
            return Err(HeaderError::Outside { name: name(), end, size });
        }
        if begin != next {
            return Err(HeaderError::Misplaced { name: name(), begin, next });
        }
        // checked, because a hostile shape can be anything
        let elements = self.shape.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim));
        let bits = elements.and_then(|elements| elements.checked_mul(dtype.bitsize() as u64));
        match bits {
            // dtypes below a byte are packed: their elements must fill whole bytes
            Some(bits) if bits % 8 == 0 && end.checked_sub(begin) == Some(bits / 8) => Ok(end),
            _ => {
                // negative where the end is before the begin: 64 bits do not hold every difference
                let bytes = i128::from(end) - i128::from(begin);
                Err(HeaderError::Size { name: name(), bytes, shape: self.shape.clone(), dtype })
            }
        }
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.tensors.len()))?;
        // first, as other writers have it; the map is sorted, so the same tensors give the same bytes
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

/// Reads the header as a list of entries. A map would lose a name that is there twice.
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
                // the safetensors crate reads null as no metadata
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

/// A tensor as the header describes it. Keys other than these are ignored.
#[derive(Serialize, Deserialize)]
struct Info {
    dtype: Dtype,
    /// The dimensions. A scalar has none.
    shape: Dims,
    /// The begin and the end of its bytes, counted from the end of the header.
    data_offsets: (u64, u64),
}

/// At most [`MOST_DIMS`] dimensions, so that a header cannot fill the memory with them.
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

/// Stops at [`MOST_DIMS`] dimensions.
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
        // one more is looked for, and not kept
        match sequence.next_element::<IgnoredAny>()? {
            None => Ok(dims),
            Some(_) => Err(A::Error::invalid_length(MOST_DIMS + 1, &self)),
        }
    }
}
