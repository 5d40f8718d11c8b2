//! Reads a recipe from TOML. An error names the line of the key that it is about.

use std::collections::HashSet;
use std::ops::Range;

use seedtensors::{Dtype, Fans, Init, Layer, Layout, Parameter};
use serde::Deserialize;
use toml::Spanned;

use crate::format::check_name;
use crate::function::Function;
use crate::plain::plain;
use crate::recipe::{Recipe, RecipeError, ShardSpec, Tensor};
use crate::tensor_dtype::TensorDtype;
use crate::tensor_spec::{Key, TensorSpec, check_dims, check_padding};

/// A broken rule, and the bytes of the text that break it.
type Misplaced = (Range<usize>, String);

/// A recipe as TOML. Unknown keys are refused: a misspelt one would be ignored without a word.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The `[defaults]` table.
    #[serde(default)]
    defaults: Defaults,
    /// The `[[tensor]]` tables.
    #[serde(default)]
    tensor: Vec<Spanned<Entry>>,
    /// The `[[layer]]` tables.
    #[serde(default)]
    layer: Vec<Spanned<LayerEntry>>,
}

/// The `[defaults]` of all tensors. A key of a tensor replaces its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    dtype: Option<Dtype>,
    layout: Option<Layout>,
    init: Option<Init>,
}

/// A `[[tensor]]`, with the lines of the keys that an error may be about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    /// The whole shape, also where the file holds a shard.
    shape: Spanned<Vec<u64>>,
    dtype: Option<TensorDtype>,
    /// The order of the output and input dimensions, from which fans are computed.
    layout: Option<Layout>,
    /// The groups of a convolution.
    groups: Option<u64>,
    /// Whether it is the kernel of a transposed convolution.
    #[serde(default)]
    transposed: bool,
    /// The fans, in place of those that the shape gives.
    fans: Option<Fans>,
    /// The initialiser, unless `[defaults]` has it.
    init: Option<Spanned<Init>>,
    /// The function that the values of the initialiser go through.
    function: Option<Spanned<Function>>,
    /// The index in the first dimension that is zeros.
    padding: Option<Spanned<u64>>,
    /// The part of the tensor that the file holds.
    shard: Option<Spanned<ShardSpec>>,
}

/// A `[[layer]]`, whose parameters are named `name.parameter`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerEntry {
    name: Spanned<String>,
    dtype: Option<Dtype>,
    /// The kind of the layer and its sizes, from which its parameters come.
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
        let file: File = toml::from_str(text).map_err(|error| RecipeError {
            line: error.span().map(|span| line_of(text, span.start)),
            message: plain(error.message()),
        })?;
        if file.tensor.is_empty() && file.layer.is_empty() {
            let message = "a recipe needs at least one [[tensor]] with a name, a shape and an init, or a [[layer]]";
            return Err(RecipeError { line: None, message: message.to_owned() });
        }
        // the caller's dtype replaces the recipe's default, not the dtype that a tensor has of its own
        let dtype = dtype.or(file.defaults.dtype).unwrap_or(Dtype::F32);
        file.tensors(dtype).map_err(|(span, message)| RecipeError { line: Some(line_of(text, span.start)), message })
    }
}

impl File {
    /// The tensors of all entries, in the order of the text.
    fn tensors(&self, dtype: Dtype) -> Result<Recipe, Misplaced> {
        let tensors = self.tensor.iter().map(|entry| {
            let tensor = entry.get_ref().tensor(&self.defaults, dtype, &entry.span());
            (entry.span().start, &entry.get_ref().name, tensor.map(|tensor| vec![tensor]))
        });
        let layers = self.layer.iter();
        let layers = layers.map(|entry| (entry.span().start, &entry.get_ref().name, entry.get_ref().tensors(dtype)));
        // TOML gives the [[tensor]] and the [[layer]] tables as two lists: the order of the text is restored
        let mut entries: Vec<_> = tensors.chain(layers).collect();
        entries.sort_by_key(|(start, ..)| *start);
        let mut names = HashSet::new();
        let mut tensors = Vec::with_capacity(entries.len());
        for (_, name, made) in entries {
            for tensor in made? {
                // the key of the random numbers comes from the name: two tensors of one name would have the same values
                if !names.insert(tensor.name.clone()) {
                    let message = format!("a name may stand once, {:?} is the name of an earlier tensor", tensor.name);
                    return Err((name.span(), message));
                }
                tensors.push(tensor);
            }
        }
        Ok(Recipe { tensors })
    }
}

