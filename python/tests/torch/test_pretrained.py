"""transformers loads the checkpoint of every family's small configuration, and its logits are those of a new model."""

import json
import math
import pathlib

import pytest
import torch
import transformers

import seedtensors as st

RECORDS = pathlib.Path(__file__).resolve().parents[3] / "tests/vectors/hf"
FAMILIES = sorted(path.stem for path in RECORDS.glob("*.json"))
LENGTH = 12


def inputs(model):
    """Random tokens, pixels or sound, as the model's forward takes them."""
    config = model.config
    torch.manual_seed(0)
    text = config.get_text_config()
    found = {}
    if model.main_input_name == "input_features":
        shape = (1, config.num_mel_bins, 2 * config.max_source_positions)
        found["input_features"] = torch.randn(shape, dtype=model.dtype)
    elif model.main_input_name == "input_values":
        found["input_values"] = torch.randn(1, 4000, dtype=model.dtype)
    elif hasattr(text, "vocab_size"):
        found["input_ids"] = torch.randint(5, text.vocab_size - 5, (2, LENGTH))
    if model.main_input_name == "pixel_values" or config.model_type in ("clip", "siglip"):
        vision = getattr(config, "vision_config", config)
        size = getattr(vision, "image_size", 64)
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        found["pixel_values"] = torch.randn(2, vision.num_channels, height, width, dtype=model.dtype)
    if config.is_encoder_decoder:
        batch = len(next(iter(found.values())))
        found["decoder_input_ids"] = torch.randint(5, config.vocab_size - 5, (batch, LENGTH))
    return found


@pytest.mark.parametrize("dtype, max_shard_size", [("float32", 10**9), ("bfloat16", 200_000)], ids=["f32", "bf16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_loads_it(family, dtype, max_shard_size, tmp_path):
    config = json.loads((RECORDS / f"{family}.json").read_text())["small"] | {"dtype": dtype}
    text = json.dumps(config)
    files = st.write(st.Recipe.from_config(text), 42, tmp_path, max_shard_size=max_shard_size, config=text.encode())
    assert len(files) == 1 if dtype == "float32" else len(files) >= 1, files
    architecture = config["architectures"][0]
    model, info = getattr(transformers, architecture).from_pretrained(tmp_path, output_loading_info=True, dtype="auto")
    wrong = {key: list(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[key]}
    assert not wrong
    assert model.dtype == getattr(torch, dtype)
    given = inputs(model.eval())
    if (family, dtype) == ("deberta", "bfloat16"):
        # two biases are f32 in a bf16 model, which transformers' own new model cannot run, either
        fresh = type(model)._from_config(model.config)
        with pytest.raises(RuntimeError, match="same dtype"):
            fresh(**given)
        return
    with torch.no_grad():
        outputs = model(**given)
    tensors = [value for value in outputs.values() if isinstance(value, torch.Tensor) and value.is_floating_point()]
    assert tensors and all(value.isfinite().all() for value in tensors)
    if "ForCausalLM" in architecture or "LMHead" in architecture:
        vocabulary = outputs.logits.shape[-1]
        labels = torch.randint(0, vocabulary, given["input_ids"].shape)
        loss = torch.nn.functional.cross_entropy(outputs.logits.float().flatten(0, 1), labels.flatten()).item()
        print(f"{family}: loss {loss:.3f}, ln V {math.log(vocabulary):.3f}")
        assert abs(loss / math.log(vocabulary) - 1) < 0.15
