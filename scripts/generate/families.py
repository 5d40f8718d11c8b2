#!/usr/bin/env python3
"""Records what transformers makes of the configurations of model families, into tests/vectors/hf/FAMILY.json:

    pip install torch transformers && scripts/python wheel all
    target/python/all/bin/python scripts/generate/families.py [FAMILY...]
    target/python/all/bin/python scripts/generate/families.py --table    makes docs/families.md from the records

families/FAMILY.json has the configurations: a small one, changes of it, and published ones. Recorded are

- the small configuration with every architecture that the template names, and with every change: the tensors that
  save_pretrained writes, and the initialiser and the row of zeros of each, from the model's own initialisation code;
- the small configuration without each of its keys in turn, and with each key null; with odd values, too, where the
  family's file says "odd";
- published configurations, on the meta device: the number of tensors and of parameters, and a hash of names and shapes.

Models of changed keys are made on the meta device. What transformers refuses is recorded as its message.
"""

import hashlib
import json
import math
import os
import pathlib
import re
import sys
import tempfile
import tomllib

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from safetensors import safe_open

import seedtensors.torch as stt
from seedtensors.torch._replay import replay

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# keys that name the model, and are no part of it
FIXED = {"model_type", "architectures", "transformers_version"}
# lower-case attributes of config classes that are no keys
NO_KEYS = {"sub_configs", "attribute_map", "keys_to_ignore_at_inference", "base_config_key"}

DTYPES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64"}

SIZES = ["hidden_size", "intermediate_size", "vocab_size", "num_hidden_layers", "num_attention_heads",
         "num_key_value_heads", "head_dim", "num_local_experts", "n_embd", "n_layer", "n_head", "n_positions",
         "n_inner", "max_position_embeddings", "type_vocab_size", "image_size", "patch_size", "num_channels",
         "pooler_output_size"]
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


def architectures(family):
    """The architectures that the comment of the family's template names."""
    comment = (ROOT / f"checkpoint/recipes/families/{family}.jinja").read_text().split("#}")[0]
    [names] = re.findall(r"^architectures: ((?:.*\n)(?:  .*\n)*)", comment, re.MULTILINE)
    return [name.strip() for name in names.split(",")]


def variations(config, odd):
    """Each key left out, and null; with odd values."""
    yield from dropped_and_null(config, "")
    for section in [key for key, value in config.items() if key.endswith("_config") and isinstance(value, dict)]:
        for change, changed in dropped_and_null(config[section], section + "."):
            yield change, config | {section: changed}
    fields = set(type(transformers.AutoConfig.for_model(config["model_type"])).__dataclass_fields__)
    for key, values in ODD.items() if odd else ():
        if key in fields or key in config or key in ("num_labels", "id2label", "torch_dtype", "dtype"):
            for value in values:
                base = {k: v for k, v in config.items() if not (key == "torch_dtype" and k == "dtype")}
                yield {"set": {key: value}}, base | {key: value}


def dropped_and_null(config, path):
    known = set(config)
    if "model_type" in config:
        kind = type(transformers.AutoConfig.for_model(config["model_type"]))
        known |= {key for key in kind.__dict__.get("__annotations__", {}) if not key.startswith("_") and key.islower()}
    for key in sorted(known - FIXED - NO_KEYS):
        if key in config:
            yield {"drop": path + key}, {k: v for k, v in config.items() if k != key}
        yield {"set": {path + key: None}}, config | {key: None}


def configuration(config):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.json").write_text(json.dumps(config))
        return transformers.AutoConfig.from_pretrained(folder)


def build(config):
    # as transformers does it for AutoModel.from_config: the config's dtype counts
    return getattr(transformers, config["architectures"][0])._from_config(configuration(config))


def on_meta(config):
    """The tensors of a model, by name: shape, dtype, initialiser (None where no initialiser gives it), row of zeros."""
    with torch.device("meta"):
        # Wav2Vec2 makes a parameter by torch.Tensor, which is on the CPU
        model = build(config).to("meta")
    text = str(stt.recipe(model, others="skip"))
    made = {t["name"]: (t["shape"], t["dtype"], t["init"], t.get("padding")) for t in tomllib.loads(text)["tensor"]}
    made = weight_norms(model, made)
    return {name: made.get(name, (shape, dtype, None, None)) for name, (shape, dtype) in stored(model).items()}