impl LayerEntry {
    /// The tensors of a layer, or where in the text what is wrong.
    fn tensors(&self, dtype: Dtype) -> Result<Vec<Tensor>, Misplaced> {
        let name = self.name.get_ref();
        if name.is_empty() {
            return Err((self.name.span(), "a layer needs a name, which its parameters' names begin with".to_owned()));
        }
        let refuse = |error: seedtensors::Error| (self.layer.span(), format!("layer {name:?}: {error}"));
        let dtype = self.dtype.unwrap_or(dtype);
        let parameters = self.layer.get_ref().parameters().map_err(refuse)?;
        let padding = self.layer.get_ref().padding();
        let tensor = |Parameter { name: parameter, shape, init }: Parameter| {
            let sampler = init.sampler(&shape).map_err(refuse)?;
            sampler.check(dtype).map_err(refuse)?;
            let name = format!("{name}.{parameter}");
            // checked here, because a layer does not go through `TensorSpec::tensor`
            check_name(&name).map_err(|error| (self.name.span(), error.to_string()))?;
            let checked = check_dims(shape.dims())
                .and_then(|()| check_padding(&shape, padding).map_err(|error| error.to_string()));
            checked.map_err(|error| (self.layer.span(), format!("tensor {name:?}: {error}")))?;
            Ok(Tensor { name, shape, dtype: dtype.into(), init, function: None, padding, shard: None })
        };
        parameters.into_iter().map(tensor).collect()
    }
}

impl Entry {
    /// The tensor that an entry describes, or where in the text what is wrong.
    fn tensor(&self, defaults: &Defaults, dtype: Dtype, whole: &Range<usize>) -> Result<Tensor, Misplaced> {
        let spec = TensorSpec {
            name: self.name.get_ref().clone(),
            shape: self.shape.get_ref().clone(),
            dtype: self.dtype.unwrap_or(dtype.into()),
            layout: self.layout.or(defaults.layout).unwrap_or_default(),
            // an ordinary convolution, as in PyTorch's `groups=1`
            groups: self.groups.unwrap_or(1),
            transposed: self.transposed,
            fans: self.fans,
            init: self.init.as_ref().map(|init| *init.get_ref()).or(defaults.init),
            function: self.function.as_ref().map(|function| *function.get_ref()),
            padding: self.padding.as_ref().map(|padding| *padding.get_ref()),
            shard: self.shard.as_ref().map(|shard| shard.get_ref().clone()),
        };
        spec.tensor().map_err(|error| (self.span(error.key, whole), error.message))
    }

    /// The span of a key in the text; the span of the whole entry where the key is not written.
    fn span(&self, key: Key, whole: &Range<usize>) -> Range<usize> {
        // a key that is not written may still be wrong, such as an init that `[defaults]` gives
        let span = match key {
            Key::Name => Some(self.name.span()),
            Key::Shape => Some(self.shape.span()),
            Key::Init => self.init.as_ref().map(Spanned::span),
            Key::Function => self.function.as_ref().map(Spanned::span),
            Key::Padding => self.padding.as_ref().map(Spanned::span),
            Key::Shard => self.shard.as_ref().map(Spanned::span),
        };
        span.unwrap_or_else(|| whole.clone())
    }
}

/// The line, from 1, of a byte of the text.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}
