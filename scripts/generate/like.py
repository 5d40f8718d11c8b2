#!/usr/bin/env python3
"""Small checkpoints of transformers' architectures, for the rules of `--like`:

    pip install torch transformers==5.23.0 peft && cargo build --release
    scripts/generate/like.py record    makes tests/vectors/like.json: every tensor's name, shape, mean, std, least, greatest
    scripts/generate/like.py load      what `init --like` makes of each is loaded by `from_pretrained`, and compared
    scripts/generate/like.py survey    tries every architecture that transformers has, with guessed small sizes
    scripts/generate/like.py unknown   makes checkpoint/recipes/like_unknown.toml of the table that the test prints of a survey (on stdin)
"""

import argparse
import json
import multiprocessing
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / "tests/vectors/like.json"
COMMAND = ROOT / "target/release/seedtensors"

# a std that is no default, so that a rule that does not read the config is found out
STD = 0.05
# small sizes by the names of configs' keys; whatever else is larger than 64 stays
SIZES = {
    64: "hidden_size d_model n_embd dim embed_dim width n_embed encoder_hidden_size decoder_hidden_size",
    96: "intermediate_size d_ff ffn_dim encoder_ffn_dim decoder_ffn_dim n_inner hidden_dim moe_intermediate_size "
    "shared_expert_intermediate_size mlp_dim ffn_hidden_size dim_feedforward",
    2: "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers depth num_decoder_layers "
    "num_encoder_layers num_key_value_heads num_experts_per_tok",
    4: "num_attention_heads num_heads n_head n_heads encoder_attention_heads decoder_attention_heads num_experts "
    "num_local_experts n_routed_experts",
    8: "patch_size mamba_n_heads",
    16: "head_dim d_kv attention_head_size mamba_d_head",
    128: "vocab_size",
    32: "max_position_embeddings n_positions max_target_positions max_source_positions image_size",
}
SIZES = {name: size for size, names in SIZES.items() for name in names.split()}


def shrink(config, std=STD):
    """The config with small sizes, its parts' too, each with a std of its own."""
    from transformers import PreTrainedConfig

    part = std
    layers = getattr(config, "num_hidden_layers", None)
    for key, value in list(vars(config).items()):
        if isinstance(value, list) and len(value) == layers and layers > 2:
            # a layer of each kind
            setattr(config, key, [value[0], next((other for other in value if other != value[0]), value[0])])
        elif isinstance(value, PreTrainedConfig):
            part *= 1.5
            shrink(value, part)
        elif key in ("initializer_range", "init_std") and value is not None:
            setattr(config, key, std)
        elif key in SIZES and isinstance(value, int) and not isinstance(value, bool):
            setattr(config, key, min(value, SIZES[key]))
        elif key.endswith("token_id") and isinstance(value, int) and value > 9:
            setattr(config, key, 9)
    return config


LM = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 128,
      "max_position_embeddings": 32, "initializer_range": STD, "pad_token_id": 3}
KV = LM | {"num_key_value_heads": 2, "head_dim": 16}
TOWER = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
IMAGE = {"image_size": 32, "patch_size": 8}
DELTA = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
         "layer_types": ["linear_attention", "full_attention"]}
SEQ = {"d_model": 64, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4,
       "decoder_attention_heads": 4, "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "vocab_size": 128,
       "max_position_embeddings": 32, "init_std": STD, "pad_token_id": 3}

