//! A recipe: which tensors a checkpoint holds, in TOML.

use std::collections::HashSet;
use std::ops::Range;

use seedtensors::{Dtype, Fans, Init, Layer, Layout, Sampler, Shape};
use serde::Deserialize;
use toml::Spanned;

use crate::header::MOST_DIMS;

/// One tensor of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name, from which its key comes.
    pub name: String,
    /// Its whole shape.
    pub shape: Shape,
    /// What it is stored as.
    pub dtype: Dtype,
    /// Its initialiser.
    pub init: Init,
    /// What its values are: the initialiser's for this shape.
    pub sampler: Sampler,
    /// The index in its first dimension that is zeros whatever the initialiser says, as an embedding's
    /// `padding_idx` is in PyTorch.
    pub padding: Option<u64>,
    /// The part of it that the file holds; none is the whole.
    pub shard: Option<Part>,
}

/// A rectangle of a tensor: its first element and its extent in every dimension.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ start = [0, 1024], extent = [8192, 1024] }")]
pub struct Part {
    /// The first element's index in every dimension.
    pub start: Vec<u64>,
    /// The number of elements in every dimension.
    pub extent: Vec<u64>,
}

impl Tensor {
    /// The dimensions that it has in the file.
    #[must_use]
    pub fn dims(&self) -> &[u64] {
        self.shard.as_ref().map_or(self.shape.dims(), |part| &part.extent)
    }

    /// The number of elements that the file holds.
    #[must_use]
    pub fn elements(&self) -> u64 {
        // a part is inside its tensor, whose elements fit in 64 bits
        self.shard.as_ref().map_or(self.shape.elements(), |part| part.extent.iter().product())
    }

    /// The number of bytes that the file holds.
    #[must_use]
    pub fn bytes(&self) -> u128 {
        u128::from(self.elements()) * u128::from(self.dtype.size())
    }

    /// The elements of the file, in row-major order, that are padding.
    pub(crate) fn padding_elements(&self) -> Range<u64> {
        let start = self.shard.as_ref().map_or(0, |part| part.start.first().copied().unwrap_or(0));
        let row = match (self.dims(), self.padding.and_then(|padding| padding.checked_sub(start))) {
            ([rows, ..], Some(row)) if row < *rows => row..row + 1,
            _ => return 0..0,
        };
        let size = self.dims()[1..].iter().product::<u64>();
        row.start * size..row.end * size
    }
}

/// The tensors of a checkpoint, in the order of the file, with names that differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The tensors.
    pub tensors: Vec<Tensor>,
}

/// What is wrong with a recipe, and in which of its lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct RecipeError {
    /// The line, from 1; none where the whole recipe is meant.
    pub line: Option<usize>,
    /// The rule that was broken.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    tensor: Vec<Spanned<Entry>>,
    #[serde(default)]
    layer: Vec<Spanned<LayerEntry>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    dtype: Option<Dtype>,
    layout: Option<Layout>,
    init: Option<Init>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    shape: Spanned<Vec<u64>>,
    dtype: Option<Dtype>,
    layout: Option<Layout>,
    groups: Option<u64>,
    #[serde(default)]
    transposed: bool,
    fans: Option<Fans>,
    init: Option<Spanned<Init>>,
    padding: Option<Spanned<u64>>,
    shard: Option<Spanned<Part>>,
}

/// A layer's parameters, named `name.parameter`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerEntry {
    name: Spanned<String>,
    dtype: Option<Dtype>,
    layer: Spanned<Layer>,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    ///
    /// A [`RecipeError`] for what is no TOML, an unknown key, a missing or repeated name, and a shape or an
    /// initialiser that the library refuses.
    ///
    /// ```
    /// let error = seedtensors_checkpoint::Recipe::parse("[[tensor]]\nname = \"w\"\nshap = [2]").unwrap_err();
    /// assert_eq!(error.line, Some(3));
    /// assert!(error.message.starts_with("unknown field `shap`, expected one of `name`, `shape`"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        Self::parse_with_dtype(text, None)
    }

    /// The same with another default dtype than the recipe's; a tensor with a dtype of its own keeps it.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse).
    pub fn parse_with_dtype(text: &str, dtype: Option<Dtype>) -> Result<Self, RecipeError> {
        let at = |span: Range<usize>, message: String| RecipeError { line: Some(line_of(text, span.start)), message };
        let file: File = toml::from_str(text).map_err(|error| RecipeError {
            line: error.span().map(|span| line_of(text, span.start)),
            message: plain(error.message()),
        })?;
        if file.tensor.is_empty() && file.layer.is_empty() {
            let message = "a recipe needs at least one [[tensor]] with a name, a shape and an init, or a [[layer]]";
            return Err(RecipeError { line: None, message: message.to_owned() });
        }
        let dtype = dtype.or(file.defaults.dtype).unwrap_or(Dtype::F32);
        let tensors = file.tensor.iter().map(|entry| {
            let tensor = entry.get_ref().tensor(&file.defaults, dtype, &entry.span());
            (entry.span().start, entry.get_ref().name.span(), tensor.map(|tensor| vec![tensor]))
        });
        let layers = file
            .layer
            .iter()
            .map(|entry| (entry.span().start, entry.get_ref().name.span(), entry.get_ref().tensors(dtype)));
        // in the order of the text
        let mut entries: Vec<_> = tensors.chain(layers).collect();
        entries.sort_by_key(|(start, ..)| *start);
        let mut names = HashSet::new();
        let mut tensors = Vec::with_capacity(entries.len());
        for (_, name, made) in entries {
            for tensor in made.map_err(|(span, message)| at(span, message))? {
                if !names.insert(tensor.name.clone()) {
                    let message = format!("a name may stand once, {:?} is the name of an earlier tensor", tensor.name);
                    return Err(at(name, message));
                }
                tensors.push(tensor);
            }
        }
        Ok(Self { tensors })
    }
}

