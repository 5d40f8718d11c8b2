"""The compiled half of the package. `seedtensors` has the functions for users."""

import os
from collections.abc import Buffer, Sequence
from typing import Any, Final, final

VALUES_VERSION: Final[int]
"""The version of the values. A change of any value changes it."""

ShapeArguments = tuple[list[int], str, int, bool, tuple[int, int] | None]
"""Dimensions, layout, groups, transposed, fans."""

Rectangle = tuple[list[int], list[int]]
"""The first element and the extent in every dimension."""

@final
class Key:
    """The seed of a Philox stream, and the counter of its first block. A key is immutable. (seed, offset) is the pair
    that `torch.func._random` has as a stateless key."""

    def __new__(cls, seed: int, offset: int = 0) -> Key: ...
    def named(self, name: str) -> Key:
        """The key of a tensor's name."""
    def fold_in(self, number: int) -> Key:
        """The key of a number."""
    def split(self, count: int) -> list[Key]:
        """Several keys, each of an independent stream."""
    @property
    def seed(self) -> int:
        """The seed, below 2**64."""
    @property
    def offset(self) -> int:
        """The counter of the first block, below 2**64."""
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Init:
    """An initialiser. `Init("normal", std=0.02)` has the names, the parameters and the defaults of recipes."""

    def __new__(cls, name: str, **parameters: Any) -> Init: ...
    @property
    def name(self) -> str:
        """The initialiser's name."""
    @property
    def parameters(self) -> dict[str, float | int | str]:
        """The parameters, with the defaults written out."""
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TensorSpec:
    """One tensor of a recipe."""

    def __new__(
        cls, name: str, dtype_name: str, init: Init, shape: ShapeArguments, padding: int | None
    ) -> TensorSpec: ...
    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> list[int]: ...
    @property
    def dtype(self) -> str:
        """"f32", "f16", "bf16", or "i64" of a constant."""
    @property
    def init(self) -> Init: ...
    @property
    def function(self) -> str | None:
        """The function that the values of the initialiser go through, such as "log", or None."""
    @property
    def padding(self) -> int | None:
        """The index in the first dimension that is zeros, or None."""
    @property
    def layout(self) -> str: ...
    @property
    def groups(self) -> int: ...
    @property
    def transposed(self) -> bool: ...
    @property
    def fans(self) -> tuple[int, int] | None:
        """The fans that were given, or None where they are the shape's."""
    def __eq__(self, other: object) -> bool: ...

@final
class Recipe:
    """The tensors of a checkpoint. `str(recipe)` is its text, which the command and the browser read."""

    def __new__(cls, tensors: Sequence[TensorSpec]) -> Recipe: ...
    @staticmethod
    def parse(text: str) -> Recipe:
        """Reads a recipe's text."""
    @staticmethod
    def by_rules(
        tensors: Sequence[tuple[str, Sequence[int], str]], rules: str, config: str | None = None
    ) -> tuple[Recipe, list[str]]:
        """The recipe that rules give for tensors: (name, shape, dtype) each. `config` is the text of a config.json.
        Also returns the names of the tensors that rules left out."""
    @staticmethod
    def from_config(config: str, style: str = "hf") -> Recipe:
        """The recipe of a model's configuration: the text of its config.json, and a style of initialisation."""
    @property
    def tensors(self) -> list[TensorSpec]: ...
    def __len__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...

def fill(
    out: Buffer,
    dtype_name: str,
    key: Key,
    init: Init,
    shape: ShapeArguments,
    rectangle: Rectangle | None = None,
) -> None: ...
def words(out: Buffer, key: Key, start: int = 0) -> None: ...
def cuda_params(
    dtype_name: str, key: Key, init: Init, shape: ShapeArguments, rectangle: Rectangle | None = None
) -> tuple[int, int, int, int, int, int, int, list[tuple[int, int]], bytes] | None: ...
def write(
    recipe: Recipe,
    seed: int,
    out: str | os.PathLike[str],
    *,
    max_shard_size: int = ...,
    rank: int = 0,
    world_size: int = 1,
    force: bool = False,
    resume: bool = False,
    config: bytes | None = None,
) -> list[str]:
    """Writes a checkpoint from a recipe, on every core of the CPU, with the bytes of `seedtensors init`. `rank` writes
    its share of the files alone. Returns the names of this rank's files."""

def verify(path: str | os.PathLike[str]) -> tuple[int, int, int, list[str]]: ...
