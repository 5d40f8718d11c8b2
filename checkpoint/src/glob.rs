//! Globs over tensors' names, which may come from anyone: their size is bounded before they become a regular expression.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// The most bytes of a glob. This limit and the next ones bound the regular expression that a glob becomes: globset
/// panics where it is too large.
const LONGEST: usize = 1000;
/// The deepest braces within braces.
const DEEPEST: usize = 8;
/// The most alternatives in the braces of a glob.
const MOST_ALTERNATIVES: usize = 250;
/// The most globs of a set.
const MOST_GLOBS: usize = 10_000;

/// The reason why text is no glob, or too large a one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobError {
    /// A glob of more than 1000 bytes.
    #[error("a glob has at most {LONGEST} bytes, not {0}")]
    TooLong(usize),
    /// A glob of more than 8 braces within braces.
    #[error("a glob has at most {DEEPEST} braces within braces")]
    TooDeep,
    /// A glob of more than 250 alternatives.
    #[error("a glob has at most {MOST_ALTERNATIVES} alternatives, not {0}")]
    TooManyAlternatives(usize),
    /// A set of more than 10,000 globs.
    #[error("there are more than {MOST_GLOBS} globs")]
    TooManyGlobs,
    /// Text that is no glob, or a set that is too large once it is compiled.
    #[error("{0}")]
    Syntax(String),
}

impl GlobError {
    /// globset's error as text, so that its type is not part of this crate's API.
    fn syntax(error: globset::Error) -> Self {
        Self::Syntax(error.to_string())
    }
}

/// Globs that are matched all at once.
pub(crate) struct Globs(GlobSet);

impl Globs {
    pub(crate) fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, GlobError> {
        let mut set = GlobSetBuilder::new();
        // counted while they are added: the iterator may be longer than the limit
        for (i, text) in globs.into_iter().enumerate() {
            if i == MOST_GLOBS {
                return Err(GlobError::TooManyGlobs);
            }
            set.add(glob(text)?);
        }
        set.build().map(Self).map_err(GlobError::syntax)
    }

    /// The indices of the globs that match, ascending.
    pub(crate) fn matches_into(&self, name: &str, into: &mut Vec<usize>) {
        self.0.matches_into(name, into);
    }
}

/// A function that says whether a name matches a glob: `*` is any text, `?` any letter, `{a,b}` either, `[ab]` one of these letters.
///
/// # Errors
///
/// Every [`GlobError`]: a glob has at most 1000 bytes, 8 braces within braces and 250 alternatives.
///
/// ```
/// let matches = seedtensors_checkpoint::is_match("*.{weight,bias}")?;
/// assert!(matches("fc1.weight") && !matches("fc1.scale"));
/// let error = seedtensors_checkpoint::is_match(&"{".repeat(9)).err();
/// assert_eq!(error, Some(seedtensors_checkpoint::GlobError::TooDeep));
/// # Ok::<(), seedtensors_checkpoint::GlobError>(())
/// ```
pub fn is_match(glob: &str) -> Result<impl Fn(&str) -> bool + use<>, GlobError> {
    let Globs(set) = Globs::new([glob])?;
    Ok(move |name: &str| set.is_match(name))
}

/// A glob within the limits.
fn glob(text: &str) -> Result<Glob, GlobError> {
    if text.len() > LONGEST {
        return Err(GlobError::TooLong(text.len()));
    }
    // braces that are escaped, or in brackets, are counted too: that refuses a little more than it must
    let (mut depth, mut alternatives) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' => (depth, alternatives) = (depth + 1, alternatives + 1),
            b'}' => depth = depth.saturating_sub(1),
            b',' => alternatives += 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Err(GlobError::TooDeep);
        }
    }
    if alternatives > MOST_ALTERNATIVES {
        return Err(GlobError::TooManyAlternatives(alternatives));
    }
    // the same syntax on every system: globset has no escapes on Windows otherwise. {a,} is a or nothing
    GlobBuilder::new(text).backslash_escape(true).empty_alternates(true).build().map_err(GlobError::syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_bounded_and_the_largest_are_matched() {
        let deep = format!("{}a{}", "{".repeat(DEEPEST), "}".repeat(DEEPEST));
        assert!(is_match(&deep).unwrap()("a"));
        let wide = format!("{{{}}}", (1..MOST_ALTERNATIVES).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
        assert!(is_match(&wide).unwrap()("200"));
        for long in ["?", "*a", "[!a]", "é*"] {
            let long = long.repeat(LONGEST / long.len());
            assert!(!is_match(&long).unwrap()("b"));
        }
        let refused = |glob: &str| is_match(glob).err().unwrap().to_string();
        assert_eq!(refused(&"a".repeat(1001)), "a glob has at most 1000 bytes, not 1001");
        assert!(refused(&format!("{{{deep}}}")).ends_with("at most 8 braces within braces"));
        assert!(refused(&format!("{{{}}}", ",".repeat(250))).ends_with("at most 250 alternatives, not 251"));
        assert!(refused("[a-").contains("unclosed character class"));
        // the largest of all, many times
        let many = Globs::new((0..300).map(|_| wide.as_str())).map(|_| ());
        assert!(many.is_ok() || many.unwrap_err().to_string().contains("size limit"));
        assert_eq!(Globs::new(vec!["a"; 10_001]).err(), Some(GlobError::TooManyGlobs));
    }
}
