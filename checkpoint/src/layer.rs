//! A layer as a recipe writes it: a table of one name with its sizes.

use seedtensors::{Layer, Recurrent};
use serde::Deserialize;

/// A [`Layer`] read from a recipe.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LayerSpec {
    Linear(Sizes),
    Conv(Conv),
    ConvTranspose(Conv),
    Embedding(Embedding),
    LayerNorm(Norm),
    RmsNorm(RmsNorm),
    ChannelNorm(ChannelNorm),
    Rnn(Recurring),
    Lstm(Recurring),
    Gru(Recurring),
    MultiheadAttention(Attention),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ linear = { inputs = 784, outputs = 512, bias = true } }")]
pub(crate) struct Sizes {
    inputs: u64,
    outputs: u64,
    #[serde(default = "yes")]
    bias: bool,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{ conv = { inputs = 3, outputs = 64, kernel = [3, 3], groups = 1, bias = true } }"
)]
pub(crate) struct Conv {
    inputs: u64,
    outputs: u64,
    kernel: Vec<u64>,
    #[serde(default = "one")]
    groups: u64,
    #[serde(default = "yes")]
    bias: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ embedding = { count = 50257, size = 768, padding = 0 } }")]
pub(crate) struct Embedding {
    count: u64,
    size: u64,
    padding: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ layer_norm = { shape = [768], bias = true } }")]
pub(crate) struct Norm {
    shape: Vec<u64>,
    #[serde(default = "yes")]
    bias: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ rms_norm = { shape = [768] } }")]
pub(crate) struct RmsNorm {
    shape: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ channel_norm = { channels = 64 } }")]
pub(crate) struct ChannelNorm {
    channels: u64,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{ lstm = { inputs = 128, hidden = 256, layers = 1, bias = true, bidirectional = false } }"
)]
pub(crate) struct Recurring {
    inputs: u64,
    hidden: u64,
    #[serde(default = "one")]
    layers: u64,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default)]
    bidirectional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ multihead_attention = { size = 768, bias = true } }")]
pub(crate) struct Attention {
    size: u64,
    #[serde(default = "yes")]
    bias: bool,
}

const fn yes() -> bool {
    true
}

const fn one() -> u64 {
    1
}

impl From<&Recurring> for Recurrent {
    fn from(sizes: &Recurring) -> Self {
        let Recurring { inputs, hidden, layers, bias, bidirectional } = *sizes;
        Self { inputs, hidden, layers, bias, bidirectional }
    }
}

impl LayerSpec {
    /// An embedding's index that is zeros.
    pub(crate) const fn padding(&self) -> Option<u64> {
        match self {
            Self::Embedding(embedding) => embedding.padding,
            _ => None,
        }
    }

    pub(crate) fn layer(&self) -> Layer {
        match self {
            Self::Linear(Sizes { inputs, outputs, bias }) => {
                Layer::Linear { inputs: *inputs, outputs: *outputs, bias: *bias }
            }
            Self::Conv(Conv { inputs, outputs, kernel, groups, bias }) => {
                Layer::Conv { inputs: *inputs, outputs: *outputs, kernel: kernel.clone(), groups: *groups, bias: *bias }
            }
            Self::ConvTranspose(Conv { inputs, outputs, kernel, groups, bias }) => Layer::ConvTranspose {
                inputs: *inputs,
                outputs: *outputs,
                kernel: kernel.clone(),
                groups: *groups,
                bias: *bias,
            },
            Self::Embedding(Embedding { count, size, .. }) => Layer::Embedding { count: *count, size: *size },
            Self::LayerNorm(Norm { shape, bias }) => Layer::LayerNorm { shape: shape.clone(), bias: *bias },
            Self::RmsNorm(RmsNorm { shape }) => Layer::RmsNorm { shape: shape.clone() },
            Self::ChannelNorm(ChannelNorm { channels }) => Layer::ChannelNorm { channels: *channels },
            Self::Rnn(sizes) => Layer::Rnn(sizes.into()),
            Self::Lstm(sizes) => Layer::Lstm(sizes.into()),
            Self::Gru(sizes) => Layer::Gru(sizes.into()),
            Self::MultiheadAttention(Attention { size, bias }) => {
                Layer::MultiheadAttention { size: *size, bias: *bias }
            }
        }
    }
}
