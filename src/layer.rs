//! PyTorch's layers by name: the parameters that each has, and how PyTorch initialises them by default.

use crate::{Distribution, Error, Init, Mode, Result, Shape, VarianceScaling};

/// A layer of `torch.nn`, whose [`parameters`](Layer::parameters) are named, shaped and initialised as PyTorch's
/// own by default (torch 2.15, each module's `reset_parameters`).
///
/// Names and shapes are PyTorch's, as in a `state_dict`. Other libraries may store them otherwise: burn's `Linear` is
/// (in, out), and its attention and recurrent layers have a weight for each projection or gate.
///
/// A convolution's `kernel` has 1 to 3 dimensions and gives Conv1d, Conv2d or Conv3d.
///
/// ```
/// use seedtensors::{Init, Layer, Sampler};
///
/// let [weight, bias] = &Layer::Linear { inputs: 64, outputs: 10, bias: true }.parameters()?[..] else { panic!() };
/// assert_eq!((weight.name.as_str(), weight.shape.dims()), ("weight", &[10, 64][..]));
/// assert_eq!(weight.init.sampler(&weight.shape)?, Sampler::Uniform { low: -0.125, high: 0.125 });
/// assert_eq!(bias.init.sampler(&bias.shape)?, Sampler::Uniform { low: -0.125, high: 0.125 });
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Layer {
    /// `Linear(inputs, outputs)`: weight and bias uniform in [-b, b), with b = 1 / sqrt(inputs).
    Linear {
        /// `in_features`.
        inputs: u64,
        /// `out_features`.
        outputs: u64,
        /// Whether there is a bias.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::yes"))]
        bias: bool,
    },
    /// `Conv1d` to `Conv3d`: weight and bias uniform in [-b, b), with b = 1 / sqrt(fan_in).
    Conv {
        /// `in_channels`.
        inputs: u64,
        /// `out_channels`.
        outputs: u64,
        /// `kernel_size`.
        kernel: Vec<u64>,
        /// At least 1, and divides both channels.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::one"))]
        groups: u64,
        /// Whether there is a bias.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::yes"))]
        bias: bool,
    },
    /// `ConvTranspose1d` to `ConvTranspose3d`: weight and bias as for `Conv`. The fan_in is PyTorch's: that of the
    /// shape (inputs, outputs / groups, *kernel), read as (out, in, *kernel).
    ConvTranspose {
        /// `in_channels`.
        inputs: u64,
        /// `out_channels`.
        outputs: u64,
        /// `kernel_size`.
        kernel: Vec<u64>,
        /// At least 1, and divides both channels.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::one"))]
        groups: u64,
        /// Whether there is a bias.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::yes"))]
        bias: bool,
    },
    /// `Embedding`: standard normals. PyTorch zeroes the row `padding_idx` afterwards, and so must the caller:
    /// [`Layer::padding`].
    Embedding {
        /// `num_embeddings`.
        count: u64,
        /// `embedding_dim`.
        size: u64,
        /// `padding_idx`, if there is one; below `count`.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
        padding: Option<u64>,
    },
    /// `LayerNorm`: ones, and a bias of zeros.
    LayerNorm {
        /// `normalized_shape`.
        shape: Vec<u64>,
        /// Whether there is a bias.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::yes"))]
        bias: bool,
    },
    /// `RMSNorm`: ones.
    RmsNorm {
        /// `normalized_shape`.
        shape: Vec<u64>,
    },
    /// `BatchNorm1d` to `BatchNorm3d`, `GroupNorm`, and affine `InstanceNorm`: ones, and a bias of zeros. Buffers are
    /// not parameters: a batch norm's `running_mean` (zeros) and `running_var` (ones) are the caller's.
    ChannelNorm {
        /// `num_features`, or `num_channels`.
        channels: u64,
    },
    /// `RNN`: everything uniform in [-b, b), with b = 1 / sqrt(hidden).
    Rnn(Recurrent),
    /// `LSTM`: everything uniform in [-b, b), with b = 1 / sqrt(hidden); four gates stacked.
    Lstm(Recurrent),
    /// `GRU`: everything uniform in [-b, b), with b = 1 / sqrt(hidden); three gates stacked.
    Gru(Recurrent),
    /// `MultiheadAttention` of equal sizes: Xavier's uniform for the three stacked projections, a linear layer's
    /// weight for the last, biases of zeros.
    MultiheadAttention {
        /// `embed_dim`.
        size: u64,
        /// Whether there are biases.
        #[cfg_attr(feature = "serde", serde(default = "crate::serde::yes"))]
        bias: bool,
    },
}

