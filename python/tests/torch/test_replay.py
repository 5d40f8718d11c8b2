"""A model's own initialisation code with a key for every parameter."""

import copy
import random

import numpy as np
import pytest
import torch
from digests import digest, digests, whole
from models import build, initialize, models
from ranks import run
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import seedtensors as st
import seedtensors.torch as stt

NAMES = list(models())


def replayed(name, seed=42):
    model = build(name)
    with stt.replay(model, seed) as recorded:
        initialize(model)
    return model, recorded


def test_there_are_enough_models():
    assert len(NAMES) >= 38


@pytest.mark.parametrize("name", NAMES)
def test_distributions_are_the_model_s_own(name):
    """Every parameter has the mean and the standard deviation that plain PyTorch gives it, within six standard errors;
    parameters that are not random are equal."""
    plain = build(name)
    torch.manual_seed(0)
    initialize(plain)
    model, recorded = replayed(name)
    random = 0
    for (path, ours), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        if path in recorded.untouched:
            # the constructor alone gives it a value, which `to_empty` loses
            assert path == "logit_scale"
            continue
        ours, theirs = ours.detach().double(), theirs.detach().double()
        if torch.equal(ours, theirs):
            continue
        random += 1
        n, std = theirs.numel(), theirs.std()
        assert n > 1 and ours.unique().numel() > 1 and torch.isfinite(ours).all(), path
        # a difference of two means has std sigma sqrt(2 / n), one of two stds of normals sigma / sqrt(n)
        assert abs(ours.mean() - theirs.mean()) <= 6 * std * np.sqrt(2 / n), path
        assert abs(ours.std() - theirs.std()) <= 6 * std / np.sqrt(n), path
        # zeros are in the same places: rows of padding
        assert torch.equal(ours == 0, theirs == 0) or (ours == 0).double().mean() < 0.01, path
    assert random > 0


@pytest.mark.parametrize("name", ["llama", "mixtral", "t5", "nn.Transformer"])
def test_the_seed_alone_decides(name):
    first, second = replayed(name)[0], replayed(name)[0]
    assert digests(first) == digests(second)
    other = digests(replayed(name, seed=43)[0])
    random = [path for path, p in first.named_parameters() if p.detach().unique().numel() > 2]
    assert len(random) > 2 and all(other[path] != digests(first)[path] for path in random)


def sharded(names):
    found = {}
    for name in names:
        with torch.device("meta"):
            model = models()[name]()
        # FSDP2 takes no scalars
        scalars = {p for p in model.parameters() if p.ndim == 0}
        fully_shard(model, mesh=init_device_mesh("cpu", (torch.distributed.get_world_size(),)), ignored_params=scalars)
        model.to_empty(device="cpu")
        with stt.replay(model, 42) as recorded:
            initialize(model)
        found[name] = {path: digest(p) for path, p in model.named_parameters() if path not in recorded.untouched}
    return found


@pytest.mark.slow
def test_worlds_of_one_and_two_have_the_same_weights():
    one, two = run(sharded, 1, NAMES), run(sharded, 2, NAMES)
    assert one.keys() == two.keys() == set(NAMES)
    for name in NAMES:
        assert one[name] == two[name], name
        model, recorded = replayed(name)
        alone = {path: digest(p) for path, p in model.named_parameters() if path not in recorded.untouched}
        assert one[name] == alone, name


def test_a_parameter_has_the_values_of_its_key():
    model = nn.Sequential(nn.Linear(20, 30), nn.Embedding(10, 4, padding_idx=3))
    with stt.replay(model, 7):
        initialize(model)
    key = st.Key(7)
    bound = 20**-0.5
    weight = st.tensor((30, 20), key.named("0.weight"), st.uniform(-bound, bound))
    assert (model[0].weight.detach().numpy() == weight).all()
    embedding = st.tensor((10, 4), key.named("1.weight"), st.normal())
    embedding[3] = 0
    assert (model[1].weight.detach().numpy() == embedding).all()


def test_parts_of_a_parameter_are_parts_of_its_whole():
    layer = nn.Linear(20, 30)
    whole = st.tensor((30, 20), st.Key(1).named("weight"), st.normal())
    with stt.replay(layer, 1), torch.no_grad():
        layer.weight.zero_()
        layer.weight[10:20].normal_()
        layer.weight.t()[:5, 3].normal_()
        layer.weight.data[25:, 2:4].normal_()
        layer.weight.view(-1)
    found = layer.weight.detach().numpy()
    expected = np.zeros((30, 20), "float32")
    expected[10:20], expected[3, :5], expected[25:, 2:4] = whole[10:20], whole[3, :5], whole[25:, 2:4]
    assert (found == expected).all()
    for draw in (lambda w: w.view(600).normal_(), lambda w: torch.randn(30, 20, out=w.data), lambda w: w.t().normal_()):
        nn.init.zeros_(layer.weight)
        with stt.replay(layer, 1), torch.no_grad():
            draw(layer.weight)
        assert (layer.weight.detach().numpy() == whole).all()


