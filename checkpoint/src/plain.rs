//! serde's messages, reworded for those who write recipes and rules.

/// serde's message in the words of those who write recipes. It is matched as text, because serde has no other form of
/// it; a message that changes is passed on as it is.
pub(crate) fn plain(message: &str) -> String {
    // serde names the Rust type that reads a table of parameters
    let (before, table) = message.split_once("expected struct variant").unwrap_or((message, ""));
    let message = if table.is_empty() { before.to_owned() } else { format!("{before}expected a table of parameters") };
    message
        .replace("unknown variant", "unknown name")
        .replace("invalid type: map, expected enum", "an empty table names nothing")
        .replace("invalid type: map, expected a sequence", "a table stands once, expected a list: [[tensor]]")
        .replace("expected a sequence", "expected a list: [512, 784]")
        .replace("expected u64", "expected a whole number of at least 0")
}
