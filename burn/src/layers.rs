//! The modules of burn-nn 0.22: how each of their parameters is initialised by default.

use seedtensors::{Fans, Init, Layer, Layout, Recurrent, Shape};

use crate::Result;

/// The names, layouts and defaults that a model's parameters have.
///
/// | module | parameters | burn | PyTorch, where it differs |
/// | --- | --- | --- | --- |
/// | `Linear` | `weight` (in, out), `bias` | U(+-1 / sqrt(in)) | drawn as (out, in), then transposed |
/// | `Conv1d` to `Conv3d`, `DeformConv2d` | `weight`, `bias` | U(+-1 / sqrt(fan_in)) | |
/// | `ConvTranspose1d` to `ConvTranspose3d` | `weight` (in, out / groups, *kernel), `bias` | U(+-1 / sqrt(fan_in)), fan_in of the shape read as (out, in, *kernel) | |
/// | `Embedding` | `weight` | N(0, 1) | |
/// | `LayerNorm`, `GroupNorm`, `InstanceNorm`, `RmsNorm` | `gamma`, `beta` | 1, 0 | named `weight`, `bias` (not `InstanceNorm`'s) |
/// | `BatchNorm` | the same, `running_mean`, `running_var` | 1, 0, 0, 1 | the same names |
/// | `PRelu` | `alpha` | 0.25 | |
/// | `Linear` in `Lstm`, `Gru`, `Rnn` | `weight`, `bias` of each gate | Xavier's normal, biases too | U(+-1 / sqrt(hidden)) |
/// | `Linear` in `MultiHeadAttention` | `weight`, `bias` of each projection | as `Linear` | queries, keys and values: Xavier's uniform of the three stacked; biases 0 |
///
/// Modules that consist of these, such as `TransformerEncoder`, `SwiGlu` or `BiLstm`, need no default of their own.
/// They are told apart by the names of their types, as in burn-store: a type of yours that is named `Linear` is taken
/// for burn's.
///
/// The `initializer` of a layer's config cannot be seen in its module. Write a rule for a layer that has another one
/// than its default. A `Linear` of column layout is (out, in) in burn's files and in its draw; burn's own default takes
/// its outputs for its inputs there, and this package does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Convention {
    /// burn's names, layouts and defaults. A file that burn-store saves without an adapter has the tensors of these
    /// names and shapes.
    #[default]
    Burn,
    /// PyTorch's layouts and defaults, and its names where burn-store's `BurnToPyTorchAdapter` gives them: not for
    /// attention, recurrent layers and `PRelu`. Variants of enums are no part of a name: save with
    /// `skip_enum_variants(true)`.
    PyTorch,
}

/// A step of a parameter's path.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The field, or the index.
    pub(crate) name: String,
    /// The type that has the field, as burn names it: `Struct:Linear`, `Vec`.
    pub(crate) container: String,
}

/// A parameter in its model.
pub(crate) struct Place<'a> {
    /// Its path, from the model down to the parameter.
    pub(crate) path: &'a [Step],
    /// Its shape in memory.
    pub(crate) dims: &'a [u64],
    /// Whether it is a linear layer's weight that is (out, in) in memory.
    pub(crate) is_column: bool,
    /// The shape of the weight that was met last, to whose module a bias belongs.
    pub(crate) weight: Option<&'a Shape>,
}

/// The default of a parameter: the shape that is drawn, with its layout, and the initialiser.
pub(crate) struct Drawn {
    pub(crate) shape: Shape,
    pub(crate) init: Option<Init>,
}

