//! A model's parameters as a recipe of the command.

use burn::module::Module;
use seedtensors::{Dtype, Fans, Init, Layout};
use serde::Serialize;

use crate::{Error, Parameter, Result, Seed};

/// A recipe of the command.
#[derive(Serialize)]
struct Recipe<'a> {
    tensor: Vec<Spec<'a>>,
}

/// A `[[tensor]]` of a recipe.
#[derive(Serialize)]
struct Spec<'a> {
    name: &'a str,
    shape: &'a [u64],
    dtype: Dtype,
    layout: Layout,
    #[serde(skip_serializing_if = "Option::is_none")]
    fans: Option<Fans>,
    init: Init,
}

impl<'a> Spec<'a> {
    fn new(parameter: &'a Parameter) -> Self {
        let Parameter { name, shape, init, dtype, .. } = parameter;
        let fans = shape.given_fans();
        Self { name, shape: shape.dims(), dtype: *dtype, layout: shape.layout(), fans, init: *init }
    }
}

impl Seed {
    /// A recipe of the model's parameters for the command: `seedtensors init recipe.toml --seed 42 --out file` writes the
    /// values that [`init`](Self::init) gives, under the same names, for a seed that [`new`](Self::new) made of 42. A
    /// parameter that is a clone of another one is left out.
    ///
    /// burn-store saves the same tensors, with its `BurnToPyTorchAdapter` for
    /// [`Convention::PyTorch`](crate::Convention::PyTorch), and without an adapter for
    /// [`Convention::Burn`](crate::Convention::Burn). Its files hold clones, too. The adapter saves the weight of a
    /// `Linear` of column layout transposed, as (in, out).
    ///
    /// # Errors
    ///
    /// Those of [`parameters`](Self::parameters).
    ///
    /// ```
    /// use burn::nn::LayerNormConfig;
    /// use burn::tensor::Device;
    /// use seedtensors_burn::Seed;
    ///
    /// let recipe = Seed::new(42).recipe(&LayerNormConfig::new(16).init(&Device::flex()))?;
    /// assert!(recipe.starts_with("[[tensor]]\nname = \"gamma\"\nshape = [16]\ndtype = \"f32\""));
    /// # Ok::<(), seedtensors_burn::Error>(())
    /// ```
    pub fn recipe<M: Module>(&self, model: &M) -> Result<String> {
        let parameters = self.parameters(model)?;
        let tensor = parameters.iter().filter(|parameter| parameter.clone_of.is_none()).map(Spec::new).collect();
        // integers of TOML are signed, which is all that can be refused
        toml::to_string(&Recipe { tensor }).map_err(|error| Error::Recipe(error.to_string()))
    }
}