@pytest.mark.parametrize(
    "draw, message",
    [
        (lambda w: w.bernoulli_(), "aten.bernoulli_.float for weight draws random numbers that no key gives"),
        (lambda w: w.exponential_(), "exponential"),
        (lambda w: torch.randperm(5), "aten.randperm.default in the model draws random numbers"),
        (lambda w: w.copy_(torch.randint(5, w.shape)), "randint"),
        (lambda w: w.view(-1)[3:50].normal_(), "aten.normal_.default of this view of weight: it is no box"),
        (lambda w: w[:1].expand(30, 20).normal_(), "aten.normal_.default of this view of weight: it is no box"),
        (lambda w: w.as_strided((30, 20), (1, 1)).normal_(), "it is no box"),
        (lambda w: torch.normal(0.0, 1.0, (30, 20), out=w.data), "aten.normal.float_float_out in the model draws random"),
        (lambda w: torch.multinomial(torch.ones(5), 2), "multinomial"),
        (lambda w: nn.functional.dropout(w, 0.5, True), "bernoulli_"),
        (lambda w: np.random.rand(3), "Python's module numpy.random, which have no keys"),
        (lambda w: random.random(), "Python's module random, which have no keys"),
        (lambda w: nn.init.orthogonal_(w[:10]), "orthogonal_ of a part of weight: a matrix is made whole"),
        (lambda w: setattr(w, "data", w.data.bfloat16()), "data of shape .30, 20., torch.float32 on cpu is set to"),
        (lambda w: setattr(w, "data", w.data[:3]), "is set to .3, 20., torch.float32"),
    ],
)
def test_what_has_no_key_is_refused(draw, message):
    layer = nn.Linear(20, 30)
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(NotImplementedError, match=message), stt.replay(layer, 1), torch.no_grad():
        draw(layer.weight)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    # the functions of torch.nn.init are PyTorch's again
    torch.manual_seed(0)
    first = nn.init.trunc_normal_(torch.empty(50))
    torch.manual_seed(0)
    assert torch.equal(nn.init.trunc_normal_(torch.empty(50)), first)
    torch.manual_seed(1)
    assert not torch.equal(nn.init.trunc_normal_(torch.empty(50)), first)


@pytest.mark.parametrize(
    "move",
    [
        lambda layer: layer.to(torch.bfloat16),
        lambda layer: setattr(layer, "weight", nn.Parameter(torch.empty(8, 8))),
    ],
)
def test_a_parameter_that_moves_is_refused(move):
    layer = nn.Linear(8, 8)
    with pytest.raises(NotImplementedError, match="cast and move a model before `replay`"), stt.replay(layer, 1):
        move(layer)
        layer.reset_parameters()


def test_a_parameter_may_be_made_anew_of_values_that_are_not_random():
    layer = nn.Linear(8, 8)
    with stt.replay(layer, 1):
        layer.to_empty(device="cpu")
        layer.reset_parameters()
        layer.bias = nn.Parameter(torch.arange(8.0))
    bound = 8**-0.5
    assert (layer.weight.detach().numpy() == st.tensor((8, 8), st.Key(1).named("weight"), st.uniform(-bound, bound))).all()
    assert torch.equal(layer.bias, torch.arange(8.0))


def test_a_tensor_that_is_no_float_may_be_filled():
    class Masked(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.register_buffer("mask", torch.zeros(4, dtype=torch.bool))

    layer = Masked()
    with stt.replay(layer, 1):
        layer.reset_parameters()
        layer.mask.fill_(True)
    assert layer.mask.all()


@pytest.mark.parametrize("draw", [stt.normal_, stt.orthogonal_])
def test_the_default_device_does_not_matter(draw):
    expected, found = torch.zeros(6, 4), torch.zeros(6, 8)
    draw(expected, key=st.Key(3))
    with torch.device("meta"):
        draw(found[:, 2:6], key=st.Key(3))
    assert torch.equal(found[:, 2:6], expected) and found[:, :2].eq(0).all()


class WithTemporaries(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size, 8))

    def reset_parameters(self):
        with torch.no_grad():
            self.weight.copy_(torch.randn(self.weight.shape) * 0.1 + torch.rand_like(self.weight))


