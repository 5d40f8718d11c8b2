//! A seed for the parameters of a model.

use burn::module::Module;
use burn::tensor::{Tensor, TensorCreationOptions};
use seedtensors::{Fill, Init, Key, Shape};

use crate::fill_model::Mapper;
use crate::plan::Planner;
use crate::{Convention, Parameter, Result, Rules};

/// A seed with its convention, its rules, and the devices that it fills in place.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
/// use burn::tensor::Device;
/// use seedtensors_burn::seedtensors::{Fill, Init, Key, Shape, cpu};
/// use seedtensors_burn::{Rules, Seed};
///
/// #[derive(Module, Debug)]
/// struct Net {
///     embedding: Embedding,
///     blocks: Vec<Linear>,
///     norm: LayerNorm,
/// }
///
/// let device = Device::flex();
/// let net = Net {
///     embedding: EmbeddingConfig::new(100, 16).init(&device),
///     blocks: (0..2).map(|_| LinearConfig::new(16, 16).init(&device)).collect(),
///     norm: LayerNormConfig::new(16).init(&device),
/// };
/// let rules = Rules::default().with("embedding.weight", Init::Normal { mean: 0.0, std: 0.02 })?;
/// let net = Seed::new(42).with_rules(rules).init(net)?;
///
/// let fill = Fill::new(
///     Key::new(42).named("embedding.weight"),
///     Init::Normal { mean: 0.0, std: 0.02 },
///     &Shape::new(&[100, 16])?,
/// )?;
/// assert_eq!(net.embedding.weight.val().into_data().try_to_vec::<f32>()?, cpu::tensor::<f32>(&fill)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Seed {
    key: Key,
    pub(crate) convention: Convention,
    pub(crate) rules: Rules,
    /// The devices whose tensors are filled in place.
    #[cfg(feature = "wgpu")]
    shared: Vec<crate::SharedDevice>,
}

