#!/usr/bin/env python3
"""Records what transformers saves for variants of the families' configurations, into tests/vectors/hf/variants.json:

    pip install torch transformers==5.23.0 && scripts/generate/families.py

Each variant is a small configuration with one thing changed: its config.json, and its tensors in the order of the file,
each with the rows of zeros that an embedding's padding index leaves.
"""

import json
import pathlib
import tempfile

import torch
import transformers
from safetensors import safe_open

VECTORS = pathlib.Path(__file__).resolve().parent.parent.parent / "tests/vectors/hf"

# family: (architecture, changes of the small configuration)
VARIANTS = {
    "llama": [
        ("LlamaForCausalLM", {"attention_bias": True, "mlp_bias": True}),
        ("LlamaForCausalLM", {"tie_word_embeddings": True, "num_key_value_heads": None, "head_dim": None}),
        ("LlamaForCausalLM", {"head_dim": 24, "pad_token_id": 3}),
        ("LlamaModel", {}),
    ],
    "mistral": [("MistralForCausalLM", {"tie_word_embeddings": True}), ("MistralModel", {"head_dim": 16})],
    "qwen2": [("Qwen2ForCausalLM", {"tie_word_embeddings": False}), ("Qwen2Model", {"pad_token_id": 511})],
    "qwen3": [
        ("Qwen3ForCausalLM", {"attention_bias": True}),
        ("Qwen3ForCausalLM", {"tie_word_embeddings": True}),
        ("Qwen3Model", {}),
    ],
    "mixtral": [
        ("MixtralForCausalLM", {"tie_word_embeddings": True, "num_local_experts": 3}),
        ("MixtralModel", {"head_dim": 8}),
    ],
    "gpt2": [
        ("GPT2LMHeadModel", {"n_inner": 100}),
        ("GPT2LMHeadModel", {"tie_word_embeddings": False}),
        ("GPT2Model", {}),
    ],
    "gpt_neox": [
        ("GPTNeoXForCausalLM", {"attention_bias": False}),
        ("GPTNeoXForCausalLM", {"tie_word_embeddings": True}),
        ("GPTNeoXModel", {}),
    ],
    "bert": [
        ("BertForMaskedLM", {"tie_word_embeddings": False}),
        ("BertForMaskedLM", {"pad_token_id": None}),
        ("BertForPreTraining", {}),
        ("BertForSequenceClassification", {"num_labels": 3}),
        ("BertModel", {"pad_token_id": 7}),
    ],
    "vit": [
        ("ViTForImageClassification", {"qkv_bias": False, "num_labels": 3}),
        ("ViTForImageClassification", {"image_size": [48, 64], "patch_size": 8, "num_channels": 1}),
        ("ViTModel", {"pooler_output_size": 40}),
    ],
}


def saved(family, architecture, changes):
    config = json.loads((VECTORS / f"{family}.json").read_text())["small"]["config"] | changes
    config = transformers.AutoConfig.for_model(**config)
    torch.manual_seed(0)
    model = getattr(transformers, architecture)(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            names = list(file.offset_keys()) if hasattr(file, "offset_keys") else list(file.keys())
            tensors = []
            for name in names:
                tensor = file.get_tensor(name)
                entry = {"name": name, "shape": list(tensor.shape)}
                zeros = (tensor == 0).reshape(tensor.shape[0], -1).all(dim=1)
                if 0 < zeros.sum() < tensor.shape[0]:
                    entry["padding"] = zeros.nonzero().flatten().tolist()
                tensors.append(entry)
        return {"config": json.loads(pathlib.Path(folder, "config.json").read_text()), "tensors": tensors}


def main():
    transformers.logging.set_verbosity_error()
    variants = [
        {"family": family, "changes": changes, **saved(family, architecture, changes)}
        for family, cases in VARIANTS.items()
        for architecture, changes in cases
    ]
    source = f"transformers {transformers.__version__}, torch {torch.__version__}, by scripts/generate/families.py"
    path = VECTORS / "variants.json"
    path.write_text(json.dumps({"source": source, "variants": variants}, indent=1) + "\n")


if __name__ == "__main__":
    main()
