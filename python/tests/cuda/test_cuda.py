"""The CUDA kernels, compiled for the CPU (cuda/host.cpp), through the launcher that GPUs have. No GPU is needed.

`cuda/build --check` tests the machine code that NVIDIA's compiler makes of them.
"""

import ctypes
import pathlib
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import seedtensors as st
from seedtensors import _core, _cuda
PATHS = ["fill_slots", "fill_elements"]
CUDA = pathlib.Path(__file__).resolve().parents[2] / "cuda"
PTX = pathlib.Path(_cuda.__file__).parent / "seedtensors.ptx"
SHADERS = CUDA.parents[1] / "shaders"
DTYPES = ["f32", "f16", "bf16"]
INITS = {
    "constant": [st.constant(-0.3), st.zeros(), st.constant(1e-7)],
    "uniform": [st.uniform(-1, 3), st.uniform(0, 1e-37), st.uniform(1, 1.0000001), st.uniform(-2e-5, 2e-5)],
    "normal": [st.normal(0.5, 0.02), st.normal(0, 1e-37), st.normal(-1e-30, 1e-31), st.normal(3, 0)],
    "truncated_central": [st.truncated_normal(0, 1, -2, 2), st.truncated_normal(0, 0.02, -0.03, 0.03)],
    "truncated_skewed": [
        st.truncated_normal(0.1, 0.02, 0.1, float("inf")),
        st.truncated_normal(0.1, 0.02, -1, 0.11),
    ],
    "truncated_far": [st.truncated_normal(0, 1, 6, 30), st.truncated_normal(0, 1, -13, -10)],
    "truncated": [
        st.truncated_normal(0, 0.02, -2, 2),
        st.truncated_normal(0, 1e-25, -float("inf"), float("inf")),
    ],
    "truncated_narrow": [
        st.truncated_normal(0, 1, 1, 1.05),
        st.truncated_normal(0, 14.315998, -0.51562868, 0.16481965),
        st.truncated_normal(5e-30, 1e-30, 5e-30, 5.05e-30),
        st.truncated_normal(0, 1000, -3e-4, 1e-4),
    ],
    "normal_centred": [st.normal(), st.he_normal(), st.normal(0, 1e-5)],
}
KEYS = [st.Key(42).named("weight"), st.Key(2**64 - 1, 2**64 - 3), st.Key(7, 2**32 - 5)]
SENTINEL = 0xA5


@pytest.fixture(scope="session", params=["source", "ptx"])
def library(request, tmp_path_factory):
    """The host's driver, with the kernels from their source, and with those from the PTX, as NVIDIA's compiler left
    them."""
    folder = tmp_path_factory.mktemp("cuda")
    path = folder / "libcuda-host.so"
    options = ["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Werror"]
    if request.param == "ptx":
        kernels = folder / "kernels.cpp"
        with PTX.open() as ptx, kernels.open("w") as out:
            subprocess.run([sys.executable, CUDA / "ptx_to_cpp"], stdin=ptx, stdout=out, check=True)
        # PTX has no types, so its loads and stores need not be those of the memory's type
        options += [f"-I{CUDA}", f'-DKERNELS="{kernels}"', "-fno-strict-aliasing", "-Wno-parentheses"]
        options += ["-Wno-maybe-uninitialized", "-Wno-unused"]
    subprocess.run(["g++", *options, "-shared", "-fPIC", CUDA / "host.cpp", "-o", path, "-ldl"], check=True)
    return str(path)


@pytest.fixture
def host(library):
    """The controls of the host's driver, set back after each test."""
    host = ctypes.CDLL(library)
    host.host_set(12000, 90, ctypes.c_uint64(2**31 - 1))
    host.host_fail(b"", 0)
    return host


@pytest.fixture
def driver(library, host):
    return _cuda.Driver(library)


def state(host):
    """Launches, modules loaded, the last stream and the last grid."""
    out = (ctypes.c_uint64 * 4)()
    host.host_state(out)
    return list(out)


def same(driver, init, dtype, shape, rectangle=None, key=KEYS[0], shift=0):
    """Fills by a kernel and by the CPU, and compares every bit, and the bytes around. Returns the kernel's name."""
    count = int(np.prod(shape if rectangle is None else rectangle[1], dtype=object))
    size = _cuda.ELEMENT_SIZES[dtype] * count
    shape = (list(shape), "out_in", 1, False, (200, 300))
    expected = bytearray(size)
    _core.fill(expected, dtype, key, init, shape, rectangle)
    numbers = _core.cuda_params(dtype, key, init, shape, rectangle)
    return run(driver, numbers, dtype, expected, shift)


