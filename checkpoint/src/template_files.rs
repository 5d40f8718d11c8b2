//! The templates that the crate carries: model families, styles of initialisation, and their shared parts.

// The texts are part of the binary: the command needs no file beside it. A new file must be named in the list below.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../recipes/", $name)))),*]
    };
}

/// Every template, by its name in `recipes/`.
pub(crate) const FILES: &[(&str, &str)] = files![
    "families/bert.jinja",
    "families/gpt2.jinja",
    "families/gpt_neox.jinja",
    "families/llama.jinja",
    "families/mistral.jinja",
    "families/mixtral.jinja",
    "families/qwen2.jinja",
    "families/qwen3.jinja",
    "families/vit.jinja",
    "shared/decoder.jinja",
    "shared/defaults.jinja",
    "shared/encoder.jinja",
    "shared/tensors.jinja",
    "styles/gpt2.jinja",
    "styles/hf.jinja",
    "styles/megatron.jinja",
    "styles/olmo.jinja",
    "styles/small_init.jinja",
    "styles/torchtitan.jinja",
];

/// A way to initialise a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Its name.
    pub name: &'static str,
    /// Its description, formula and source.
    pub about: &'static str,
}

/// Every style.
///
/// ```
/// let styles = seedtensors_checkpoint::styles();
/// assert!(styles.map(|style| style.name).eq(["gpt2", "hf", "megatron", "olmo", "small_init", "torchtitan"]));
/// ```
pub fn styles() -> impl Iterator<Item = Style> {
    FILES.iter().filter_map(|(name, text)| {
        let name = name.strip_prefix("styles/")?.strip_suffix(".jinja")?;
        // a style's file begins with a comment, which is its description
        let about = text.strip_prefix("{#")?.split_once("#}")?.0.trim();
        Some(Style { name, about })
    })
}