def weight_norms(model, made):
    """Adds the directions of weight norms. They keep PyTorch's initialisation of a convolution, U(+-1 / sqrt(fan_in)):
    a model initialises a copy of the weight."""
    for name, parameter in model.named_parameters():
        if name.endswith(".parametrizations.weight.original1"):
            bound = math.prod(parameter.shape[1:]) ** -0.5
            init = {"uniform": {"low": -bound, "high": bound}}
            made[name] = (list(parameter.shape), DTYPES[parameter.dtype], init, None)
    return made


def stored(model):
    """The shapes and dtypes of a model's tensors as a checkpoint has them."""
    with replay(model) as recorded:
        model.initialize_weights()
    pieces = [(piece, owner.tensor.dtype) for owner in recorded.owners.values() for piece in owner.stored]
    return {piece.name: (list(piece.shape), DTYPES[dtype]) for piece, dtype in pieces}


def saved(config):
    """The shapes, dtypes and values of the tensors that save_pretrained writes."""
    torch.manual_seed(0)
    model = build(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, max_shard_size="100GB")
        tensors = {}
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            for name in file.keys():
                tensor = file.get_tensor(name)
                tensors[name] = (list(tensor.shape), DTYPES[tensor.dtype], tensor)
        return tensors


def both(config):
    """The tensors that `saved` and `on_meta` both find. A tensor that no initialiser gives has none."""
    made, files = on_meta(config), saved(config)
    tensors = {}
    for name in sorted(made.keys() | files.keys()):
        only = "made" if name in made else "saved"
        assert name in made and name in files, f"{config['architectures']}: only {only}: {name}"
        shape, dtype, values = files[name]
        assert made[name][:2] == (shape, dtype), (name, made[name], shape, dtype)
        tensors[name] = made[name]
        if made[name][2] is None and values.unique().numel() == 1:
            # a parameter's first value, such as CLIP's logit_scale, or a counter
            value = values.flatten()[0].item()
            init = {0: "zeros", 1: "ones"}.get(value, {"constant": {"value": float(value)}})
            tensors[name] = (shape, dtype, init, None)
        elif name.endswith(".original1"):
            high = made[name][2]["uniform"]["high"]
            assert high * 0.99 < values.abs().max() < high * 1.01 and abs(values.std() * 3**0.5 / high - 1) < 0.05, name
        elif made[name][2] is None:
            VALUES[name] = [float(f"{value:.8g}") for value in values.double().flatten()[:4096].tolist()]
    return tensors


def published(config):
    with torch.device("meta"):
        model = build(config).to("meta")
    shapes = {name: shape for name, (shape, _) in stored(model).items()}
    lines = sorted(f"{name} {shape}\n" for name, shape in shapes.items())
    parameters = sum(math.prod(shape) for shape in shapes.values())
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {"tensors": len(shapes), "parameters": parameters, "sha256": digest}


# the first values, of the small configuration, of tensors that no initialiser gives
VALUES = {}


class Inits:
    """Initialisers, each written once."""

    def __init__(self):
        self.known = []

    def row(self, name, tensor):
        shape, dtype, init, padding = tensor
        if init not in self.known:
            self.known.append(init)
        return [name, shape, dtype, self.known.index(init)] + ([padding] if padding is not None else [])


def attempt(function, config):
    try:
        return function(config)
    except Exception as error:  # whatever transformers or torch refuses it with
        return f"{type(error).__name__}: {error}".split("\n")[0][:160] + " | " + str(error).split("\n")[-1][:160]