impl Place<'_> {
    /// The type of the module that has the parameter, without `Struct:`. None within a reparameterisation.
    pub(crate) fn module(&self) -> Option<&str> {
        self.modules().next().map(|step| module_of(&step.container))
    }

    /// The steps into structs and enums, the innermost first.
    fn modules(&self) -> impl Iterator<Item = &Step> {
        // what a reparameterisation adds to a weight is no part of the weight's layer
        let inside = self.path.iter().rev().take_while(|step| step.container != "Reparameterization");
        inside.filter(|step| step.container.contains(':'))
    }

    /// Its own name.
    pub(crate) fn name(&self) -> &str {
        self.path.last().map_or("", |step| &step.name)
    }

    /// The shape that is drawn, and the default initialiser if there is one.
    pub(crate) fn drawn(&self, convention: Convention) -> Result<Drawn> {
        let mut shape = Shape::new(self.dims)?;
        let is_norm = |module: &str| matches!(module, "LayerNorm" | "GroupNorm" | "InstanceNorm" | "RmsNorm");
        let init = match (self.module(), self.name()) {
            (Some("Linear"), "weight") if self.dims.len() == 2 => {
                shape = self.linear_shape(convention)?;
                Some(self.linear_weight(convention, &mut shape)?)
            }
            (Some("Linear"), "bias") => self.linear_bias(convention, &mut shape)?,
            (Some("Conv1d" | "Conv2d" | "Conv3d" | "DeformConv2d"), name) => self.conv(name, self.dims, false)?,
            (Some("ConvTranspose1d" | "ConvTranspose2d" | "ConvTranspose3d"), name) => {
                self.conv(name, self.dims, true)?
            }
            (Some("Embedding"), "weight") => first(Layer::Embedding { count: 1, size: 1, padding: None }, 0)?,
            (Some("BatchNorm"), "gamma" | "running_var") => Some(Init::ones()),
            (Some("BatchNorm"), "beta" | "running_mean") => Some(Init::zeros()),
            (Some(module), "gamma") if is_norm(module) => Some(Init::ones()),
            (Some(module), "beta") if is_norm(module) => Some(Init::zeros()),
            (Some("PRelu"), "alpha") => Some(Init::Constant { value: 0.25 }),
            _ => None,
        };
        Ok(Drawn { shape, init })
    }

    /// The shape that a linear layer's weight is drawn in.
    fn linear_shape(&self, convention: Convention) -> Result<Shape> {
        let shape = match (convention, self.is_column) {
            // a column layout is (out, in) already
            (_, true) => Shape::new(self.dims)?,
            (Convention::Burn, false) => Shape::new(self.dims)?.with_layout(Layout::InOut),
            (Convention::PyTorch, false) => Shape::new(&[self.dims[1], self.dims[0]])?,
        };
        Ok(shape)
    }

    fn linear_weight(&self, convention: Convention, shape: &mut Shape) -> Result<Init> {
        let fans = shape.fans()?;
        match (convention, self.parent()) {
            (Convention::Burn, Parent::Gate) => Ok(Init::xavier_normal().into()),
            (Convention::PyTorch, Parent::Gate) => recurrent(fans.fan_out),
            (Convention::PyTorch, Parent::Input) => {
                // PyTorch stacks the three in one matrix, whose fan_out is that of all
                let fan_out = fans.fan_out.saturating_mul(3);
                *shape = shape.clone().with_fans(Fans { fan_out, ..fans });
                Ok(Init::xavier_uniform().into())
            }
            _ => linear(fans, 0),
        }
    }

    fn linear_bias(&self, convention: Convention, shape: &mut Shape) -> Result<Option<Init>> {
        // without its weight's shape a bias has no default
        let Some(weight) = self.weight else { return Ok(None) };
        let Fans { fan_in, .. } = weight.fans()?;
        let fans = Fans { fan_in, fan_out: shape.elements() };
        let init = match (convention, self.parent()) {
            (Convention::Burn, Parent::Gate) => {
                *shape = shape.clone().with_fans(fans);
                Init::xavier_normal().into()
            }
            (Convention::PyTorch, Parent::Gate) => recurrent(fans.fan_out)?,
            (Convention::PyTorch, Parent::Input | Parent::Output) => Init::zeros(),
            _ => linear(fans, 1)?,
        };
        Ok(Some(init))
    }

    /// A convolution's weight or bias. Grouped ones have the fan_in of their shape.
    fn conv(&self, name: &str, dims: &[u64], is_transposed: bool) -> Result<Option<Init>> {
        let dims = match (name, self.weight) {
            ("weight", _) => dims,
            ("bias", Some(weight)) => weight.dims(),
            _ => return Ok(None),
        };
        let [first_dim, second, kernel @ ..] = dims else { return Ok(None) };
        let (kernel, groups, bias) = (kernel.to_vec(), 1, true);
        let layer = if is_transposed {
            Layer::ConvTranspose { inputs: *first_dim, outputs: *second, kernel, groups, bias }
        } else {
            Layer::Conv { inputs: *second, outputs: *first_dim, kernel, groups, bias }
        };
        first(layer, usize::from(name == "bias"))
    }

    /// The role of a linear layer in the module around it.
    fn parent(&self) -> Parent {
        let Some(parent) = self.modules().nth(1) else { return Parent::Other };
        match (module_of(&parent.container), parent.name.as_str()) {
            ("GateController", _) => Parent::Gate,
            ("MultiHeadAttention", "query" | "key" | "value") => Parent::Input,
            ("MultiHeadAttention", _) => Parent::Output,
            _ => Parent::Other,
        }
    }
}

/// The role of a linear layer in the module around it.
enum Parent {
    /// A gate of a recurrent layer.
    Gate,
    /// A projection to queries, keys or values.
    Input,
    /// The projection behind an attention.
    Output,
    /// Any other.
    Other,
}

/// `Linear` of `Struct:Linear`.
fn module_of(container: &str) -> &str {
    container.split_once(':').map_or(container, |(_, name)| name)
}

/// The initialiser of a parameter of PyTorch's layer, by its index.
fn first(layer: Layer, index: usize) -> Result<Option<Init>> {
    Ok(layer.parameters()?.get(index).map(|parameter| parameter.init))
}

/// PyTorch's linear layer, whose bounds are burn's, too: its weight, or its bias.
fn linear(fans: Fans, index: usize) -> Result<Init> {
    let layer = Layer::Linear { inputs: fans.fan_in, outputs: fans.fan_out, bias: true };
    Ok(first(layer, index)?.unwrap_or(Init::zeros()))
}

/// PyTorch's one initialiser of everything in a recurrent layer.
fn recurrent(hidden: u64) -> Result<Init> {
    let layer = Layer::Rnn(Recurrent { inputs: 1, hidden, layers: 1, bias: false, bidirectional: false });
    Ok(first(layer, 0)?.unwrap_or(Init::zeros()))
}
