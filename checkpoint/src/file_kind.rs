//! Bytes that were taken for safetensors files, indexes or configs: naming what they are instead.

use serde::de::DeserializeOwned;

/// The bytes that are enough to tell a file's kind.
pub(crate) const SNIFFED: usize = 512;

/// Formats by their first bytes.
const KINDS: [(&[u8], &str); 15] = [
    (b"version https://git-lfs", "a Git LFS pointer, in place of the file: `git lfs pull` fetches it"),
    (b"PK\x03\x04", "a zip archive, as PyTorch's torch.save writes it (.bin, .pt, .pth)"),
    (b"GGUF", "a GGUF file, llama.cpp's format"),
    (b"\x80\x02", "a Python pickle, as older versions of torch.save write it"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (b"\x93NUMPY", "a NumPy file (.npy)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it"),
    (b"\xff\xfe", "text in UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16: save it as UTF-8"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
];

/// Markup by its first letters, in lower case.
const MARKUP: [(&str, &str); 3] = [
    ("<!doctype html", "an HTML page: a download gave a page, an error or a login, instead of the file"),
    ("<html", "an HTML page: a download gave a page, an error or a login, instead of the file"),
    ("<?xml", "an XML document: a download gave an error instead of the file"),
];

/// Names a file's format by its first bytes. None for safetensors, JSON and unknown formats.
///
/// ```
/// use seedtensors_checkpoint::file_kind;
///
/// assert_eq!(file_kind(b"GGUF\x03\0\0\0"), Some("a GGUF file, llama.cpp's format"));
/// assert_eq!(file_kind(br#"{"weight_map":{}}"#), None);
/// ```
#[must_use]
pub fn file_kind(head: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(kind);
    }
    // lossy, because a cut after 512 bytes may be inside a character
    let text = String::from_utf8_lossy(&head[..head.len().min(SNIFFED)]);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_ascii_lowercase();
    MARKUP.iter().find(|(begin, _)| text.starts_with(begin)).map(|(_, kind)| *kind)
}

/// The reason why bytes are no JSON of the wanted form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// A file of another format, as [`file_kind()`] names it.
    #[error("this is {0}")]
    OtherFormat(&'static str),
    /// A byte order mark, which JSON does not allow.
    #[error("JSON has no byte order mark: save the file as UTF-8 without one")]
    ByteOrderMark,
    /// An empty file.
    #[error("the file is empty")]
    Empty,
    /// One of Python's words for numbers that JSON does not have.
    #[error("line {line} has {word}, which Python writes and JSON does not have: put a number or null")]
    NotANumber {
        /// The line, from 1.
        line: usize,
        /// The word: `NaN`, `Infinity` or `-Infinity`.
        word: &'static str,
    },
    /// Anything else that serde refuses.
    #[error("{0}")]
    Json(String),
}

/// Reads JSON that may come from anyone.
///
/// # Errors
///
/// Every [`JsonError`].
///
/// ```
/// let error = seedtensors_checkpoint::parse_json::<Vec<f64>>(b"[1.0, -Infinity]").unwrap_err();
/// assert!(error.to_string().starts_with("line 1 has -Infinity, which Python writes and JSON does not have"));
/// ```
pub fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, JsonError> {
    // another format first: what a JSON parser says about a zip archive helps nobody
    if let Some(kind) = file_kind(json) {
        return Err(JsonError::OtherFormat(kind));
    }
    if json.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonError::ByteOrderMark);
    }
    if json.is_empty() {
        return Err(JsonError::Empty);
    }
    serde_json::from_slice(json).map_err(|error| match not_a_number(json, error.line()) {
        Some(word) if error.is_syntax() => JsonError::NotANumber { line: error.line(), word },
        _ => JsonError::Json(error.to_string()),
    })
}

/// The first of Python's words for numbers in a line of JSON, outside strings.
fn not_a_number(json: &[u8], line: usize) -> Option<&'static str> {
    // serde_json gives the line of a syntax error, from 1. Inside it, words in strings are text
    let line = json.split(|&byte| byte == b'\n').nth(line.checked_sub(1)?)?;
    let (mut is_string, mut is_escaped) = (false, false);
    line.iter().enumerate().find_map(|(i, &byte)| {
        match byte {
            _ if is_escaped => is_escaped = false,
            // a backslash outside a string escapes nothing
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            _ => {
                return ["-Infinity", "Infinity", "NaN"]
                    .into_iter()
                    .find(|word| line[i..].starts_with(word.as_bytes()));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_numbers_are_named_where_they_stand() {
        let told = |json: &str| parse_json::<serde_json::Value>(json.as_bytes()).unwrap_err().to_string();
        assert!(told("{\"a\": \"Infinity\",\n \"b\\\"NaN\": NaN}").starts_with("line 2 has NaN, "));
        assert!(told("{\"limit\": [0.0, Infinity]}").starts_with("line 1 has Infinity, "));
        assert!(told("{\"limit\": -Infinity}").starts_with("line 1 has -Infinity, "));
        // what is wrong is something else
        assert!(told("{\"a\": \"NaN\" 1}").starts_with("expected `,` or `}` at line 1"));
        assert!(told("{\"a\": 1").starts_with("EOF while parsing an object at line 1"));
    }

    #[test]
    fn other_formats_are_named() {
        let told = |bytes: &[u8]| parse_json::<serde_json::Value>(bytes).unwrap_err().to_string();
        assert!(told(b"\xef\xbb\xbf{}").contains("byte order mark"));
        assert!(told(b"\xff\xfe{\0}\0").contains("UTF-16"));
        assert!(told(b"").contains("empty"));
        assert!(told(b"\xef\xbb\xbf \n<!DOCTYPE HTML><p>").contains("HTML"));
        assert!(told(b"version https://git-lfs.github.com/spec/v1\noid").contains("Git LFS pointer"));
        assert!(told(b"PK\x03\x04\0\0\x08\x08").contains("PyTorch"));
        assert_eq!(file_kind(b""), None);
    }
}
