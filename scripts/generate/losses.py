#!/usr/bin/env python3
"""Prints the loss of new models on random tokens, for every language model family and style, tied and untied, in transformers:

    pip install torch transformers && scripts/generate/losses.py [PATH OF seedtensors]

A new model knows nothing: its loss should be near ln V, V the vocabulary's size. Exits with 1 where one is above
ln V + 1, half of which logits of a variance of 1 would explain. Where the head is the embedding, each position's own
token has a larger logit: about sqrt(width) in torchtitan's style, there as here. Such a loss is judged without that logit.
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
STYLES = ["hf", "gpt2", "megatron", "olmo", "small_init", "torchtitan"]
LENGTH = 16


def losses_of(program, config, style):
    """The loss minus ln V, and that without the logit of each position's own token."""
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
        vocabulary = model.config.get_text_config().vocab_size
        tokens, labels = torch.randint(5, vocabulary - 5, (2, 8, LENGTH))
        # the own token is no label
        labels = torch.where(labels == tokens, (labels + 1) % vocabulary, labels)
        with torch.no_grad():
            logits = model(input_ids=tokens).logits
        losses = []
        for logits in (logits.float(), logits.float().scatter(2, tokens.unsqueeze(2), -math.inf)):
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).item()
            losses.append(loss - math.log(vocabulary))
        return losses


def main():
    transformers.logging.set_verbosity_error()
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/seedtensors")
    print("each cell is the loss minus ln V: untied, tied (without each position's own token)\n")
    print("| family | " + " | ".join(STYLES) + " |")
    print("| --- |" + " ---: |" * len(STYLES))
    far = []
    for path in sorted((ROOT / "tests/vectors/hf").glob("*.json")):
        config = json.loads(path.read_text())["small"]
        if not config["architectures"][0].endswith(("ForCausalLM", "LMHeadModel", "ForMaskedLM")):
            continue
        cells = []
        for style in STYLES:
            values = []
            for tied in (False, True):
                value, without_own = losses_of(program, config | {"tie_word_embeddings": tied}, style)
                judged = without_own if tied else value
                far += [(path.stem, style, judged)] if judged > 1 else []
                values.append(f"{value:+.2f} ({without_own:+.2f})" if tied else f"{value:+.2f}")
            cells.append(", ".join(values))
        print(f"| {path.stem} | " + " | ".join(cells) + " |", flush=True)
    for family, style, value in far:
        print(f"{family} {style}: {value:+.2f} is far")
    sys.exit(bool(far))


if __name__ == "__main__":
    main()
