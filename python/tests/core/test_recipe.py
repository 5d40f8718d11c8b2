"""Recipes and checkpoints, with numpy alone."""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

import seedtensors as st

TEXT = """[[tensor]]
name = "fc.weight"
shape = [30, 20]
dtype = "bf16"
init = { normal = { mean = 0.0, std = 0.02 } }

[[tensor]]
name = "fc.bias"
shape = [30]
dtype = "f32"
init = "zeros"
"""


def tensors(path):
    """The bytes of each tensor of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    values = data[8 + length :]
    return {name: values[slice(*entry["data_offsets"])] for name, entry in header.items()}


def test_a_recipe_is_its_text():
    recipe = st.Recipe.parse(TEXT)
    assert str(recipe) == TEXT and len(recipe) == 2 and recipe == st.Recipe(recipe.tensors)
    weight = recipe.tensors[0]
    assert (weight.name, weight.shape, weight.dtype, weight.init) == ("fc.weight", [30, 20], "bf16", st.normal(0, 0.02))
    with pytest.raises(ValueError, match="line 3: unknown field `shap`"):
        st.Recipe.parse('[[tensor]]\nname = "w"\nshap = [2]')
    with pytest.raises(ValueError, match="fc.bias"):
        st.Recipe(recipe.tensors + recipe.tensors[1:])


def test_write_and_verify(tmp_path):
    out = tmp_path / "model.safetensors"
    assert st.write(st.Recipe.parse(TEXT), 7, out) == ["model.safetensors"]
    verified = st.verify(out)
    assert verified and (verified.tensors, verified.bytes, verified.seed) == (2, 1320, 7)
    weight = st.tensor((30, 20), st.Key(7).named("fc.weight"), st.normal(std=0.02), "bfloat16")
    assert tensors(out)["fc.weight"] == weight.tobytes()
    with pytest.raises(ValueError, match="exists and is kept"):
        st.write(st.Recipe.parse(TEXT), 7, out)
    data = bytearray(out.read_bytes())
    data[-1] ^= 1
    out.write_bytes(data)
    assert not st.verify(out) and "1 differ" in st.verify(out).findings[0]


def test_ranks_write_their_shares(tmp_path):
    recipe = st.Recipe.parse(TEXT)
    names = [st.write(recipe, 7, tmp_path, max_shard_size=1200, rank=rank, world_size=2) for rank in (1, 0)]
    assert sorted(names) == [["model-00001-of-00002.safetensors"], ["model-00002-of-00002.safetensors"]]
    assert st.verify(tmp_path).tensors == 2
    with pytest.raises(ValueError, match="a rank must be below the world size 2, not 2"):
        st.write(recipe, 7, tmp_path / "x", rank=2, world_size=2)


def test_rules(tmp_path):
    rules = '[[rule]]\nname = "*.bias"\ninit = "zeros"\n[[rule]]\nname = "*.weight"\ninit = { normal = { std = "range" } }'
    tensors = [("fc.weight", [30, 20], "bf16"), ("fc.bias", [30], "f32")]
    recipe, left_out = st.Recipe.by_rules(tensors, rules, '{"range": 0.02}')
    assert (str(recipe), left_out) == (TEXT, [])
    with pytest.raises(ValueError, match="other"):
        st.Recipe.by_rules([*tensors, ("other", [1], "f32")], rules, '{"range": 0.02}')


def test_the_command_writes_the_same_file(tmp_path):
    command = pathlib.Path(sysconfig.get_path("scripts")) / "seedtensors"
    (tmp_path / "recipe.toml").write_text(TEXT)
    line = [command, "init", "recipe.toml", "--seed", "7", "--device", "cpu", "--out", "command.safetensors"]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True)
    st.write(st.Recipe.parse(TEXT), 7, tmp_path / "python.safetensors")
    hashes = {hashlib.sha256((tmp_path / f"{name}.safetensors").read_bytes()).hexdigest() for name in ("command", "python")}
    assert len(hashes) == 1


def test_importing_needs_neither_torch_nor_jax():
    code = "import sys, seedtensors; print(sorted({'torch', 'jax', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_the_examples_in_the_docstrings():
    import doctest
    import importlib

    ran = 0
    for name in ("seedtensors", "seedtensors._fill", "seedtensors._initialisers"):
        result = doctest.testmod(importlib.import_module(name))
        assert result.failed == 0
        ran += result.attempted
    assert ran >= 10
    assert np is not None
