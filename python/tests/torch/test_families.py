"""`replay`, `save_pretrained`, `recipe` and `seedtensors init --config` agree."""

import json
import pathlib

import pytest
import torch
from models import CAUSAL, ENCODERS, EXPERTS, SIZES, initialize
from safetensors.torch import load_file

import seedtensors as st
import seedtensors.torch as stt

FAMILIES = {
    "llama": ("LlamaForCausalLM", {}),
    "mistral": ("MistralForCausalLM", {}),
    "qwen2": ("Qwen2ForCausalLM", {}),
    "qwen3": ("Qwen3ForCausalLM", CAUSAL["qwen3"]),
    "mixtral": ("MixtralForCausalLM", EXPERTS),
    "gpt2": ("GPT2LMHeadModel", CAUSAL["gpt2"]),
    "gpt_neox": ("GPTNeoXForCausalLM", {}),
    "bert": ("BertForMaskedLM", {}),
    "vit": ("ViTForImageClassification", ENCODERS["vit"]),
}
# families that have no template; their recipes come from their own code
OTHERS = {
    "arcee": "ArceeForCausalLM",
    "dots1": "Dots1ForCausalLM",
    "exaone4": "Exaone4ForCausalLM",
    "seed_oss": "SeedOssForCausalLM",
}
OTHER_SIZES = {"dots1": {**EXPERTS, "n_shared_experts": 1, "first_k_dense_replace": 1}}


def meta(kind, architecture, sizes):
    import transformers

    config = transformers.AutoConfig.for_model(kind, **{**SIZES, **sizes})
    with torch.device("meta"):
        return getattr(transformers, architecture)(config)


def saved(model, folder):
    """The tensors of the checkpoint that transformers writes of a model."""
    model.save_pretrained(folder)
    return {name: t for path in pathlib.Path(folder).glob("*.safetensors") for name, t in load_file(path).items()}


def replayed(model, folder, seed=42):
    model.to_empty(device="cpu")
    with stt.replay(model, seed):
        initialize(model)
    return saved(model, folder)


def written(recipe, folder, seed=42):
    st.write(recipe, seed, folder / "model.safetensors")
    return load_file(folder / "model.safetensors")


def compare(ours, theirs):
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different, (len(different), len(ours), different[:5])


