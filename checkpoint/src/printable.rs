//! Text that may come from anyone, made safe to print.

use std::borrow::Cow;

/// The text with every character escaped that could move a cursor, hide other characters, or change their order:
/// control characters but for line feeds and tabs, and Unicode's format characters (categories Cf, Zl and Zp) and
/// noncharacters. An escape is Rust's: `\u{1b}`.
///
/// ```
/// use seedtensors_checkpoint::printable;
///
/// assert_eq!(printable("layer.0.weight, größe"), "layer.0.weight, größe");
/// assert_eq!(printable("a\u{1b}[2J\u{202e}b"), "a\\u{1b}[2J\\u{202e}b");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escape(text, |character| character.escape_unicode().to_string())
}

/// The same for JSON, where only strings can contain such characters. The escape is JSON's: `\u001b`.
///
/// ```
/// assert_eq!(seedtensors_checkpoint::printable_json("[\"a\u{202e}\u{e0001}\"]"), r#"["a\u202e\udb40\udc01"]"#);
/// ```
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escape(json, |character| character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect())
}

/// The same for TOML. In a basic string the escape `\U0000001B` is read back as the character; a literal string has no
/// escapes.
///
/// ```
/// assert_eq!(seedtensors_checkpoint::printable_toml("name = \"a\u{202e}\"\n"), "name = \"a\\U0000202E\"\n");
/// ```
#[must_use]
pub fn printable_toml(toml: &str) -> Cow<'_, str> {
    escape(toml, |character| format!("\\U{:08X}", u32::from(character)))
}

/// Escapes unsafe characters, and copies nothing where there are none: most text has none.
fn escape(text: &str, with: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    // one pass over the characters; the text is copied, because most escapes are longer than their characters
    let escaped = |character| if is_unsafe(character) { with(character) } else { character.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Unicode 17's Cc (but for line feeds and tabs), Cf, Zl and Zp, and the noncharacters, which XML does not take.
const fn is_unsafe(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}'
        | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}'
        | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
        || character as u32 & 0xfffe == 0xfffe
}
