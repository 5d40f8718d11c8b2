"""The fills that the browser package is tested with, of at least 2^22 elements each: their hashes are the Rust library's."""

import hashlib
import json
import math
import pathlib

import ml_dtypes
import numpy as np
import pytest

import seedtensors as st

FILLS = json.loads((pathlib.Path(__file__).parents[3] / "web/tests/vectors.json").read_text())["fills"]
DTYPES = {"f32": np.dtype("float32"), "f16": np.dtype("float16"), "bf16": np.dtype(ml_dtypes.bfloat16)}


def test_there_is_something_to_compare():
    assert len(FILLS) > 70 and {fill["dtype"] for fill in FILLS} == set(DTYPES)


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: f"{fill['what']}-{fill['dtype']}")
def test_the_bytes_are_the_library_s(fill):
    key = st.Key(int(fill["key"]["seed"]), int(fill["key"]["offset"]))
    parameters = {name: float(value) for name, value in fill["sampler"].items() if name != "kind"}
    kind, start, count, shard = fill["sampler"]["kind"], fill["start"], fill["count"], fill["shard"]
    if kind == "words":
        assert shard is None
        out = st.words(np.empty(count, "uint32"), key, start)
    else:
        init = st.Init(kind, **parameters)
        if shard is None:
            out = st.fill(np.empty(count, DTYPES[fill["dtype"]]), key, init, shape=(start + count,), start=(start,))
        else:
            out = np.empty(shard["extent"], DTYPES[fill["dtype"]])
            st.fill(out, key, init, shape=shard["dims"], start=shard["start"])
            assert math.prod(shard["extent"]) >= start + count
            out = out.reshape(-1)[start : start + count]
    assert hashlib.sha256(out.tobytes()).hexdigest() == fill["sha256"]