def run(driver, numbers, dtype, expected, shift=0):
    memory = np.full(len(expected) + 256, SENTINEL, np.uint8)
    begin = 64 + -memory.ctypes.data % 64 + shift
    entry, threads, params = _cuda.pack(numbers, dtype, memory.ctypes.data + begin)
    driver.launch(params, entry, threads, 0, 0)
    found = memory[begin : begin + len(expected)].tobytes()
    if found != expected:
        unsigned = np.uint32 if dtype == "f32" else np.uint16
        different = np.flatnonzero(np.frombuffer(found, unsigned) != np.frombuffer(expected, unsigned))
        pytest.fail(f"{entry}: {len(different)} elements differ, the first {different[:4]}")
    assert (memory[:begin] == SENTINEL).all() and (memory[begin + len(expected) :] == SENTINEL).all()
    return entry


def holds(init, dtype):
    """Whether the dtype has the initialiser's values."""
    try:
        _core.cuda_params(dtype, KEYS[0], init, ([1], "out_in", 1, False, (1, 1)))
    except ValueError:
        return False
    return True


CASES = [
    (kind, init, dtype) for kind, inits in INITS.items() for init in inits for dtype in DTYPES if holds(init, dtype)
]


@pytest.mark.parametrize("kind, init, dtype", CASES, ids=str)
def test_whole_tensors(driver, kind, init, dtype):
    for count in (1, 3, 4, 5, 7, 8, 9, 15, 17, 2047, 100_003):
        for key in KEYS:
            assert same(driver, init, dtype, (count,), key=key) == f"fill_slots_{kind}_{dtype}"


@pytest.mark.parametrize("kind, init, dtype", CASES, ids=str)
def test_runs_at_any_index_and_address(driver, kind, init, dtype):
    size = _cuda.ELEMENT_SIZES[dtype]
    for start in (0, 1, 2, 3, 4, 6, 2**32 - 6, 2**32 + 4, 2**40 + 1):
        for shift in (0, size, 2 * size, 8):
            for count in (1, 2, 5, 4099):
                entry = same(driver, init, dtype, (2**41,), ([start], [count]), shift=shift)
                path = "fill_slots" if start % 4 == 0 and shift % 16 == 0 else "fill_elements"
                assert entry == f"{path}_{kind}_{dtype}"


