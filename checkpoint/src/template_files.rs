//! The templates that the crate carries: model families, styles of initialisation, and their shared parts.

// The texts are part of the binary: the command needs no file beside it. A new file must be named in the list below.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../recipes/", $name)))),*]
    };
}

/// Every template, by its name in `recipes/`.
pub(crate) const FILES: &[(&str, &str)] = files![
    "families/albert.jinja",
    "families/bart.jinja",
    "families/bert.jinja",
    "families/bloom.jinja",
    "families/camembert.jinja",
    "families/clip.jinja",
    "families/clip_text_model.jinja",
    "families/clip_vision_model.jinja",
    "families/codegen.jinja",
    "families/cohere.jinja",
    "families/cohere2.jinja",
    "families/deberta-v2.jinja",
    "families/deberta.jinja",
    "families/deepseek_v2.jinja",
    "families/deepseek_v3.jinja",
    "families/deepseek_v4.jinja",
    "families/dinov2.jinja",
    "families/distilbert.jinja",
    "families/electra.jinja",
    "families/falcon.jinja",
    "families/falcon_mamba.jinja",
    "families/gemma.jinja",
    "families/gemma2.jinja",
    "families/gemma3.jinja",
    "families/gemma3_text.jinja",
    "families/gemma3n_text.jinja",
    "families/glm4.jinja",
    "families/glm4_moe.jinja",
    "families/gpt2.jinja",
    "families/gpt_bigcode.jinja",
    "families/gpt_neox.jinja",
    "families/gpt_oss.jinja",
    "families/gptj.jinja",
    "families/granite.jinja",
    "families/granitemoe.jinja",
    "families/helium.jinja",
    "families/jamba.jinja",
    "families/lfm2.jinja",
    "families/llama.jinja",
    "families/llama4_text.jinja",
    "families/llava.jinja",
    "families/mamba.jinja",
    "families/mamba2.jinja",
    "families/mbart.jinja",
    "families/mistral.jinja",
    "families/mixtral.jinja",
    "families/modernbert.jinja",
    "families/mpnet.jinja",
    "families/mt5.jinja",
    "families/nemotron_h.jinja",
    "families/olmo2.jinja",
    "families/olmo3.jinja",
    "families/olmoe.jinja",
    "families/opt.jinja",
    "families/phi.jinja",
    "families/phi3.jinja",
    "families/qwen2.jinja",
    "families/qwen2_moe.jinja",
    "families/qwen2_vl.jinja",
    "families/qwen2_vl_text.jinja",
    "families/qwen3.jinja",
    "families/qwen3_5_moe_text.jinja",
    "families/qwen3_5_text.jinja",
    "families/qwen3_moe.jinja",
    "families/qwen3_next.jinja",
    "families/qwen3_vl.jinja",
    "families/qwen3_vl_text.jinja",
    "families/resnet.jinja",
    "families/roberta.jinja",
    "families/siglip.jinja",
    "families/siglip_text_model.jinja",
    "families/siglip_vision_model.jinja",
    "families/smollm3.jinja",
    "families/stablelm.jinja",
    "families/starcoder2.jinja",
    "families/t5.jinja",
    "families/vit.jinja",
    "families/wav2vec2.jinja",
    "families/whisper.jinja",
    "families/xlm-roberta-xl.jinja",
    "families/xlm-roberta.jinja",
    "shared/bart.jinja",
    "shared/deberta.jinja",
    "shared/decoder.jinja",
    "shared/deepseek.jinja",
    "shared/deepseek_moe.jinja",
    "shared/defaults.jinja",
    "shared/encoder.jinja",
    "shared/gated_delta_net.jinja",
    "shared/gptj.jinja",
    "shared/mamba.jinja",
    "shared/qwen_moe.jinja",
    "shared/roberta.jinja",
    "shared/state_space.jinja",
    "shared/t5.jinja",
    "shared/tensors.jinja",
    "shared/vision.jinja",
    "styles/gpt2.jinja",
    "styles/hf.jinja",
    "styles/megatron.jinja",
    "styles/olmo.jinja",
    "styles/small_init.jinja",
    "styles/torchtitan.jinja",
];

/// A way to initialise a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Its name.
    pub name: &'static str,
    /// Its description, formula and source.
    pub about: &'static str,
}

/// Every style.
///
/// ```
/// let styles = seedtensors_checkpoint::styles();
/// assert!(styles.map(|style| style.name).eq(["gpt2", "hf", "megatron", "olmo", "small_init", "torchtitan"]));
/// ```
pub fn styles() -> impl Iterator<Item = Style> {
    FILES.iter().filter_map(|(name, text)| {
        let name = name.strip_prefix("styles/")?.strip_suffix(".jinja")?;
        // a style's file begins with a comment, which is its description
        let about = text.strip_prefix("{#")?.split_once("#}")?.0.trim();
        Some(Style { name, about })
    })
}