impl Seed {
    /// A seed with burn's convention and the modules' defaults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_key(Key::new(seed))
    }

    /// A seed by its key, such as one of several models'.
    #[must_use]
    pub fn from_key(key: Key) -> Self {
        Self {
            key,
            convention: Convention::default(),
            rules: Rules::default(),
            #[cfg(feature = "wgpu")]
            shared: Vec::new(),
        }
    }

    /// Fills tensors of this device in place. Can be called for several devices.
    #[cfg(feature = "wgpu")]
    #[must_use]
    pub fn with_device(mut self, device: &crate::SharedDevice) -> Self {
        self.shared.push(device.clone());
        self
    }

    /// Sets the names, layouts and defaults.
    #[must_use]
    pub fn with_convention(self, convention: Convention) -> Self {
        Self { convention, ..self }
    }

    /// Sets the rules.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The key of the model: a parameter's is `key.named(name)`.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Gives every float parameter of a model its initial values, and a batch norm its running mean and variance.
    ///
    /// Parameters keep their ids, devices, and whether they require gradients. Those that burn has not drawn yet are
    /// never drawn by it. Parameters that are clones of each other, and so have one id, have the values of the first.
    /// They share its memory where their devices and dtypes are the same. A rule for the first is a rule for all.
    ///
    /// burn keeps the last batch's statistics of a batch norm apart until they are next needed. They then replace the
    /// running mean and variance of this function: call it before training, not between its steps. Clones of a batch
    /// norm share these statistics.
    ///
    /// A parameter of a module of yours that has a load mapper (`Param::load_mapper`) may get other values before burn
    /// has drawn it than after.
    ///
    /// # Errors
    ///
    /// Those of [`parameters`](Self::parameters), before anything is filled, and those of the fills: out of memory, or a
    /// device that is lost or not exact.
    pub fn init<M: Module>(&self, model: M) -> Result<M> {
        let parameters = self.parameters(&model)?;
        let mut mapper = Mapper::new(self, parameters);
        let model = model.map(&mut mapper);
        mapper.finish().map(|()| model)
    }

    /// The parameters that [`init`](Self::init) fills, in the model's order. Nothing is drawn.
    ///
    /// # Errors
    ///
    /// [`Error::NoRule`](crate::Error::NoRule) for a parameter without a rule in a module without a default,
    /// [`Error::NoDefaults`](crate::Error::NoDefaults) for one where the rules do without defaults,
    /// [`Error::CloneShape`](crate::Error::CloneShape) for a clone of another shape than the first's,
    /// [`Error::Dtype`](crate::Error::Dtype), [`Error::SameName`](crate::Error::SameName), and
    /// [`Error::Parameter`](crate::Error::Parameter) for an initialiser that refuses the shape or the dtype.
    pub fn parameters<M: Module>(&self, model: &M) -> Result<Vec<Parameter>> {
        let mut planner = Planner::new(self);
        model.visit(&mut planner);
        planner.finish()
    }

    /// A new tensor under the key `key.named(name)`, on any device. The options are a device, or a device and a dtype:
    /// f32, f16 or bf16.
    ///
    /// # Errors
    ///
    /// [`Error::Dtype`](crate::Error::Dtype) and the errors of [`Fill::new`] and of the fill.
    ///
    /// ```
    /// use burn::tensor::{DType, Device, Tensor};
    /// use seedtensors_burn::Seed;
    /// use seedtensors_burn::seedtensors::Init;
    ///
    /// let tensor: Tensor<2> = Seed::new(42).tensor("w", Init::xavier_uniform(), [64, 32], &Device::flex())?;
    /// let half: Tensor<2> = Seed::new(42).tensor("w", Init::xavier_uniform(), [64, 32], (&Device::flex(), DType::F16))?;
    /// assert_eq!((tensor.dtype(), half.dtype()), (DType::F32, DType::F16));
    /// # Ok::<(), seedtensors_burn::Error>(())
    /// ```
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        init: impl Into<Init>,
        dims: [usize; D],
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Tensor<D>> {
        let fill = Fill::new(self.key.named(name), init, &Shape::try_from(&dims[..])?)?;
        self.create(&fill, name, &dims, &options.into())
    }

    /// A new tensor of a tensor's shape, dtype and device under the key `key.named(name)`. It requires a gradient if the
    /// tensor does, as a leaf. The tensor, and what shares its memory, stays as it is:
    #[cfg_attr(feature = "wgpu", doc = "[`SharedDevice::fill`](crate::SharedDevice::fill) fills in place.")]
    #[cfg_attr(not(feature = "wgpu"), doc = "`SharedDevice::fill` fills in place.")]
    ///
    /// # Errors
    ///
    /// Those of [`tensor`](Self::tensor).
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use seedtensors_burn::Seed;
    /// use seedtensors_burn::seedtensors::Init;
    ///
    /// let zeros = Tensor::<2>::zeros([64, 32], &Device::flex());
    /// let filled = Seed::new(42).fill(zeros.clone(), "w", Init::he_normal())?;
    /// assert_eq!(zeros.sum().into_scalar::<f32>(), 0.0);
    /// assert_ne!(filled.sum().into_scalar::<f32>(), 0.0);
    /// # Ok::<(), seedtensors_burn::Error>(())
    /// ```
    pub fn fill<const D: usize>(&self, tensor: Tensor<D>, name: &str, init: impl Into<Init>) -> Result<Tensor<D>> {
        let dims = tensor.dims();
        let fill = Fill::new(self.key.named(name), init, &Shape::try_from(&dims[..])?)?;
        let options: TensorCreationOptions = (&tensor.device(), tensor.dtype()).into();
        let filled = self.create(&fill, name, &dims, &options)?;
        Ok(if tensor.is_require_grad() { filled.require_grad() } else { filled })
    }

    /// Whether tensors of this device are computed on the GPU, in burn's own buffers. All others are computed on the CPU.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use seedtensors_burn::Seed;
    ///
    /// assert!(!Seed::new(42).fills_in_place(&Device::flex()));
    /// ```
    #[must_use]
    #[cfg_attr(not(feature = "wgpu"), expect(unused_variables, reason = "no device is shared without the feature"))]
    pub fn fills_in_place(&self, device: &burn::tensor::Device) -> bool {
        #[cfg(feature = "wgpu")]
        return self.shared_device(device).is_some();
        #[cfg(not(feature = "wgpu"))]
        return false;
    }

    /// The shared device that is burn's.
    #[cfg(feature = "wgpu")]
    pub(crate) fn shared_device(&self, device: &burn::tensor::Device) -> Option<&crate::SharedDevice> {
        self.shared.iter().find(|shared| shared.device() == device)
    }
}