@pytest.mark.parametrize("kind", FAMILIES)
def test_replay_is_the_command_s_recipe(kind, tmp_path):
    architecture, sizes = FAMILIES[kind]
    model = meta(kind, architecture, sizes)
    ours = replayed(model, tmp_path / "replay")
    config = (tmp_path / "replay/config.json").read_text()
    assert json.loads(config)["model_type"] == kind
    (tmp_path / "recipe").mkdir()
    theirs = written(st.Recipe.from_config(config), tmp_path / "recipe")
    compare(ours, theirs)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_recipe_of_a_model_without_a_template(kind, tmp_path):
    import transformers

    model = meta(kind, OTHERS[kind], OTHER_SIZES.get(kind, {}))
    recipe = stt.recipe(model)
    with pytest.raises(ValueError, match="there is no recipe for model_type"):
        st.Recipe.from_config(json.dumps(model.config.to_dict()))
    (tmp_path / "recipe").mkdir()
    theirs = written(recipe, tmp_path / "recipe")
    ours = replayed(meta(kind, OTHERS[kind], OTHER_SIZES.get(kind, {})), tmp_path / "replay")
    compare({name: t for name, t in ours.items() if name in theirs}, theirs)
    model.config.save_pretrained(tmp_path / "recipe")
    loaded, info = getattr(transformers, OTHERS[kind]).from_pretrained(tmp_path / "recipe", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    for name, parameter in meta(kind, OTHERS[kind], OTHER_SIZES.get(kind, {})).named_parameters():
        assert loaded.get_parameter(name).shape == parameter.shape
    again = saved(loaded, tmp_path / "again")
    compare(again, ours)


def test_a_recipe_says_what_it_cannot_have():
    class Decay(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.decay = torch.nn.Parameter(torch.empty(8))
            self.weight = torch.nn.Parameter(torch.empty(8, 8))

        def init_weights(self):
            with torch.no_grad():
                self.decay.copy_(torch.arange(8.0).log1p())
                self.weight.normal_(std=0.5).mul_(0.5)

    with torch.device("meta"):
        model = Decay()
    with pytest.raises(ValueError, match="decay: aten.copy_.default computes its values"):
        stt.recipe(model)
    recipe = stt.recipe(model, others="skip", dtype="bfloat16")
    assert [(t.name, t.dtype, t.init) for t in recipe.tensors] == [("weight", "bf16", st.normal(0, 0.25))]
    with pytest.raises(ValueError, match="needs a model on the meta device"):
        stt.recipe(torch.nn.Linear(2, 2))


def test_pytorch_s_distributed_checkpoint_reads_what_is_written(tmp_path):
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    with torch.device("meta"):
        recipe = stt.recipe(torch.nn.Linear(20, 30))
    st.write(recipe, 42, tmp_path)
    state = torch.nn.Linear(20, 30).state_dict()
    dcp.load(state, storage_reader=HuggingFaceStorageReader(str(tmp_path)))
    layer = torch.nn.Linear(20, 30)
    with stt.replay(layer, 42):
        layer.reset_parameters()
    compare(state, dict(layer.state_dict()))


def test_recipes_of_pytorch_s_modules_are_their_replay():
    for module in (lambda: torch.nn.Linear(6, 5), lambda: torch.nn.Embedding(9, 4, padding_idx=2), lambda: torch.nn.LSTM(4, 6)):
        with torch.device("meta"):
            recipe = stt.recipe(module())
        model = module()
        with stt.replay(model, 3):
            model.reset_parameters()
        for spec in recipe.tensors:
            expected = st.tensor(spec.shape, st.Key(3).named(spec.name), spec.init)
            if spec.padding is not None:
                expected[spec.padding] = 0
            assert (model.get_parameter(spec.name).detach().numpy() == expected).all(), spec


def test_two_rows_of_zeros_have_no_recipe():
    def write(weight):
        weight.normal_()
        weight[0].zero_()
        weight[3].zero_()

    with torch.device("meta"):
        model = Written(write, torch.float32)
    with pytest.raises(ValueError, match="weight: aten.zero_.default writes to a part of it"):
        stt.recipe(model)


class Written(torch.nn.Module):
    def __init__(self, write, dtype):
        super().__init__()
        self.weight, self.write = torch.nn.Parameter(torch.empty(64, 64, dtype=dtype)), write

    def init_weights(self):
        with torch.no_grad():
            self.write(self.weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "write, has_recipe",
    [
        (lambda w: w.normal_().mul_(0.3), [torch.float32]),
        (lambda w: w.normal_(std=0.02).mul_(0.5), [torch.float32, torch.bfloat16]),
        (lambda w: w.uniform_(-1, 1).div_(4), [torch.float32, torch.bfloat16]),
        (lambda w: torch.nn.init.trunc_normal_(w, std=0.1).mul_(2), [torch.float32, torch.bfloat16]),
        # another multiplication rounds another time: these have no recipe
        (lambda w: w.normal_(std=0.02).mul_(0.3), []),
        (lambda w: w.uniform_(-1, 1).div_(3), []),
        (lambda w: w.fill_(0.1).mul_(0.3), []),
        (lambda w: torch._foreach_mul_([w.normal_()], 0.5), []),
    ],
)
def test_a_scaled_draw_has_a_recipe_where_its_bits_are_the_same(write, has_recipe, dtype):
    with torch.device("meta"):
        model = Written(write, dtype)
    if dtype not in has_recipe:
        with pytest.raises(ValueError, match="weight: aten.* computes its values"):
            stt.recipe(model)
        return
    (spec,) = stt.recipe(model).tensors
    model = Written(write, dtype)
    with stt.replay(model, 1):
        model.init_weights()
    assert torch.equal(model.weight, stt.fill_(torch.empty(64, 64, dtype=dtype), st.Key(1).named("weight"), spec.init))
