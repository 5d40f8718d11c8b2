"""The fills that the browser package is tested with: their hashes are the Rust library's."""

import hashlib
import json
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
    start, count, shard = fill["start"], fill["count"], fill["shard"]
    dims, layout = fill["shape"]["dims"], fill["shape"]["options"]["layout"]
    dtype = DTYPES[fill["dtype"]]
    if fill["init"] is None:
        assert shard is None
        out = st.words(np.empty(count, "uint32"), key, start)
    else:
        [(name, parameters)] = fill["init"].items()
        # JSON has no infinities
        numbers = {key: float(value) if value in ("inf", "-inf") else value for key, value in parameters.items()}
        init = st.Init(name, **numbers)
        if shard is not None:
            out = st.fill(np.empty(shard["extent"], dtype), key, init, shape=dims, start=shard["start"])
        elif len(dims) > 1:
            out = st.fill(np.empty(dims, dtype), key, init, layout=layout)
        else:
            out = st.fill(np.empty(count, dtype), key, init, shape=dims, start=(start,))
        assert out.size == count
    assert hashlib.sha256(out.tobytes()).hexdigest() == fill["sha256"]
