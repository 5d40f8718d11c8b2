"""Models that are filled by rules, and checkpoints that ranks write together."""

import json
import pathlib

import pytest
import torch
from digests import digests
from ranks import run
from safetensors.torch import load_file
from test_families import EXPERTS, meta, saved
from torch import nn

import seedtensors as st
import seedtensors.torch as stt

RULES = """
[[rule]]
name = "*norm*"
init = "ones"
[[rule]]
name = "*.bias"
init = "zeros"
[[rule]]
name = "*"
init = { normal = { std = "initializer_range or 0.02" } }
"""


def test_the_first_rule_that_matches_counts(tmp_path):
    model = nn.ModuleDict({"norm": nn.LayerNorm(6), "up": nn.Linear(6, 5)})
    recipe = stt.init_(model, 42, RULES, config={"initializer_range": 0.5})
    assert torch.equal(model["norm"].bias, torch.ones(6)) and torch.equal(model["up"].bias, torch.zeros(5))
    expected = stt.normal_(torch.empty(5, 6), std=0.5, key=st.Key(42).named("up.weight"))
    assert torch.equal(model["up"].weight, expected)
    assert [tensor.name for tensor in recipe.tensors] == ["norm.weight", "norm.bias", "up.weight", "up.bias"]
    # the rules of a file are the same
    (tmp_path / "rules.toml").write_text(RULES)
    for path in (tmp_path / "rules.toml", str(tmp_path / "rules.toml")):
        again = nn.ModuleDict({"norm": nn.LayerNorm(6), "up": nn.Linear(6, 5)})
        stt.init_(again, 42, path, config={"initializer_range": 0.5})
        assert digests(again) == digests(model)


def test_a_tensor_without_a_rule_is_an_error_and_skip_is_not():
    layer = nn.Linear(3, 2)
    before = layer.bias.detach().clone()
    with pytest.raises(ValueError, match='no rule is for tensor "bias" of shape'):
        stt.init_(layer, 1, '[[rule]]\nname = "weight"\ninit = "ones"\n')
    stt.init_(layer, 1, '[[rule]]\nname = "weight"\ninit = "ones"\n[[rule]]\nname = "*"\nskip = true\n')
    assert torch.equal(layer.weight, torch.ones(2, 3)) and torch.equal(layer.bias, before)


@pytest.mark.parametrize(
    "keys, error, message",
    [
        ('init = { uniform = { low = 1.0, high = 16.0 } }\nfunction = "log"', NotImplementedError, "weight: a function, here log"),
        ('init = "ones"\ndtype = "bf16"', ValueError, "weight: a rule gives the dtype bf16, and the model has f32"),
    ],
)
def test_what_a_model_cannot_follow_is_refused(keys, error, message):
    layer = nn.Linear(3, 2)
    before = layer.bias.detach().clone()
    with pytest.raises(error, match=message):
        stt.init_(layer, 1, f'[[rule]]\nname = "bias"\ninit = "ones"\n[[rule]]\nname = "weight"\n{keys}\n')
    assert torch.equal(layer.bias, before)


def test_a_configuration_may_have_pythons_numbers():
    layer = nn.Linear(3, 2)
    stt.init_(layer, 1, RULES.replace("*norm*", "weight"), config={"limit": [0.0, float("inf")], "other": float("nan")})
    assert torch.equal(layer.weight, torch.ones(2, 3))


def test_rules_are_for_the_names_in_a_checkpoint(tmp_path):
    """Mixtral has the experts of a layer in one parameter, and a checkpoint has them apart."""
    model = meta("mixtral", "MixtralForCausalLM", EXPERTS).to_empty(device="cpu")
    recipe = stt.init_(model, 42, RULES)
    assert any(".experts.3.w2." in tensor.name for tensor in recipe.tensors)
    (tmp_path / "written").mkdir()
    st.write(recipe, 42, tmp_path / "written/model.safetensors")
    written = load_file(tmp_path / "written/model.safetensors")
    found = saved(model, tmp_path / "saved")
    assert found.keys() == written.keys() and all(torch.equal(found[name], written[name]) for name in found)


def write(recipe, out, size):
    files = stt.write(st.Recipe.parse(recipe), 42, out, max_shard_size=size)
    # all files are there when any rank returns
    return files, sorted(path.name for path in pathlib.Path(out).glob("*.safetensors"))


def test_ranks_write_the_files_of_one(tmp_path):
    with torch.device("meta"):
        recipe = stt.recipe(nn.Sequential(*(nn.Linear(40, 40) for _ in range(6))))
    one = stt.write(recipe, 42, tmp_path / "one", max_shard_size=8000)
    assert len(one) > 4
    files, there = run(write, 3, str(recipe), str(tmp_path / "three"), 8000)
    assert 0 < len([name for name in files if name.endswith(".safetensors")]) < len(there)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "three").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes(), name
    assert json.loads((tmp_path / "three/model.safetensors.index.json").read_text())["weight_map"]