# the name of a case, the class of its model, and its config's keys
CASES = {
    "albert": ("AlbertForMaskedLM", LM | {"embedding_size": 48}),
    "bart": ("BartForConditionalGeneration", SEQ),
    "bert": ("BertForMaskedLM", LM),
    "bert pretraining": ("BertForPreTraining", LM | {"pad_token_id": 0}),
    "bloom": ("BloomForCausalLM", {"hidden_size": 64, "n_layer": 2, "n_head": 4, "vocab_size": 128,
                                   "initializer_range": STD}),
    "clip": ("CLIPModel", {"text_config": LM | {"num_hidden_layers": 1, "initializer_factor": 0.5}, "initializer_factor": 1.5, "vision_config":
                           TOWER | IMAGE | {"initializer_range": STD, "hidden_size": 48, "initializer_factor": 2.0},
                           "projection_dim": 32}),
    "clip text": ("CLIPTextModelWithProjection", LM | {"projection_dim": 32, "initializer_factor": 0.5}),
    "clip vision": ("CLIPVisionModelWithProjection", TOWER | IMAGE | {"projection_dim": 32,
                                                                      "initializer_range": STD}),
    "convnext": ("ConvNextForImageClassification", {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1],
                                                    "num_labels": 10, "initializer_range": STD}),
    "convnextv2": ("ConvNextV2ForImageClassification", {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1],
                                                        "num_labels": 10, "initializer_range": STD}),
    "cohere": ("CohereForCausalLM", KV | {"logit_scale": 0.0625}),
    "deberta_v2": ("DebertaV2ForMaskedLM", LM | {"relative_attention": True, "position_buckets": 8, "conv_kernel_size":
                                                 3, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm"}),
    "deepseek_v3": ("DeepseekV3ForCausalLM", LM | {
        "q_lora_rank": 32, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "first_k_dense_replace": 1,
        "n_group": 2, "topk_group": 1, "num_key_value_heads": 4}),
    "dinov2": ("Dinov2ForImageClassification", TOWER | IMAGE | {"initializer_range": STD, "layerscale_value": 0.5,
                                                                "num_labels": 10}),
    "distilbert": ("DistilBertForMaskedLM", {"dim": 64, "hidden_dim": 96, "n_layers": 2, "n_heads": 4, "vocab_size":
                                             128, "max_position_embeddings": 32, "initializer_range": STD}),
    "electra": ("ElectraForPreTraining", LM | {"embedding_size": 48}),
    "electra mlm": ("ElectraForMaskedLM", LM | {"embedding_size": 48}),
    "falcon": ("FalconForCausalLM", LM | {"ffn_hidden_size": 96, "bias": True}),
    "gemma": ("GemmaForCausalLM", KV),
    "gemma2": ("Gemma2ForCausalLM", KV),
    "gemma3_text": ("Gemma3ForCausalLM", KV | {"layer_types": ["sliding_attention", "full_attention"]}),
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 128, "n_positions": 32,
                                 "initializer_range": STD}),
    "gpt_neox": ("GPTNeoXForCausalLM", LM),
    "gpt_oss": ("GptOssForCausalLM", KV | {"num_local_experts": 4, "num_experts_per_tok": 2, "layer_types":
                                           ["sliding_attention", "full_attention"], "num_attention_heads": 64,
                                           "head_dim": 4, "num_key_value_heads": 8}),
    "llama": ("LlamaForCausalLM", KV | {"attention_bias": True}),
    "llama tied": ("LlamaForCausalLM", KV | {"tie_word_embeddings": True, "pad_token_id": None}),
    "lora": ("LlamaForCausalLM", KV),
    "mamba": ("MambaForCausalLM", LM | {"state_size": 8}),
    "mamba rescaled": ("MambaForCausalLM", LM | {"state_size": 8, "rescale_prenorm_residual": True}),
    "mt5": ("MT5ForConditionalGeneration", {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 1, "num_heads": 8,
                                            "vocab_size": 128}),
    "mamba2": ("Mamba2ForCausalLM", {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 128, "num_heads": 8,
                                     "head_dim": 16, "state_size": 8, "n_groups": 2, "initializer_range": STD}),
    "mistral": ("MistralForCausalLM", KV),
    "mixtral": ("MixtralForCausalLM", KV | {"num_local_experts": 4}),
    "modernbert": ("ModernBertForMaskedLM", LM | {"layer_types": ["full_attention", "sliding_attention"]}),
    "olmo2": ("Olmo2ForCausalLM", KV),
    "opt": ("OPTForCausalLM", {"hidden_size": 64, "ffn_dim": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
                               "vocab_size": 128, "max_position_embeddings": 32, "word_embed_proj_dim": 48,
                               "init_std": STD, "pad_token_id": 3}),
    "phi3": ("Phi3ForCausalLM", KV),
    "qwen2": ("Qwen2ForCausalLM", KV),
    "qwen2_moe": ("Qwen2MoeForCausalLM", KV | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48,
                                               "shared_expert_intermediate_size": 80}),
    "qwen3": ("Qwen3ForCausalLM", KV),
    "qwen3_moe": ("Qwen3MoeForCausalLM", KV | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48}),
    "qwen3_next": ("Qwen3NextForCausalLM", KV | DELTA | {"num_experts": 4, "num_experts_per_tok": 2,
                                                         "moe_intermediate_size": 48,
                                                         "shared_expert_intermediate_size": 80}),
    "qwen3_5_text": ("Qwen3_5ForCausalLM", KV | DELTA),
    "resnet": ("ResNetForImageClassification", {"embedding_size": 16, "hidden_sizes": [32, 64, 64, 64],
                                                "depths": [1, 1, 2, 1], "num_labels": 10}),
    "resnet basic": ("ResNetForImageClassification", {"embedding_size": 16, "hidden_sizes": [16, 32, 64, 64],
                                                      "depths": [1, 1, 1, 1], "layer_type": "basic",
                                                      "num_labels": 10}),
    "roberta": ("RobertaForMaskedLM", LM | {"pad_token_id": 1}),
    "rwkv": ("RwkvForCausalLM", {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 128, "context_length": 32}),
    "siglip": ("SiglipModel", {"text_config": TOWER | {"vocab_size": 128, "max_position_embeddings": 32, "hidden_size":
                                                       32}, "vision_config": TOWER | IMAGE}),
    "swin": ("SwinForImageClassification", {"image_size": 32, "patch_size": 4, "embed_dim": 32, "depths": [1, 2],
                                            "num_heads": [2, 4], "window_size": 4, "initializer_range": STD,
                                            "num_labels": 10}),
    "t5": ("T5ForConditionalGeneration", {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 1, "num_heads": 8,
                                          "vocab_size": 128, "initializer_factor": 0.5}),
    "t5 gated": ("T5ForConditionalGeneration", {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 1, "num_heads": 8,
                                                "vocab_size": 128, "feed_forward_proj": "gated-gelu",
                                                "tie_word_embeddings": False}),
    "vit": ("ViTForImageClassification", TOWER | IMAGE | {"initializer_range": STD, "num_labels": 10}),
    "wav2vec2": ("Wav2Vec2ForCTC", TOWER | {"conv_dim": [32, 48], "conv_kernel": [10, 3], "conv_stride": [5, 2],
                                            "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
                                            "vocab_size": 32, "initializer_range": STD}),
    "whisper": ("WhisperForConditionalGeneration", SEQ | {
        "num_mel_bins": 16, "max_source_positions": 32, "max_target_positions": 32, "decoder_start_token_id": 1,
        "bos_token_id": 1, "eos_token_id": 2, "suppress_tokens": None, "begin_suppress_tokens": None}),
    "xlm_roberta": ("XLMRobertaForMaskedLM", LM | {"pad_token_id": 1}),
}


