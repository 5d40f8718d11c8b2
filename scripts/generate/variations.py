#!/usr/bin/env python3
"""Records what transformers makes of a configuration when a key is left out, is null, or has an odd value, into
tests/vectors/hf/variations.json:

    pip install torch transformers==5.23.0 && scripts/generate/variations.py

Each family's small configuration is changed in one key. A variation is refused, or it is a model: the tensors that
save_pretrained writes, as a difference from the unchanged configuration's, the rows that are zeros, and the std of two
tensors.
"""

import json
import os
import pathlib
import sys
import tempfile

import torch
import transformers
from safetensors import safe_open

os.environ["HF_HUB_OFFLINE"] = "1"
VECTORS = pathlib.Path(__file__).resolve().parent.parent.parent / "tests/vectors/hf"
FAMILIES = ["bert", "gpt2", "gpt_neox", "llama", "mistral", "mixtral", "qwen2", "qwen3", "vit"]

# keys that name the model, and are no part of it
FIXED = {"model_type", "architectures", "transformers_version"}

SIZES = ["hidden_size", "intermediate_size", "vocab_size", "num_hidden_layers", "num_attention_heads",
         "num_key_value_heads", "head_dim", "num_local_experts", "n_embd", "n_layer", "n_head", "n_positions", "n_inner",
         "max_position_embeddings", "type_vocab_size", "image_size", "patch_size", "num_channels", "pooler_output_size"]
ODD = {key: [0, -1, 2.5, "4", True] for key in SIZES} | {
    "num_attention_heads": [0, -1, 3, "4"],
    "n_head": [0, -1, 3, "4"],
    "num_key_value_heads": [0, 1, 3, "2"],
    "initializer_range": [0.0, 0.05, -0.02, 1.0, 1.5, "0.02", 1, True],
    "pad_token_id": [0, 7, -1, 511, 512, "7", [3]],
    "tie_word_embeddings": [True, False, 0, "yes"],
    "attention_bias": [True, False, 1, "yes"],
    "mlp_bias": [True, False],
    "qkv_bias": [True, False],
    "add_cross_attention": [True],
    "is_decoder": [True],
    "num_labels": [0, 1, 5],
    "id2label": [{}, {"0": "a", "1": "b", "2": "c"}],
    "dtype": ["float16", "auto", "torch.bfloat16", "float8_e4m3fn", "double", 16],
    "torch_dtype": ["float16", "auto", "torch.bfloat16"],
    "image_size": [0, [48, 64], 30, "32", [32]],
    "patch_size": [0, [8, 16], 7],
}


def variations(config):
    fields = set(type(transformers.AutoConfig.for_model(config["model_type"])).__dataclass_fields__)
    structural = set(SIZES) & fields
    for key in sorted((set(config) | structural) - FIXED):
        if key in config:
            yield {"drop": key}, {k: v for k, v in config.items() if k != key}
        yield {"set": {key: None}}, config | {key: None}
    for key, values in ODD.items():
        if key in fields or key in config or key in ("num_labels", "id2label", "torch_dtype", "dtype"):
            for value in values:
                base = {k: v for k, v in config.items() if not (key == "torch_dtype" and k == "dtype")}
                yield {"set": {key: value}}, base | {key: value}


def make(config, folder):
    pathlib.Path(folder, "config.json").write_text(json.dumps(config))
    parsed = transformers.AutoConfig.from_pretrained(folder)
    torch.manual_seed(0)
    return getattr(transformers, config["architectures"][0])._from_config(parsed)


def saved(model, folder):
    model.save_pretrained(folder, max_shard_size="100GB")
    tensors = {}
    with safe_open(f"{folder}/model.safetensors", "pt") as file:
        for name in file.keys():
            tensor = file.get_tensor(name)
            entry = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
            zeros = (tensor == 0).reshape(tensor.shape[0], -1).all(dim=1)
            if 0 < zeros.sum() < tensor.shape[0]:
                entry["zero_rows"] = zeros.nonzero().flatten().tolist()
            if tensor.dim() > 1:
                entry["std"] = float(f"{tensor.double().std(correction=0).item():.6g}")
            tensors[name] = entry
    return tensors


def record(config):
    try:
        with tempfile.TemporaryDirectory() as folder:
            return saved(make(config, folder), folder)
    except Exception as error:  # whatever transformers or torch refuses it with
        return f"{type(error).__name__}: {error}".split("\n")[0][:160] + " | " + str(error).split("\n")[-1][:160]


def difference(base, tensors):
    """Tensors of another shape, dtype or zero rows, or that are only in one of the two; the first two std."""
    strip = lambda entry: {k: v for k, v in entry.items() if k != "std"}
    return {
        "without": sorted(base.keys() - tensors.keys()),
        "with": {name: strip(entry) for name, entry in tensors.items()
                 if name not in base or strip(base[name]) != strip(entry)},
        "std": dict(list({name: entry["std"] for name, entry in tensors.items() if "std" in entry}.items())[:2]),
    }


def main():
    transformers.logging.set_verbosity_error()
    out = {"source": f"transformers {transformers.__version__}, torch {torch.__version__}, by scripts/generate/variations.py",
           "families": {}}
    for family in sys.argv[1:] or FAMILIES:
        config = json.loads((VECTORS / f"{family}.json").read_text())["small"]["config"]
        base = record(config)
        lines = []
        for change, changed in variations(config):
            made = record(changed)
            lines.append(change | ({"refused": made} if isinstance(made, str) else difference(base, made)))
        out["families"][family] = {"config": config, "tensors": base, "variations": lines}
        print(family, len(lines), sum("refused" in line for line in lines), file=sys.stderr, flush=True)
    compact = json.dumps(out, separators=(",", ":")).replace('{"drop"', '\n{"drop"').replace('{"set"', '\n{"set"')
    (VECTORS / "variations.json").write_text(compact + "\n")


if __name__ == "__main__":
    main()