def record(family):
    wanted = json.loads((HERE / f"families/{family}.json").read_text())
    names = architectures(family)
    small = {"architectures": names[:1]} | wanted["small"]
    inits = Inits()
    VALUES.clear()
    base = both(small)
    values = dict(VALUES)

    def line(change, made):
        if isinstance(made, str):
            return change | {"refused": made}
        rows = [inits.row(name, tensor) for name, tensor in made.items() if base.get(name) != tensor]
        return change | {"without": sorted(base.keys() - made.keys()), "with": rows}

    unmade = {name for name, tensor in on_meta(small).items() if tensor[2] is None}
    models = [line({"set": {"architectures": [name]}}, both(small | {"architectures": [name]})) for name in names[1:]]
    models += [line({"set": change}, both(small | change)) for change in wanted.get("changes", [])]
    lines = []
    for change, config in variations(small, wanted.get("odd", False)):
        made = attempt(on_meta, config)
        if not isinstance(made, str):
            # a first value that no initialiser gives is not found on the meta device: it is that of a tensor of the
            # small configuration whose name has the same end
            ends = {name.split(".")[-1]: base[name][2] for name in unmade}
            made = {name: (*t[:2], ends.get(name.split(".")[-1]), None) if t[2] is None else t
                    for name, t in made.items()}
        lines.append(line(change, made))
    source = f"transformers {transformers.__version__}, torch {torch.__version__}, by scripts/generate/families.py"
    out = {
        "source": source,
        "inits": inits.known,
        "small": small,
        "tensors": [inits.row(name, tensor) for name, tensor in base.items()],
        **({"values": values} if values else {}),
        "models": models,
        "variations": lines,
        "published": {name: {"config": config, **published({"architectures": names[:1]} | config)}
                      for name, config in wanted.get("published", {}).items()},
    }
    text = json.dumps(out, separators=(",", ":"))
    # a line for each model
    text = re.sub(r'(\{"(?:set|drop)")', r"\n\1", text)
    (ROOT / f"tests/vectors/hf/{family}.json").write_text(text + "\n")
    refused = sum("refused" in line for line in lines)
    missing = sorted(name for name, tensor in base.items() if tensor[2] is None)
    print(family, len(names), "architectures,", len(models), "models,", len(lines), "variations,", refused, "refused;",
          f"no initialiser gives {missing}" if missing else "", flush=True)


def table():
    """docs/families.md: the families, and what the tests compare."""
    lines = []
    totals = [0, 0, 0, 0]
    for path in sorted((HERE / "families").glob("*.json")):
        records = json.loads((ROOT / f"tests/vectors/hf/{path.stem}.json").read_text())
        known = {row[0] for row in records["tensors"]}
        sizes = [len(known) - len(model["without"]) + sum(row[0] not in known for row in model["with"])
                 for model in records["models"]]
        found = [len(architectures(path.stem)), 1 + len(sizes), len(known) + sum(sizes), len(records["variations"])]
        totals = [total + count for total, count in zip(totals, found)]
        published = ", ".join(f"{name} {model['parameters']:,}" for name, model in records["published"].items())
        lines.append(f"| {path.stem} | " + " | ".join(f"{count:,}" for count in found) + f" | {published} |")
    source = json.loads((ROOT / "tests/vectors/hf/llama.json").read_text())["source"].split(", by ")[0]
    totals = " | ".join(f"{total:,}" for total in totals)
    text = TABLE.format(families=len(lines), source=source, rows="\n".join(lines), totals=totals)
    (ROOT / "docs/families.md").write_text(text)


TABLE = """# Model families

The {families} families that `seedtensors init --config` takes, by their `model_type`. `seedtensors families` prints the architectures of each.
`scripts/generate/families.py --table` makes this page from the records in `tests/vectors/hf` ({source}).

- **architectures**: classes of transformers that the config may name: the base model and its heads.
- **configurations**: small models that transformers really made and saved: every architecture, and changes of the config.
- **tensors** of these: name, shape, dtype, initialiser with its parameters, and padding row are compared, and none differs
  (`checkpoint/tests/families.rs`). The initialiser is the one that transformers' own code was seen to call.
- **changed keys**: each key of the config left out, and null; for some families odd values, too. The same tensors, or refused by both
  (`checkpoint/tests/variations.rs`).
- **published**: configs of real models, typed from memory, with the number of parameters that transformers and the recipe give. Names and
  shapes of all tensors are compared by a hash.

`python/tests/torch/test_pretrained.py` loads the small model of every family with `from_pretrained`, in f32 from one file and in bf16 from
shards, and runs it.

| family | architectures | configurations | tensors | changed keys | published |
| --- | ---: | ---: | ---: | ---: | --- |
{rows}
| all | {totals} | |
"""


def main():
    if sys.argv[1:] == ["--table"]:
        return table()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for family in sys.argv[1:] or sorted(path.stem for path in (HERE / "families").glob("*.json")):
        record(family)


if __name__ == "__main__":
    main()