def save(case, folder):
    """The case's model as `save_pretrained` writes it."""
    import torch
    import transformers

    name, keys = CASES[case]
    torch.manual_seed(42)
    kind = getattr(transformers, name)
    model = kind(kind.config_class(**keys))
    if case == "lora":
        import peft

        targets = ["q_proj", "v_proj", "down_proj", "embed_tokens"]
        model = peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules=targets))
    model.save_pretrained(folder)


def files(folder):
    return sorted(pathlib.Path(folder).glob("*.safetensors"))


def row(name, tensor):
    """A tensor as a list: name, shape, dtype if not F32, and its value, or its mean, std, least and greatest value and
    the rows that are zeros."""
    import torch

    dtype = {torch.float32: "F32", torch.int64: "I64", torch.bfloat16: "BF16", torch.float16: "F16",
             torch.bool: "BOOL", torch.uint8: "U8", torch.int32: "I32"}[tensor.dtype]
    shape, values = list(tensor.shape), tensor.double()
    if values.numel() == 0:
        return [name, shape, dtype]
    if bool((values == values.flatten()[0]).all()):
        return [name, shape, dtype, values.flatten()[0].item()]
    rows = values.flatten(1) if len(shape) > 1 else values
    zeros = [i for i in range(shape[0]) if bool((rows[i] == 0).all())] if len(shape) > 1 else []
    numbers = [values.mean(), values.std(correction=0), values.min(), values.max()]
    numbers = [float(f"{number.item():.6g}") for number in numbers]
    return [name, shape, dtype, *numbers, *([zeros[:2]] if zeros else [])]


