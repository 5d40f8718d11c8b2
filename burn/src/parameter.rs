//! A parameter of a model, as it would be filled.

use seedtensors::{Dtype, Fill, Init, Key, Shape};

use crate::Result;

/// A float parameter of a model: its name, and the tensor that [`Seed::init`](crate::Seed::init) gives it.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use seedtensors_burn::Seed;
///
/// let layer = LinearConfig::new(784, 10).init(&Device::flex());
/// let [weight, bias] = &Seed::new(42).parameters(&layer)?[..] else { panic!() };
/// assert_eq!((weight.name.as_str(), weight.shape.dims()), ("weight", &[784, 10][..]));
/// assert_eq!((bias.name.as_str(), bias.shape.dims()), ("bias", &[10][..]));
/// # Ok::<(), seedtensors_burn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its path, in the seed's convention. Its key is made from it, unless it is a clone.
    pub name: String,
    /// The name that its key is made from: that of the first parameter where it is a clone.
    pub(crate) key_name: String,
    /// Its path in the model.
    pub path: String,
    /// The shape that is drawn, with its layout and fans.
    pub shape: Shape,
    /// Its initialiser.
    pub init: Init,
    /// Its dtype.
    pub dtype: Dtype,
    /// Whether the parameter is the transpose of what is drawn.
    pub is_transposed: bool,
    /// Whether it is a linear layer's weight of column layout, which loading transposes.
    pub(crate) is_column: bool,
    /// The path of the first parameter of which this one is a clone, and whose values it has.
    pub clone_of: Option<String>,
}

impl Parameter {
    /// The tensor's definition, under the model's key.
    ///
    /// # Errors
    ///
    /// Those of [`Fill::new`].
    ///
    /// ```
    /// use burn::nn::LinearConfig;
    /// use burn::tensor::Device;
    /// use seedtensors_burn::Seed;
    /// use seedtensors_burn::seedtensors::cpu;
    ///
    /// let seed = Seed::new(42);
    /// let layer = LinearConfig::new(784, 10).init(&Device::flex());
    /// let expected: Vec<f32> = cpu::tensor(&seed.parameters(&layer)?[0].fill(seed.key())?)?;
    /// let layer = seed.init(layer)?;
    /// assert_eq!(layer.weight.val().into_data().try_to_vec::<f32>()?, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fill(&self, key: Key) -> Result<Fill> {
        Ok(Fill::new(key.named(&self.key_name), self.init, &self.shape)?)
    }
}
