"""Keys, initialisers and fills, with numpy alone."""

import pickle
import threading
import time

import ml_dtypes
import numpy as np
import pytest

import seedtensors as st

DTYPES = ["float32", "float16", ml_dtypes.bfloat16]
INITS = [
    st.zeros(),
    st.ones(),
    st.constant(-0.3),
    st.uniform(-1, 3),
    st.normal(0.5, 0.02),
    st.truncated_normal(0, 1, -2, 2),
    st.truncated_normal(0, 1, -0.5, float("inf"), bounds="std"),
    st.variance_scaling(0.7, "fan_avg", "uniform"),
    st.xavier_uniform(),
    st.xavier_normal("tanh"),
    st.he_uniform({"leaky_relu": 0.2}),
    st.he_normal(mode="fan_out", distribution="truncated_normal"),
    st.lecun_uniform(),
    st.lecun_normal(),
    st.eye(2),
    st.orthogonal(),
    st.sparse(0.1),
]
KEY = st.Key(42).named("weight")


def test_keys():
    assert repr(st.Key(42)) == "Key(42)"
    assert (st.Key(3, 5).seed, st.Key(3, 5).offset) == (3, 5)
    assert st.Key(42).named("a") == st.Key(42).named("a") != st.Key(42).named("b")
    assert len({st.Key(1).fold_in(i) for i in range(100)} | set(st.Key(1).split(3))) == 100  # split(n)[i] is fold_in(i)
    assert pickle.loads(pickle.dumps(KEY)) == KEY
    for bad in (-1, 2**64):
        with pytest.raises(OverflowError):
            st.Key(bad)
    with pytest.raises(AttributeError):
        KEY.seed = 3


def test_known_words():
    """Philox's known answer for seed 0, of Random123's kat_vectors."""
    assert [hex(word) for word in st.words(np.empty(4, "uint32"), st.Key(0))] == [
        "0x6627e8d5",
        "0xe169c58d",
        "0xbc57ac4c",
        "0x9b00dbd8",
    ]


@pytest.mark.parametrize("init", INITS, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rectangles_are_parts_of_the_whole(init, dtype):
    whole = st.tensor((48, 40), KEY, init, dtype)
    for start, extent in [((0, 0), (48, 40)), ((5, 0), (7, 40)), ((0, 3), (48, 9)), ((11, 1), (1, 1)), ((9, 9), (0, 4))]:
        part = st.fill(np.empty(extent, dtype), KEY, init, shape=(48, 40), start=start)
        expected = whole[start[0] : start[0] + extent[0], start[1] : start[1] + extent[1]]
        assert part.tobytes() == expected.tobytes()


def test_a_view_with_gaps_is_filled_as_an_array_of_its_shape():
    out = np.zeros((6, 10), "float32")
    st.fill(out[::2, 1:9:2], KEY, st.normal())
    assert (out[::2, 1:9:2] == st.tensor((3, 4), KEY, st.normal())).all()
    assert np.count_nonzero(out) == 12


def test_dtypes_round_once():
    exact = st.tensor((1000,), KEY, st.normal())
    for dtype in DTYPES[1:]:
        assert (st.tensor((1000,), KEY, st.normal(), dtype) == exact.astype(dtype)).all()


def test_layout_and_groups_change_the_fans_alone():
    out_in = st.tensor((30, 20), KEY, st.he_normal())
    in_out = st.tensor((30, 20), KEY, st.he_normal(), layout="in_out")
    assert np.allclose(in_out * np.sqrt(30 / 20), out_in, rtol=1e-6)
    assert (st.tensor((30,), KEY, st.he_normal(), fans=(20, 1)) == out_in.reshape(-1)[:30]).all()


@pytest.mark.parametrize("init", INITS, ids=repr)
def test_an_initialiser_is_what_it_says(init):
    again = st.Init(init.name, **init.parameters)
    assert again == init == pickle.loads(pickle.dumps(init)) and hash(again) == hash(init)
    assert repr(again) == repr(init)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: st.tensor((4,), KEY, st.he_normal()), "fan_in and fan_out need at least two dimensions, shape [4] has 1"),
        (lambda: st.tensor((4, -1), KEY, st.zeros()), "a dimension must be at least 0, not shape"),
        (lambda: st.tensor((4,), KEY, st.normal(std=-1)), "normal's std must be at least 0, not -1.0"),
        (lambda: st.tensor((4,), KEY, st.normal(std=1e39)), "normal's std must be finite in f32"),
        (lambda: st.tensor((4,), KEY, st.constant(1e6), "float16"), "a constant must be finite in f16"),
        (lambda: st.tensor((4,), KEY, st.zeros(), "float64"), "a dtype is float32, float16 or bfloat16, not float64"),
        (lambda: st.fill(np.empty((2, 2), "float32"), KEY, st.zeros(), shape=(3, 3), start=(2, 0)), "must lie inside"),
        (lambda: st.fill(np.empty((2, 2), "float32"), KEY, st.zeros(), start=(2, 0)), "needs the shape of the whole"),
        (lambda: st.fill(bytearray(4), KEY, st.zeros()), "needs a shape and a dtype"),
        (lambda: st.fill(bytearray(5), KEY, st.zeros(), shape=(1,), dtype="f32"), "bytes"),
        (lambda: st.fill(np.empty(4, np.dtype("f4").newbyteorder()), KEY, st.ones()), "of the machine's byte order, not"),
        (lambda: st.words(np.empty(2, "uint64"), KEY), "integers of 32 bits in the machine's byte order, not <u8"),
        (lambda: st.words(np.empty(2, np.dtype("u4").newbyteorder()), KEY), "integers of 32 bits"),
        (lambda: st.words(np.empty(2, "float32"), KEY), "integers of 32 bits"),
        (lambda: st.Init("he_norm"), "unknown variant `he_norm`"),
        (lambda: st.Init("normal", sigma=1), "unknown field `sigma`"),
        (lambda: st.he_normal("gelu"), "gelu"),
    ],
)
def test_bad_input_says_why(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_what_cannot_be_written_to_is_refused():
    array = np.zeros((4, 4), "float32")
    array.flags.writeable = False
    for view in (array, array[:, ::2]):
        with pytest.raises(BufferError):
            st.fill(view, KEY, st.ones())
    assert not array.any()
    with pytest.raises(BufferError):
        st.fill(np.float32(0), KEY, st.ones(), shape=())
    with pytest.raises(BufferError):
        st.fill(bytes(16), KEY, st.ones(), shape=(4,), dtype="f32")


def test_the_lock_is_released():
    """Another thread of Python's runs while a long fill does."""
    out, counted, stop = np.empty(2**26, "float32"), [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    st.fill(out, KEY, st.truncated_normal())
    during = counted[0] - before
    stop.set()
    thread.join()
    # with the lock held the count could not rise at all; the fill takes tens of milliseconds
    assert during >= 2
