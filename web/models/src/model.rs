//! The class `Model`: the files of a config or a recipe.

use std::path::Path;

use js_sys::{Array, Uint8Array};
use seedtensors::{Arithmetic, Error};
use seedtensors_checkpoint::{ConfigFile, Plan, PlannedFile, Recipe, TensorBytes, render};
use wasm_bindgen::prelude::*;

use crate::object::{error, number, object};
use crate::options::{Options, text, whole};
use crate::tensor::description;

/// The safetensors files of a model. They are those that `seedtensors init` writes with the same options into a
/// directory, to the byte: a file is its head, then each tensor's bytes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Model {
    plan: Plan,
    recipe: Recipe,
    /// The bytes of the config.json that goes with the files.
    config: Option<Vec<u8>>,
    parameters: JsValue,
}

#[wasm_bindgen]
impl Model {
    /// The files of a model's config.json, whose `model_type` names its family.
    ///
    /// # Errors
    ///
    /// The config names no known family, an option is unknown, or the tensors are too large for files.
    #[wasm_bindgen(js_name = "fromConfig")]
    pub fn from_config(
        #[wasm_bindgen(unchecked_param_type = "string")] config_json: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "ConfigOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options::read(options, true)?;
        let config = ConfigFile::parse(&text("a config", config_json)?);
        let mut config = config.map_err(|message| error(format_args!("this is no config: {message}")))?;
        config.change(&[], options.dtype);
        let recipe = render(config.keys(), &options.style, None).map_err(error)?;
        let recipe = Recipe::parse_with_dtype(&recipe, options.dtype);
        let recipe = recipe.map_err(|message| error(format_args!("the rendered recipe: {message}")))?;
        Self::new(recipe, Some(config.into_bytes().map_err(error)?), &options)
    }

    /// The files of a recipe in TOML.
    ///
    /// # Errors
    ///
    /// The text is not a recipe, an option is unknown, or the tensors are too large for files.
    #[wasm_bindgen(js_name = "fromRecipe")]
    pub fn from_recipe(
        #[wasm_bindgen(unchecked_param_type = "string")] toml: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "RecipeOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options::read(options, false)?;
        let recipe = Recipe::parse_with_dtype(&text("a recipe", toml)?, options.dtype).map_err(error)?;
        Self::new(recipe, None, &options)
    }

    /// The files, in the order of their names.
    ///
    /// # Errors
    ///
    /// A number of 2^53 or more.
    #[wasm_bindgen(unchecked_return_type = "PlannedFile[]")]
    pub fn files(&self) -> Result<Array, JsValue> {
        let file = |file: &PlannedFile| -> Result<JsValue, JsValue> {
            let tensor = |(tensor, offset)| description(tensor, offset, self.plan.seed);
            let tensors = file.tensors().map(tensor).collect::<Result<Array, _>>()?;
            Ok(object([
                ("name", file.name.as_str().into()),
                ("bytes", number("a file's bytes", file.bytes)?),
                ("head_bytes", number("a header's bytes", file.head().len() as u64)?),
                ("tensors", tensors.into()),
            ]))
        };
        self.plan.files.iter().map(file).collect()
    }

    /// The index of several files, `model.safetensors.index.json`; null of one.
    #[must_use]
    #[wasm_bindgen(unchecked_return_type = "Index | null")]
    pub fn index(&self) -> JsValue {
        self.plan.index.as_ref().map_or(JsValue::NULL, |(name, bytes)| {
            object([("name", name.as_str().into()), ("bytes", Uint8Array::new_from_slice(bytes).into())])
        })
    }

    /// The config.json that goes with the files: the given one, with the dtype of the options; null of a recipe.
    #[must_use]
    #[wasm_bindgen(unchecked_return_type = "Uint8Array | null")]
    pub fn config(&self) -> JsValue {
        self.config.as_ref().map_or(JsValue::NULL, |bytes| Uint8Array::new_from_slice(bytes).into())
    }

    /// The recipe of all tensors. With the same seed it gives the same values.
    #[must_use]
    pub fn recipe(&self) -> String {
        self.recipe.to_string()
    }

    /// The number of elements of all tensors.
    #[must_use]
    #[wasm_bindgen(getter, unchecked_return_type = "number")]
    pub fn parameters(&self) -> JsValue {
        self.parameters.clone()
    }

    /// The bytes of a file before its values. `file` is an index of `files()`.
    ///
    /// # Errors
    ///
    /// An index of no file.
    pub fn head(&self, #[wasm_bindgen(unchecked_param_type = "number")] file: &JsValue) -> Result<Uint8Array, JsValue> {
        Ok(Uint8Array::new_from_slice(self.file(file)?.head()))
    }

    /// The bytes of `count` elements of a tensor from element `start` on, computed on the CPU, padding included. `file`
    /// and `tensor` are indices of `files()` and its `tensors`. Any part of an orthogonal matrix takes the time of all
    /// of it: ask for it at once.
    ///
    /// # Errors
    ///
    /// Indices of no tensor, elements that it does not have, and more than the memory holds.
    pub fn bytes(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number")] file: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "number")] tensor: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "number")] start: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "number")] count: &JsValue,
    ) -> Result<Uint8Array, JsValue> {
        let tensors = &self.file(file)?.recipe.tensors;
        let tensor = at("tensor", tensors, tensor)?;
        let (start, count) = (whole("start", start)?, whole("count", count)?);
        // before any memory is taken
        if start.checked_add(count).is_none_or(|end| end > tensor.elements()) {
            let elements = tensor.elements();
            return Err(error(format_args!(
                "a range must lie inside the tensor's {elements} elements, not {count} from {start} on"
            )));
        }
        let bytes = count.saturating_mul(tensor.dtype.size());
        let no_memory = || error(Error::NoMemory { bytes });
        let length = usize::try_from(bytes).map_err(|_| no_memory())?;
        let mut out = Vec::new();
        out.try_reserve_exact(length).map_err(|_| no_memory())?;
        out.resize(length, 0);
        TensorBytes::new(tensor, self.plan.seed, Arithmetic::Exact)
            .and_then(|values| values.fill(start, &mut out))
            .map_err(error)?;
        Ok(Uint8Array::new_from_slice(&out))
    }
}

impl Model {
    /// Plans the files of a recipe.
    fn new(recipe: Recipe, config: Option<Vec<u8>>, options: &Options) -> Result<Self, JsValue> {
        // a directory without a name: files are known by theirs alone
        let folder = Path::new("");
        let Options { seed, max_shard_size, .. } = *options;
        let plan = Plan::new(&recipe, seed, Arithmetic::Exact, folder, max_shard_size, 1).map_err(error)?;
        // before any number of a file is asked for
        number("the bytes of all files", plan.bytes())?;
        let parameters = recipe.tensors.iter().map(|tensor| u128::from(tensor.elements())).sum::<u128>();
        Ok(Self { parameters: number("the parameters", parameters)?, plan, recipe, config })
    }

    fn file(&self, index: &JsValue) -> Result<&PlannedFile, JsValue> {
        at("file", &self.plan.files, index)
    }
}

/// The item of an index from JavaScript.
fn at<'a, T>(what: &str, items: &'a [T], index: &JsValue) -> Result<&'a T, JsValue> {
    let index = whole(&format!("the index of a {what}"), index)?;
    let item = usize::try_from(index).ok().and_then(|index| items.get(index));
    item.ok_or_else(|| error(format_args!("the index of a {what} is below {}, not {index}", items.len())))
}
