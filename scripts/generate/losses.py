#!/usr/bin/env python3
"""Prints the loss of new models on random tokens, for every style, tied and untied, in transformers:

    pip install torch transformers==5.23.0 && scripts/generate/losses.py [PATH OF seedtensors]

A new model knows nothing: its loss should be near ln V, V the vocabulary's size. Exits with 1 where one is above
ln V + 1, half of which logits of a variance of 1 would explain. torchtitan's tied matrix is the exception, there as
here: each position's own token has a logit of about sqrt(width). Its loss is judged without that logit.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FAMILIES = ["bert", "gpt2", "gpt_neox", "llama", "mistral", "mixtral", "qwen2", "qwen3"]
STYLES = ["hf", "gpt2", "megatron", "olmo", "small_init", "torchtitan"]
VOCABULARY = 2000


def losses_of(program, config, style):
    """The loss, and the loss without the logit of each position's own token."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.json")
        path.write_text(json.dumps(config))
        command = [program, "init", "--config", path, "--style", style, "--seed", "1", "--device", "cpu", "--quiet"]
        subprocess.run([*command, "--out", f"{folder}/model"], check=True)
        architecture = getattr(transformers, config["architectures"][0])
        model, info = architecture.from_pretrained(f"{folder}/model", output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"], info
        model.eval()
        torch.manual_seed(0)
        tokens, labels = torch.randint(1, VOCABULARY, (2, 4, 64))
        # the own token is no label
        labels = torch.where(labels == tokens, (labels + 1) % VOCABULARY, labels)
        with torch.no_grad():
            logits = model(input_ids=tokens).logits
        losses = []
        for logits in (logits.float(), logits.float().scatter(2, tokens.unsqueeze(2), -math.inf)):
            losses.append(torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).item())
        return losses


def main():
    transformers.logging.set_verbosity_error()
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/seedtensors")
    expected = math.log(VOCABULARY)
    print(f"ln V = {expected:.3f}; each cell is untied, tied (without each position's own token)\n")
    print("| family | " + " | ".join(STYLES) + " |")
    print("| --- |" + " ---: |" * len(STYLES))
    far = []
    for family in FAMILIES:
        config = json.loads((ROOT / f"tests/vectors/hf/{family}.json").read_text())["small"]
        layers = "n_layer" if family == "gpt2" else "num_hidden_layers"
        config |= {"vocab_size": VOCABULARY, layers: 2, "layer_types": None}
        cells = []
        for style in STYLES:
            values = []
            for tied in (False, True):
                value, without_own = losses_of(program, config | {"tie_word_embeddings": tied}, style)
                judged = without_own if tied and style == "torchtitan" else value
                far += [(family, style, judged)] if judged > expected + 1 else []
                values.append(f"{value:.2f}" if judged == value else f"{value:.2f} ({without_own:.2f})")
            cells.append(", ".join(values))
        print(f"| {family} | " + " | ".join(cells) + " |", flush=True)
    for family, style, value in far:
        print(f"{family} {style}: {value:.2f} is far from {expected:.2f}")
    sys.exit(bool(far))


if __name__ == "__main__":
    main()
