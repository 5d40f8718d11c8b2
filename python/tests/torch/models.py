"""Small models of many architectures, for the tests of `replay` and `recipe`."""

from collections.abc import Callable

import torch
from torch import nn

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}

# the model type, and the sizes that its configuration has under other names
CAUSAL = {
    "llama": {},
    "mistral": {},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "qwen3_moe": {**EXPERTS, "head_dim": 16},
    "mixtral": EXPERTS,
    "deepseek_v3": {
        **EXPERTS,
        "num_key_value_heads": 4,
        "n_shared_experts": 1,
        "n_group": 2,
        "topk_group": 1,
        "kv_lora_rank": 16,
        "q_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "first_k_dense_replace": 1,
    },
    "gemma2": {"head_dim": 16},
    "gemma3_text": {"head_dim": 16},
    "gpt_oss": {**EXPERTS, "head_dim": 16},
    "phi3": {},
    "olmo2": {},
    "granite": {},
    "cohere": {},
    "starcoder2": {},
    "stablelm": {},
    "falcon": {"ffn_hidden_size": 96},
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "gpt_neox": {},
    "opt": {"ffn_dim": 96, "word_embed_proj_dim": 64},
    "bloom": {"n_layer": 2, "n_head": 4},
    "mamba2": {"num_heads": 8, "head_dim": 16, "state_size": 16, "n_groups": 2, "chunk_size": 16},
}
ENCODERS = {
    "bert": {},
    "roberta": {},
    "distilbert": {"dim": 64, "hidden_dim": 96, "n_layers": 2, "n_heads": 4},
    "electra": {"embedding_size": 64},
    "deberta-v2": {},
    "modernbert": {"global_attn_every_n_layers": 2},
    "vit": {"image_size": 16, "patch_size": 4},
    "dinov2": {"image_size": 16, "patch_size": 4},
    "t5": {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4},
    "whisper": {
        "d_model": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 96,
        "decoder_ffn_dim": 96,
        "num_mel_bins": 16,
        "max_source_positions": 32,
        "max_target_positions": 32,
        "decoder_start_token_id": 1,
    },
    "clip": {},
    "siglip": {},
}


def _transformers(kind: str, sizes: dict, causal: bool) -> nn.Module:
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    if kind in ("clip", "siglip"):
        text = {**SIZES, "projection_dim": 32}
        vision = {**SIZES, "image_size": 16, "patch_size": 4, "projection_dim": 32}
        config = AutoConfig.for_model(kind, text_config=text, vision_config=vision, projection_dim=32)
    else:
        config = AutoConfig.for_model(kind, **{**SIZES, **sizes})
    return (AutoModelForCausalLM if causal else AutoModel).from_config(config)


def _plain() -> dict[str, Callable[[], nn.Module]]:
    found = {
        "nn.Transformer": lambda: nn.Transformer(64, 4, 2, 2, 96),
        "nn.LSTM": lambda: nn.LSTM(32, 48, 2, bidirectional=True),
        "nn.Conv": lambda: nn.Sequential(
            nn.Conv2d(3, 16, 3, groups=1), nn.BatchNorm2d(16), nn.ConvTranspose2d(16, 8, 2), nn.Bilinear(4, 5, 6)
        ),
        "nn.EmbeddingBag": lambda: nn.Sequential(nn.Embedding(30, 8, padding_idx=3), nn.EmbeddingBag(20, 8)),
    }
    try:
        import torchvision

        found["resnet18"] = lambda: torchvision.models.resnet18()
    except ImportError:
        pass
    return found


def models() -> dict[str, Callable[[], nn.Module]]:
    """The constructors, by name."""
    found = {kind: lambda kind=kind, sizes=sizes: _transformers(kind, sizes, True) for kind, sizes in CAUSAL.items()}
    found |= {kind: lambda kind=kind, sizes=sizes: _transformers(kind, sizes, False) for kind, sizes in ENCODERS.items()}
    return found | _plain()


def initialize(model: nn.Module) -> None:
    """Runs a model's own initialisation."""
    if hasattr(model, "initialize_weights"):
        model.initialize_weights()
        model.tie_weights()
        return
    for module in model.modules():
        for name in ("reset_parameters", "_reset_parameters"):
            if callable(getattr(module, name, None)):
                getattr(module, name)()
                break


def build(name: str, device: str = "cpu") -> nn.Module:
    """A model without values, on a device."""
    with torch.device("meta"):
        model = models()[name]()
    return model if device == "meta" else model.to_empty(device=device)