def rows(folder):
    from safetensors import safe_open

    found = []
    for path in files(folder):
        with safe_open(path, "pt") as file:
            found += [row(name, file.get_tensor(name)) for name in file.keys()]
    return found


def measured(folder):
    config = pathlib.Path(folder, "config.json")
    if not config.exists():
        config = pathlib.Path(folder, "adapter_config.json")
    config = json.loads(config.read_text()) if config.exists() else None
    for key in ("id2label", "label2id"):
        if config:
            config.pop(key, None)
    return {"config": config, "tensors": rows(folder)}


def quiet():
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return f"transformers {transformers.__version__}, torch {torch.__version__}"


def write(path, source, cases):
    lines = []
    for case, found in cases.items():
        tensors = ",\n".join(json.dumps(row) for row in found["tensors"])
        rest = {key: value for key, value in found.items() if key != "tensors"}
        lines.append(f"{json.dumps(case)}: {json.dumps(rest)[:-1]}, \"tensors\": [\n{tensors}]}}")
    body = ",\n".join(lines)
    path.write_text(f"{{\"source\": {json.dumps(source)}, \"cases\": {{\n{body}}}}}\n")


def record(only):
    source, cases = quiet(), {}
    for case in only or CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                save(case, folder)
            except Exception as error:
                print(f"{case}: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            cases[case] = measured(folder)
    if not only:
        write(VECTORS, f"scripts/generate/like.py record, {source}", cases)
    else:
        for case, found in cases.items():
            print(case, json.dumps(found["config"]))
            for tensor in found["tensors"]:
                print(tensor)


def load():
    import torch
    import transformers

    print(quiet())
    failed = False
    for case, (name, _) in CASES.items():
        if case == "lora":
            continue
        with tempfile.TemporaryDirectory() as folder:
            source, out = f"{folder}/source", f"{folder}/out"
            save(case, source)
            flags = ["--seed", "42", "--out", out, "--quiet", "--device", "cpu"]
            made = subprocess.run([COMMAND, "init", "--like", source, *flags], capture_output=True, text=True)
            if made.returncode != 0:
                print(f"{case}: refused: {made.stderr.strip().splitlines()[-1][:150]}")
                continue
            model, info = getattr(transformers, name).from_pretrained(out, output_loading_info=True)
            model.save_pretrained(f"{folder}/again")
            before, after = ({row[0]: row[1:4] for row in rows(path)} for path in (source, f"{folder}/again"))
        wrong = {key: list(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[key]}
        integers = {key: (before[key], after.get(key)) for key in before if before[key][1] not in ("F32", "F16", "BF16")}
        differ = {key: pair for key, pair in integers.items() if pair[0] != pair[1]}
        nans = [name for name, value in model.named_parameters() if not bool(torch.isfinite(value).all())]
        good = not differ and not nans and all("num_batches_tracked" in key or "position_ids" in key
                                               for keys in wrong.values() for key in keys)
        failed |= not good
        print(f"{case}: {len(before)} tensors, {'loaded' if good else 'WRONG'} {wrong or ''} {differ or ''} {nans or ''}")
    sys.exit(failed)


def one(kind, folder):
    """Saves a small model of a model type, with the first of its classes that can be made."""
    import torch
    import transformers
    from transformers.models.auto import configuration_auto, modeling_auto

    config = configuration_auto.CONFIG_MAPPING[kind]
    names = ("CAUSAL_LM", "SEQ_TO_SEQ_CAUSAL_LM", "IMAGE_TEXT_TO_TEXT", "MASKED_LM", "IMAGE_CLASSIFICATION", "CTC",
             "OBJECT_DETECTION", "SEMANTIC_SEGMENTATION", "PRETRAINING")
    errors = []
    for mapping in [*(f"MODEL_FOR_{name}_MAPPING" for name in names), "MODEL_MAPPING"]:
        model = getattr(modeling_auto, mapping, {}).get(config, None)
        if model is None:
            continue
        model = model[0] if isinstance(model, tuple) else model
        try:
            torch.manual_seed(42)
            with torch.device("meta"):
                size = sum(parameter.numel() for parameter in model(shrink(config())).parameters())
            if size > 30_000_000:
                raise ValueError(f"{size} parameters")
            torch.manual_seed(42)
            model(shrink(config())).save_pretrained(folder)
            return None
        except Exception as error:
            errors.append(f"{model.__name__}: {type(error).__name__}: {str(error)[:200]}")
            break
    return errors or ["no class"]


def attempt(kind):
    import resource
    import signal

    quiet()
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    signal.alarm(60)
    with tempfile.TemporaryDirectory() as folder:
        errors = one(kind, folder)
        return {"error": errors} if errors else measured(folder)


def survey(path, only):
    from transformers.models.auto import configuration_auto

    kinds = only or sorted(configuration_auto.CONFIG_MAPPING_NAMES)
    cases, failed, source = {}, {}, quiet()
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for kind, result in [(kind, pool.apply_async(attempt, (kind,))) for kind in kinds]:
            try:
                found = result.get(timeout=90)
            except Exception as error:
                found = {"error": [f"{type(error).__name__}: {error}"]}
            (failed if "error" in found else cases)[kind] = found
            # a survey that is interrupted has what it found
            write(pathlib.Path(path), f"scripts/generate/like.py survey, {source}", cases)
            if "error" in found:
                print(kind, found["error"], file=sys.stderr, flush=True)
    print(f"{len(cases)} of {len(kinds)} model types could be made")


UNKNOWN = """# Model types of transformers 5.23 whose initial values are not known to be those of the rules: their classes
# initialise in ways of their own, or could not be made small and compared. `scripts/generate/like.py unknown` makes
# this list.

[[rule]]
name = "*"
when = { model_type = [
%s
] }
refuse = "how transformers initialises this model_type is not known here"

"""


def unknown():
    """Every model type but those of the cases and those that a survey found to be the same."""
    import textwrap

    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    known = {found["config"].get("model_type") for found in json.loads(VECTORS.read_text())["cases"].values()}
    for line in sys.stdin:
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("| ") and cells[-2] == "0":
            known.add(cells[1])
    names = [f'"{kind}",' for kind in sorted(CONFIG_MAPPING_NAMES) if kind not in known]
    text = textwrap.fill(" ".join(names), 118, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    (ROOT / "checkpoint/recipes/like_unknown.toml").write_text(UNKNOWN % text)
    print(f"{len(names)} of {len(CONFIG_MAPPING_NAMES)} model types are not known")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "load", "survey", "unknown"])
    parser.add_argument("only", nargs="*")
    parser.add_argument("--out", default=str(ROOT / "target/like_survey.json"))
    arguments = parser.parse_args()
    if arguments.what == "record":
        record(arguments.only)
    elif arguments.what == "load":
        load()
    elif arguments.what == "unknown":
        unknown()
    else:
        survey(arguments.out, arguments.only)


if __name__ == "__main__":
    main()