/// The sizes of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Recurrent {
    /// `input_size`.
    pub inputs: u64,
    /// `hidden_size`.
    pub hidden: u64,
    /// `num_layers`, at most 10,000.
    #[cfg_attr(feature = "serde", serde(default = "crate::serde::one"))]
    pub layers: u64,
    /// Whether there are biases.
    #[cfg_attr(feature = "serde", serde(default = "crate::serde::yes"))]
    pub bias: bool,
    /// Whether there is a second, reversed direction.
    #[cfg_attr(feature = "serde", serde(default))]
    pub bidirectional: bool,
}

/// A parameter of a layer.
///
/// For a key, put the layer's path before the parameter's name. The same strings are the names of a safetensors file,
/// or of a candle `VarBuilder::from_tensors`.
///
/// ```
/// use seedtensors::{Fill, Key, Layer, cpu};
///
/// let key = Key::new(42);
/// let layer = Layer::Linear { inputs: 784, outputs: 512, bias: true };
/// for p in layer.parameters()? {
///     let name = format!("fc1.{}", p.name); // fc1.weight, fc1.bias
///     let values: Vec<f32> = cpu::tensor(&Fill::new(key.named(&name), p.init, &p.shape)?)?;
///     assert_eq!(values.len() as u64, p.shape.elements());
/// }
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name within the layer, such as `weight` or `weight_ih_l0`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its initialiser.
    pub init: Init,
}

/// U(+-1 / sqrt(fan_in)), which PyTorch writes `kaiming_uniform_(a = sqrt(5))`.
// leaky_relu with a slope of sqrt(5) has a gain of sqrt(1/3): the variance is 1 / (3 fan_in), the bound sqrt(3) times
// its root
const DEFAULT: VarianceScaling = VarianceScaling::new(1.0 / 3.0, Mode::FanIn, Distribution::Uniform);

fn parameter(name: &str, dims: &[u64], init: impl Into<Init>) -> Result<Parameter> {
    Ok(Parameter { name: name.to_owned(), shape: Shape::new(dims)?, init: init.into() })
}

/// The rows of `count` gates, directions or projections of `size` rows each.
fn stacked(count: u64, size: u64) -> Result<u64> {
    count.checked_mul(size).ok_or_else(|| Error::ShapeOverflow { what: format!("{count} times {size} units") })
}

/// U(+-1 / sqrt(n)); zeros where n is 0, as PyTorch's bound is then 0.
fn within(n: u64) -> Init {
    match n {
        0 => Init::zeros(),
        _ => {
            let high = 1.0 / (n as f64).sqrt();
            Init::Uniform { low: -high, high }
        }
    }
}

/// A weight by PyTorch's default, and its bias.
fn weight(dims: &[u64], outputs: u64, bias: bool) -> Result<Vec<Parameter>> {
    let weight = parameter("weight", dims, DEFAULT)?;
    let mut parameters = Vec::new();
    if bias {
        // a weight without elements may have no fans; its bias is zeros
        let fan_in = if weight.shape.elements() == 0 { 0 } else { weight.shape.fans()?.fan_in };
        parameters.push(parameter("bias", &[outputs], within(fan_in))?);
    }
    // the weight moves last, because the bias is made from its shape
    parameters.insert(0, weight);
    Ok(parameters)
}

/// `(first, second / groups, *kernel)` of a convolution.
fn conv(channels: [u64; 2], kernel: &[u64], groups: u64) -> Result<Vec<u64>> {
    let [first, second] = channels;
    if !(1..=3).contains(&kernel.len()) {
        return Err(Error::bad("a convolution's kernel needs 1 to 3 dimensions", format!("{kernel:?}")));
    }
    if groups == 0 || !first.is_multiple_of(groups) || !second.is_multiple_of(groups) {
        return Err(Error::bad(
            &format!("a convolution's groups must divide its {first} and {second} channels"),
            groups,
        ));
    }
    Ok([&[first, second / groups], kernel].concat())
}

