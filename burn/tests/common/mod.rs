//! A model with every kind of parameter, devices, and comparisons.
#![allow(dead_code, reason = "each test file uses a part of it")]

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::attention::{MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::conv::{
    Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, Conv3d, Conv3dConfig, ConvTranspose2d, ConvTranspose2dConfig,
    DeformConv2d, DeformConv2dConfig,
};
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, BiLstm, BiLstmConfig, Embedding, EmbeddingConfig, GroupNorm, GroupNormConfig,
    InstanceNorm, InstanceNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, LinearLayout, Lstm, LstmConfig,
    PRelu, PReluConfig, RmsNorm, RmsNormConfig,
};
use burn::tensor::{Device, Tensor};

/// A model of every kind of module that has parameters, in fields, lists, tuples and options.
#[derive(Module, Debug)]
pub(crate) struct Net {
    pub(crate) embedding: Embedding,
    pub(crate) conv1: Conv1d,
    pub(crate) conv2: Conv2d,
    pub(crate) conv3: Conv3d,
    pub(crate) up: ConvTranspose2d,
    pub(crate) deform: DeformConv2d,
    pub(crate) blocks: Vec<Linear>,
    pub(crate) column: Linear,
    pub(crate) pair: (Linear, Option<LayerNorm>),
    pub(crate) batch: BatchNorm,
    pub(crate) group: GroupNorm,
    pub(crate) instance: InstanceNorm,
    pub(crate) rms: RmsNorm,
    pub(crate) relu: PRelu,
    pub(crate) lstm: Lstm,
    pub(crate) both: BiLstm,
    pub(crate) gru: Gru,
    pub(crate) attention: MultiHeadAttention,
    pub(crate) encoder: TransformerEncoder,
    pub(crate) tied: Embedding,
}

impl Net {
    pub(crate) fn new(device: &Device) -> Self {
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        let embedding = EmbeddingConfig::new(101, 16).init(device);
        Self {
            tied: embedding.clone(),
            embedding,
            conv1: Conv1dConfig::new(3, 5, 7).init(device),
            // an odd number of elements, and groups
            conv2: Conv2dConfig::new([6, 9], [3, 5]).with_groups(3).init(device),
            conv3: Conv3dConfig::new([2, 3], [3, 3, 3]).with_bias(false).init(device),
            up: ConvTranspose2dConfig::new([4, 6], [3, 3]).with_groups(2).init(device),
            deform: DeformConv2dConfig::new([2, 4], [3, 3]).init(device),
            blocks: vec![linear(16, 33), linear(33, 16)],
            column: LinearConfig::new(12, 20).with_layout(LinearLayout::Col).init(device),
            pair: (linear(20, 20), Some(LayerNormConfig::new(20).init(device))),
            batch: BatchNormConfig::new(9).init(device),
            group: GroupNormConfig::new(2, 6).init(device),
            instance: InstanceNormConfig::new(6).init(device),
            rms: RmsNormConfig::new(16).init(device),
            relu: PReluConfig::new().init(device),
            lstm: LstmConfig::new(16, 24, true).init(device),
            both: BiLstmConfig::new(5, 6, false).init(device),
            gru: GruConfig::new(16, 8, true).init(device),
            attention: MultiHeadAttentionConfig::new(16, 2).init(device),
            encoder: TransformerEncoderConfig::new(16, 32, 2, 2).init(device),
        }
    }
}

/// A parameter of a model: its path, its dimensions, and the bits of its values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) bits: Vec<u32>,
    pub(crate) requires_grad: bool,
}

/// Every float parameter of a model, in its order.
pub(crate) fn found<M: Module>(model: &M) -> Vec<Found> {
    #[derive(Default)]
    struct Visitor(Vec<String>, Vec<Found>);
    impl ModuleVisitor for Visitor {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            self.1.push(Found {
                path: self.0.join("."),
                dims: value.dims().to_vec(),
                bits: bits(&value),
                requires_grad: value.is_require_grad(),
            });
        }
    }
    let mut visitor = Visitor::default();
    model.visit(&mut visitor);
    visitor.1
}

/// The bits of a tensor's elements, of any dtype.
pub(crate) fn bits<const D: usize>(tensor: &Tensor<D>) -> Vec<u32> {
    let data = tensor.clone().into_data();
    let bytes = data.as_bytes();
    match data.dtype().size() {
        2 => bytes.chunks_exact(2).map(|b| u32::from(u16::from_ne_bytes([b[0], b[1]]))).collect(),
        _ => bytes.chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect(),
    }
}

/// The transpose of a matrix.
pub(crate) fn transposed(values: &[u32], rows: usize) -> Vec<u32> {
    let columns = values.len() / rows;
    (0..values.len()).map(|i| values[i % rows * columns + i / rows]).collect()
}

#[cfg(feature = "wgpu")]
mod gpu {
    use std::sync::OnceLock;

    use burn::tensor::{Device, DeviceKind};
    use seedtensors_burn::SharedDevice;

    /// The one shared device of the process: burn opens a device once.
    pub(crate) fn shared() -> &'static SharedDevice {
        static SHARED: OnceLock<SharedDevice> = OnceLock::new();
        SHARED.get_or_init(|| SharedDevice::open(DeviceKind::DefaultDevice).unwrap())
    }

    /// A wgpu device that burn opens by itself: Mesa's software driver, which scripts/burn needs.
    pub(crate) fn burns_own() -> Device {
        Device::wgpu(DeviceKind::Cpu)
    }
}
#[cfg(feature = "wgpu")]
#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use gpu::*;
