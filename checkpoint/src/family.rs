//! Model families: the templates in `recipes/families/`, each named after the `model_type` of its configurations.

use crate::template_files::FILES;

/// A model family that has a template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Family {
    /// The `model_type` of its configurations.
    pub model_type: &'static str,
    /// Its name, and remarks.
    pub about: &'static str,
    /// The names that a configuration's `architectures` may have: one for each head. The first is the default.
    pub architectures: Vec<&'static str>,
    /// The source that the template follows: a file of transformers, and its version.
    pub source: &'static str,
    /// The styles that apply; none where every style does.
    pub styles: Option<Vec<&'static str>>,
}

impl Family {
    /// The family of a model type.
    pub(crate) fn of(model_type: &str) -> Option<Self> {
        families().find(|family| family.model_type == model_type)
    }

    /// The name of its template.
    pub(crate) fn template(&self) -> String {
        format!("{FOLDER}{}.jinja", self.model_type)
    }

    /// The architecture without a head, which models of several parts contain.
    pub(crate) fn base(&self) -> Option<&'static str> {
        self.architectures.iter().copied().find(|name| name.ends_with("Model") && !name.ends_with("LMHeadModel"))
    }

    /// Reads the comment at the top of a template: lines `architectures:`, `source:` and `styles:`, and before them
    /// the name and remarks. A value goes on in lines that begin with two spaces.
    fn parse(model_type: &'static str, text: &'static str) -> Option<Self> {
        let comment = text.strip_prefix("{#")?.split_once("#}")?.0.trim();
        let field = |name: &str| {
            let begin = comment.find(&format!("\n{name}: "))? + name.len() + 3;
            let end = comment[begin..].match_indices('\n').find(|(at, _)| !comment[begin + at + 1..].starts_with("  "));
            Some(comment[begin..end.map_or(comment.len(), |(at, _)| begin + at)].trim())
        };
        let list = |text: &'static str| text.split(',').map(str::trim).collect::<Vec<_>>();
        Some(Self {
            model_type,
            about: comment.split_once("\narchitectures: ")?.0.trim(),
            architectures: list(field("architectures")?),
            source: field("source")?,
            styles: field("styles").map(list),
        })
    }
}

/// The folder of the families' templates.
const FOLDER: &str = "families/";

/// Every model family that has a template, by its model type.
///
/// ```
/// let mut families = seedtensors_checkpoint::families();
/// let llama = families.find(|family| family.model_type == "llama").unwrap();
/// assert_eq!(llama.architectures[..2], ["LlamaForCausalLM", "LlamaModel"]);
/// assert!(llama.source.contains("models/llama/modeling_llama.py"));
/// ```
pub fn families() -> impl Iterator<Item = Family> {
    FILES.iter().filter_map(|(name, text)| {
        let model_type = name.strip_prefix(FOLDER)?.strip_suffix(".jinja")?;
        Family::parse(model_type, text)
    })
}