impl Layer {
    /// The row of an embedding that is zeros in PyTorch, whatever the initialiser gives: its `padding_idx`.
    ///
    /// Fill it with zeros after the weight:
    /// `Fill::new(key, Init::zeros(), &shape)?.range(row * size..(row + 1) * size)?`. On a GPU, the target begins at
    /// that row's byte.
    ///
    /// ```
    /// use seedtensors::Layer;
    ///
    /// assert_eq!(Layer::Embedding { count: 100, size: 16, padding: Some(0) }.padding(), Some(0));
    /// assert_eq!(Layer::ChannelNorm { channels: 64 }.padding(), None);
    /// ```
    #[must_use]
    pub const fn padding(&self) -> Option<u64> {
        match self {
            Self::Embedding { padding, .. } => *padding,
            _ => None,
        }
    }

    /// The layer's parameters, in PyTorch's order.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] for groups that do not divide the channels and kernels of other than 1 to 3
    /// dimensions, and the errors of [`Shape::new`].
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        match self {
            Self::Linear { inputs, outputs, bias } => weight(&[*outputs, *inputs], *outputs, *bias),
            Self::Conv { inputs, outputs, kernel, groups, bias } => {
                weight(&conv([*outputs, *inputs], kernel, *groups)?, *outputs, *bias)
            }
            Self::ConvTranspose { inputs, outputs, kernel, groups, bias } => {
                // inputs first: PyTorch reads the fan from this shape as if they were the outputs
                weight(&conv([*inputs, *outputs], kernel, *groups)?, *outputs, *bias)
            }
            Self::Embedding { count, size, .. } => {
                Ok(vec![parameter("weight", &[*count, *size], Init::Normal { mean: 0.0, std: 1.0 })?])
            }
            Self::LayerNorm { shape, bias } => norm(shape, *bias),
            Self::RmsNorm { shape } => norm(shape, false),
            Self::ChannelNorm { channels } => norm(&[*channels], true),
            Self::Rnn(sizes) => sizes.parameters(1),
            Self::Lstm(sizes) => sizes.parameters(4),
            Self::Gru(sizes) => sizes.parameters(3),
            Self::MultiheadAttention { size, bias } => {
                // queries, keys and values in one matrix, as PyTorch stores them for equal sizes
                let rows = stacked(3, *size)?;
                let mut parameters = vec![parameter("in_proj_weight", &[rows, *size], Init::xavier_uniform())?];
                if *bias {
                    parameters.push(parameter("in_proj_bias", &[rows], Init::zeros())?);
                }
                parameters.push(parameter("out_proj.weight", &[*size, *size], DEFAULT)?);
                if *bias {
                    parameters.push(parameter("out_proj.bias", &[*size], Init::zeros())?);
                }
                Ok(parameters)
            }
        }
    }
}

/// A scale of ones, and a shift of zeros where there is a bias.
fn norm(dims: &[u64], bias: bool) -> Result<Vec<Parameter>> {
    let mut parameters = vec![parameter("weight", dims, Init::ones())?];
    if bias {
        parameters.push(parameter("bias", dims, Init::zeros())?);
    }
    Ok(parameters)
}

/// The most layers of a recurrent layer. PyTorch has no such limit; it keeps a typing error from filling the memory
/// with names.
const MOST_LAYERS: u64 = 10_000;

impl Recurrent {
    fn parameters(&self, gates: u64) -> Result<Vec<Parameter>> {
        // PyTorch takes one bound for every parameter, biases included
        let init = within(self.hidden);
        let directions: &[&str] = if self.bidirectional { &["", "_reverse"] } else { &[""] };
        let rows = stacked(gates, self.hidden)?;
        let both = stacked(directions.len() as u64, self.hidden)?;
        // before the loop, which allocates for each layer
        if self.layers > MOST_LAYERS {
            return Err(Error::bad(&format!("a recurrent layer has at most {MOST_LAYERS} layers"), self.layers));
        }
        let mut parameters = Vec::new();
        for layer in 0..self.layers {
            // deeper layers read the outputs of all directions of the layer before
            let inputs = if layer == 0 { self.inputs } else { both };
            // PyTorch's order of parameters: per layer and direction, weights before biases
            for direction in directions {
                for (name, dims) in [("weight_ih", vec![rows, inputs]), ("weight_hh", vec![rows, self.hidden])] {
                    parameters.push(parameter(&format!("{name}_l{layer}{direction}"), &dims, init)?);
                }
                for name in ["bias_ih", "bias_hh"].iter().filter(|_| self.bias) {
                    parameters.push(parameter(&format!("{name}_l{layer}{direction}"), &[rows], init)?);
                }
            }
        }
        Ok(parameters)
    }
}
