"""A sharded JAX array on two meshes of CPU devices: the same hash.

    pip install seedtensors[jax]
    python jax_mesh.py
"""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import hashlib

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import seedtensors as st
import seedtensors.jax as sj

key = st.Key(42).named("layers.0.mlp.kernel")
hashes = set()
for dims, spec in [((2,), PartitionSpec("x")), ((2, 4), PartitionSpec("y", "x"))]:
    sharding = NamedSharding(jax.make_mesh(dims, ("x", "y")[: len(dims)]), spec)
    # each device's part is computed alone
    weight = sj.make(key, (1024, 4096), st.lecun_normal(), "bfloat16", sharding, layout="in_out")
    digest = hashlib.sha256(np.asarray(weight).tobytes()).hexdigest()
    print(f"mesh {dims}, {spec}: {weight.addressable_shards[0].data.shape} on each device, sha256 {digest[:16]}")
    hashes.add(digest)

assert len(hashes) == 1, "the values depend on the mesh"