RECTANGLES = [
    # shape, start, extent, whether 16 bytes of f32 and of halves are in one run and begin a block
    ((40, 64), (3, 0), (9, 64), (True, True)),
    ((40, 64), (3, 8), (9, 16), (True, True)),
    ((40, 64), (3, 4), (9, 20), (True, False)),
    ((40, 64), (3, 5), (9, 16), (False, False)),
    ((40, 63), (3, 4), (9, 16), (False, False)),
    ((40, 64), (0, 7), (40, 1), (False, False)),
    ((40, 63), (1, 1), (38, 61), (False, False)),
    ((2**20, 2**20), (5, 2**19), (3, 1024), (True, True)),
    ((2**20, 2**20 + 1), (2**13, 2**19 + 1), (33, 77), (False, False)),
    ((3, 2**33), (1, 2**32 + 8), (2, 800), (True, True)),
    ((2**40, 3), (2**39, 1), (700, 1), (False, False)),
    ((2, 3, 4, 5, 3, 2, 3, 8), (0, 1, 1, 2, 0, 0, 1, 1), (2, 2, 3, 2, 2, 1, 2, 7), (False, False)),
    ((3, 3, 3, 3, 3, 3, 3, 8), (1, 0, 1, 0, 1, 0, 1, 0), (2, 2, 2, 2, 2, 2, 2, 8), (True, True)),
    ((3, 3, 3, 3, 3, 3, 3, 3), (1, 0, 1, 0, 1, 0, 1, 0), (2, 2, 2, 2, 2, 2, 2, 2), (False, False)),
    ((5, 5), (1, 1), (0, 3), (True, True)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, start, extent, is_of_slots", RECTANGLES)
def test_rectangles(driver, shape, start, extent, is_of_slots, dtype):
    for inits in INITS.values():
        for shift in (0, 4):
            entry = same(driver, inits[0], dtype, shape, (list(start), list(extent)), shift=shift)
            is_fast = is_of_slots[dtype != "f32"] and shift == 0
            assert entry.startswith("fill_slots" if is_fast else "fill_elements")


def test_words(driver):
    for key in KEYS:
        for start in (0, 3, 2**34 - 6, 2**63):
            expected = bytearray(4 * 1001)
            _core.words(expected, key, start)
            if start < 2**62:
                run(driver, _cuda.words(key, start, 1001), "f32", expected)
            else:
                with pytest.raises(ValueError, match="fewer than 2\\^62"):
                    run(driver, _cuda.words(key, start, 1001), "f32", expected)


def test_many_values(driver):
    """A million of each kernel: the rare branches of its functions."""
    for inits in INITS.values():
        same(driver, inits[0], "f32", (2**20,), key=KEYS[1])
        same(driver, inits[-1], "f16", (2**20,), key=KEYS[2])


def test_shards_of_more_than_2_to_the_32_elements(driver):
    """Words far behind a shard's first element, by their indices in the tensor."""
    run_length, dims, first = 3, [(2**33 + 1, 7), (5, 2**40), (3, 2**43)], 2**41 + 1
    for start in (2**33, 3 * (2**33 + 1) - 50, 12 * (2**33 + 1) - 7):
        indices = []
        for number in range(start, start + 100):
            index, rest = first + number % run_length, number // run_length
            for extent, stride in dims:
                index, rest = index + rest % extent * stride, rest // extent
            indices.append(index)
        expected = bytearray(400)
        for i, index in enumerate(indices):
            _core.words(memoryview(expected)[4 * i : 4 * i + 4], KEYS[0], index)
        numbers = list(_cuda.words(KEYS[0], start, 100))
        numbers[5:8] = first, run_length, dims
        assert run(driver, numbers, "f32", expected) == "fill_elements_words_f32"


def test_division():
    """The multiplication that divides, at the numbers where a wrong one shows first."""
    for extent in [2, 3, 5, 7, 63, 64, 65, 641, 2**31 - 1, 2**32 + 1, 6700417, 2**40 - 1, 2**52 + 3, 2**61 - 1]:
        _, magic, _, shift, _ = _cuda.DIM.unpack(_cuda._dim(extent, 1))
        for quotient in {0, 1, 2, 1000, (2**63 - 1) // extent - 1}:
            numbers = (quotient * extent, quotient * extent + extent - 1, 2**63 - 1)
            for number in (number for number in numbers if number < 2**63):
                assert (number * magic >> 64) >> shift == number // extent


def test_a_fill_may_take_several_grids(driver, host, monkeypatch):
    monkeypatch.setattr(_cuda, "MAX_BLOCKS", 3)
    host.host_set(12000, 90, ctypes.c_uint64(3))
    before = state(host)[0]
    for shift in (0, 4):
        same(driver, st.normal(), "f32", (10_001,), shift=shift)
    # 10 blocks each, three to a grid
    assert state(host)[0] - before == 8


def test_streams_contexts_and_modules(driver, host):
    loads = state(host)[1]
    out = np.zeros(64, np.float32)
    numbers = _core.cuda_params("f32", KEYS[0], st.normal(), ([64], "out_in", 1, False, None))
    for device in (0, 1, 0):
        driver.fill(numbers, "f32", out.ctypes.data, device, stream=0x1234 + device)
        assert state(host)[2] == 0x1234 + device
    # once for each device
    assert state(host)[1] - loads == 2
    assert (out == st.tensor((64,), KEYS[0], st.normal())).all()
    # the thread's context is what it was
    context = ctypes.c_void_p()
    host.cuCtxGetCurrent(ctypes.byref(context))
    assert context.value is None
    # a thread that never used CUDA
    thread = threading.Thread(target=lambda: driver.fill(numbers, "f32", out.ctypes.data, 1))
    out[:] = 0
    thread.start()
    thread.join()
    assert (out == st.tensor((64,), KEYS[0], st.normal())).all()


def test_a_device_is_compared_once(driver, host):
    driver.check(0)
    launches = state(host)[0]
    driver.check(0)
    assert state(host)[0] == launches


def test_an_inexact_device_is_refused(driver, host):
    def wrong(out, dtype, *fill):
        _core.fill(out, dtype, *fill)
        if dtype == "f16":
            out[-1] ^= 1

    for _ in range(2):
        with pytest.raises(RuntimeError, match="1 does not give the CPU's bits \\(constant in f16, byte 8539\\)"):
            driver.check(1, wrong)
    out = np.zeros(4, np.float32)
    numbers = _core.cuda_params("f32", KEYS[0], st.normal(), ([4], "out_in", 1, False, None))
    with pytest.raises(RuntimeError, match="so it cannot be used"):
        driver.fill(numbers, "f32", out.ctypes.data, 1)
    assert not out.any()
    driver.fill(numbers, "f32", out.ctypes.data, 0)
    assert out.all()


def test_errors_say_what_to_do(library, host):
    with pytest.raises(RuntimeError, match="cannot be loaded; fills on a GPU need NVIDIA's driver"):
        _cuda.Driver("libcuda-that-is-not-there.so.1")
    host.host_set(11080, 90, ctypes.c_uint64(1))
    with pytest.raises(RuntimeError, match="CUDA_ERROR_UNSUPPORTED_PTX_VERSION.*older than the kernels.*525.60"):
        _cuda.Driver(library).check(0)
    host.host_set(12000, 70, ctypes.c_uint64(1))
    with pytest.raises(RuntimeError, match="CUDA device 0 has compute capability 7.0; the kernels need"):
        _cuda.Driver(library).check(0)
    host.host_set(12000, 75, ctypes.c_uint64(2**31 - 1))
    driver = _cuda.Driver(library)
    with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_DEVICE"):
        driver.check(2)
    with pytest.raises(RuntimeError, match="CUDA_ERROR_NOT_FOUND"):
        driver.launch(bytes(408), "fill_slots_words_f16", 1, 0, 0)
    host.host_fail(b"cuMemAlloc_v2", 900)
    with pytest.raises(RuntimeError, match="cuMemAlloc_v2 failed: CUDA_ERROR_STREAM_CAPTURE.*fill once before"):
        driver.check(0)
    # an error of the driver's is no verdict on the device
    driver.check(0)


def test_bad_input_is_refused():
    numbers = _core.cuda_params("f16", KEYS[0], st.normal(), ([64], "out_in", 1, False, None))
    with pytest.raises(ValueError, match="an address of f16 must be a multiple of 2, not 0x1001"):
        _cuda.pack(numbers, "f16", 0x1001)
    with pytest.raises(ValueError, match="native normals"):
        _cuda.pack((4, *numbers[1:]), "f16", 0x1000)
    with pytest.raises(ValueError, match="words have 32 bits"):
        _cuda.pack(_cuda.words(KEYS[0], 0, 4), "f16", 0x1000)
    assert _core.cuda_params("f16", KEYS[0], st.orthogonal(), ([8, 8], "out_in", 1, False, None)) is None


def constants(text, pattern):
    return {name: value.rstrip("fu").lower() for name, value in re.findall(pattern, text)}


def test_constants_are_those_of_the_shaders():
    compared = 0
    for name in ("philox", "box_muller", "inverse_normal"):
        shader = constants((SHADERS / f"{name}.wgsl").read_text(), r"const (\w+): [fu]32 = (\S+);")
        kernel = constants((CUDA / f"{name}.cuh").read_text(), r"constexpr \w+ (\w+) = (\S+);")
        assert kernel == {name: value for name, value in shader.items() if not name.startswith("NATIVE")}
        compared += len(kernel)
    assert compared == 68


def test_the_ptx_has_every_kernel_and_only_exact_instructions():
    ptx = PTX.read_text()
    entries = set(re.findall(r"\.entry (\w+)\(", ptx))
    values = {f"{path}_{kind}_{dtype}" for path in PATHS for kind in INITS for dtype in DTYPES}
    assert entries == values | {f"{path}_words_f32" for path in PATHS}
    assert not re.search(r"\b(fma|mad)\.\w*\.?f|approx|\.ftz|\.full|sqrt|\.local|\bcall\b", ptx)
    assert re.findall(r"^\.(?:version|target) .*", ptx, re.MULTILINE) == [".version 8.0", ".target sm_75"]