def test_temporaries_are_keyed_by_their_module():
    """Another module before it does not change a module's values."""
    few = nn.ModuleDict({"b": WithTemporaries(6)})
    many = nn.ModuleDict({"a": WithTemporaries(9), "b": WithTemporaries(6)})
    for model in (few, many):
        with stt.replay(model, 5):
            initialize(model)
    assert torch.equal(few["b"].weight, many["b"].weight)
    assert not torch.equal(many["a"].weight[:6], many["b"].weight)
    normal = st.tensor((6, 8), st.Key(5).named("b#0"), st.normal())
    uniform = st.tensor((6, 8), st.Key(5).named("b#1"), st.uniform())
    assert torch.equal(few["b"].weight, torch.from_numpy(normal) * 0.1 + torch.from_numpy(uniform))


def test_code_that_initialises_nothing_is_noticed():
    with pytest.warns(UserWarning, match="initialised no parameter"), stt.replay(nn.Linear(2, 2), 1) as recorded:
        pass
    assert recorded.untouched == ["weight", "bias"]


def test_timm_s_truncated_normal_by_erfinv():
    """It draws a uniform and inverts, element by element: each element has its own word."""
    layer = nn.Linear(64, 64)
    with stt.replay(layer, 1), torch.no_grad():
        layer.weight.uniform_(-0.9544997, 0.9544997)
        layer.weight.erfinv_().mul_(2**0.5).clamp_(-2, 2)
    uniform = torch.from_numpy(st.tensor((64, 64), st.Key(1).named("weight"), st.uniform(-0.9544997, 0.9544997)))
    assert torch.equal(layer.weight, uniform.erfinv().mul(2**0.5).clamp(-2, 2))


def test_half_precision():
    for dtype in (torch.bfloat16, torch.float16):
        layer = nn.Linear(32, 16, dtype=dtype)
        with stt.replay(layer, 3):
            nn.init.trunc_normal_(layer.weight, std=0.02)
        expected = stt.trunc_normal_(torch.empty(16, 32, dtype=dtype), std=0.02, key=st.Key(3).named("weight"))
        assert torch.equal(layer.weight, expected)
    with pytest.raises(ValueError, match="not float64"), stt.replay(layer.double(), 3):
        layer.reset_parameters()
    assert whole(layer.weight).dtype == torch.float64


def test_contexts_in_contexts():
    """The functions of torch.nn.init are those of the inner one, then of the outer one, then PyTorch's."""
    outer, inner = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
    with stt.replay(outer, 1):
        with stt.replay(inner, 2):
            nn.init.orthogonal_(inner.weight)
        nn.init.orthogonal_(outer.weight)
    for layer, seed in ((outer, 1), (inner, 2)):
        expected = stt.orthogonal_(torch.empty(8, 8), key=st.Key(seed).named("weight"))
        assert torch.equal(layer.weight, expected)
    plain = nn.init.orthogonal_(torch.empty(8, 8))
    assert torch.allclose(plain @ plain.t(), torch.eye(8), atol=1e-5)


def test_an_error_on_entry_changes_nothing(monkeypatch):
    code, before = nn.init.orthogonal_.__code__, torch.utils._python_dispatch._len_torch_dispatch_stack()

    def fail(*_):
        raise ArithmeticError

    monkeypatch.setattr("seedtensors.torch._replay.OtherGenerators", fail)
    with pytest.raises(ArithmeticError), stt.replay(nn.Linear(2, 2), 1):
        pass
    assert nn.init.orthogonal_.__code__ is code
    assert torch.utils._python_dispatch._len_torch_dispatch_stack() == before
    assert torch.overrides._len_torch_function_stack() == 0


def test_data_is_copied_into_the_parameter():
    layer = nn.Linear(20, 30)
    memory = layer.weight.data_ptr()
    with stt.replay(layer, 1) as recorded:
        layer.weight.data = torch.randn(30, 20)
        layer.weight.data = layer.weight.data.mul_(2)
    assert layer.weight.data_ptr() == memory and recorded.untouched == ["bias"]
    assert (layer.weight.detach().numpy() == 2 * st.tensor((30, 20), st.Key(1).named("#0"), st.normal())).all()


def test_temporaries_in_f32_for_a_half_precision_parameter():
    """`float()` of a bfloat16 parameter is a temporary; of a float32 one it is the parameter."""
    for dtype, name in ((torch.bfloat16, "#0"), (torch.float32, "weight")):
        layer = nn.Linear(20, 30, dtype=dtype)
        with stt.replay(layer, 1), torch.no_grad():
            layer.weight.copy_(layer.weight.float().normal_())
        expected = torch.from_numpy(st.tensor((30, 20), st.Key(1).named(name), st.normal()))
        assert torch.equal(layer.weight, expected.to(dtype))