impl LayerEntry {
    /// The tensors of a layer, or where in the text what is wrong.
    fn tensors(&self, dtype: Dtype) -> Result<Vec<Tensor>, (Range<usize>, String)> {
        let name = self.name.get_ref();
        if name.is_empty() {
            return Err((self.name.span(), "a layer needs a name, which its parameters' names begin with".to_owned()));
        }
        let refuse = |error: seedtensors::Error| (self.layer.span(), format!("layer {name:?}: {error}"));
        let dtype = self.dtype.unwrap_or(dtype);
        let parameters = self.layer.get_ref().parameters().map_err(refuse)?;
        let padding = self.layer.get_ref().padding();
        let tensor = |parameter: seedtensors::Parameter| {
            let sampler = parameter.init.sampler(&parameter.shape).map_err(refuse)?;
            sampler.check(dtype).map_err(refuse)?;
            let name = format!("{name}.{}", parameter.name);
            check_name(&name).map_err(|message| (self.name.span(), message))?;
            check_padding(&name, &parameter.shape, padding).map_err(|message| (self.layer.span(), message))?;
            Ok(Tensor { name, shape: parameter.shape, dtype, init: parameter.init, sampler, padding, shard: None })
        };
        parameters.into_iter().map(tensor).collect()
    }
}

impl Entry {
    /// The tensor that an entry describes, or where in the text what is wrong.
    fn tensor(
        &self,
        defaults: &Defaults,
        dtype: Dtype,
        whole: &Range<usize>,
    ) -> Result<Tensor, (Range<usize>, String)> {
        let name = self.name.get_ref().clone();
        check_name(&name).map_err(|message| (self.name.span(), message))?;
        check_dims(self.shape.get_ref())
            .map_err(|message| (self.shape.span(), format!("tensor {name:?}: {message}")))?;
        let shape = self.shape(defaults).map_err(|error| (self.shape.span(), error.to_string()))?;
        let (span, init) = match (&self.init, &defaults.init) {
            (Some(init), _) => (init.span(), *init.get_ref()),
            (None, Some(init)) => (whole.clone(), *init),
            (None, None) => {
                let message = format!("tensor {name:?} needs an init, here or in [defaults]: init = \"he_normal\"");
                return Err((whole.clone(), message));
            }
        };
        let dtype = self.dtype.unwrap_or(dtype);
        let sampler = init.sampler(&shape).and_then(|sampler| sampler.check(dtype).map(|()| sampler));
        let sampler = sampler.map_err(|error| (span, format!("tensor {name:?}: {error}")))?;
        if let Some(part) = &self.shard {
            let shard = shape.shard(&part.get_ref().start, &part.get_ref().extent);
            shard.map_err(|error| (part.span(), format!("tensor {name:?}: {error}")))?;
        }
        let shard = self.shard.as_ref().map(|part| part.get_ref().clone());
        let padding = self.padding.as_ref().map(|padding| *padding.get_ref());
        let span = self.padding.as_ref().map_or(whole.clone(), Spanned::span);
        check_padding(&name, &shape, padding).map_err(|message| (span, message))?;
        Ok(Tensor { name, shape, dtype, init, sampler, padding, shard })
    }

    fn shape(&self, defaults: &Defaults) -> seedtensors::Result<Shape> {
        let shape = Shape::new(self.shape.get_ref())?
            .with_layout(self.layout.or(defaults.layout).unwrap_or_default())
            .with_groups(self.groups.unwrap_or(1))
            .with_transposed(self.transposed);
        Ok(match self.fans {
            Some(fans) => shape.with_fans(fans),
            None => shape,
        })
    }
}

/// Refuses names that a safetensors file cannot hold, that would change a terminal, or that would lead out of a
/// folder if a program took them for paths.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let rule = if name.is_empty() || name == "__metadata__" {
        "a safetensors file has no room for it"
    } else if name.chars().any(char::is_control) {
        "it has control characters"
    } else if name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..") {
        "as a path it would lead out of a folder"
    } else {
        return Ok(());
    };
    Err(format!("a tensor cannot be named {name:?}: {rule}"))
}

/// Refuses shapes that readers of safetensors files, ours among them, would.
fn check_dims(dims: &[u64]) -> Result<(), String> {
    match dims.len() {
        ..=MOST_DIMS => Ok(()),
        count => Err(format!("a shape has at most {MOST_DIMS} dimensions, not {count}")),
    }
}

fn check_padding(name: &str, shape: &Shape, padding: Option<u64>) -> Result<(), String> {
    match (padding, shape.dims()) {
        (Some(padding), [rows, ..]) if padding >= *rows => {
            Err(format!("tensor {name:?}: padding is an index below {rows}, the first dimension, not {padding}"))
        }
        (Some(_), []) => Err(format!("tensor {name:?}: a scalar has no padding")),
        _ => Ok(()),
    }
}

/// The line, from 1, of a byte of the text.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

/// serde's message in the words of those who write recipes.
fn plain(message: &str) -> String {
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
