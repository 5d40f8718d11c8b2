"""The launcher of the CUDA kernels in python/cuda. It calls the CUDA driver, and needs neither torch nor a toolkit.

>>> driver = Driver()  # doctest: +SKIP
>>> numbers = _core.cuda_params("f32", key, init, shape, rectangle)  # doctest: +SKIP
>>> driver.fill(numbers, "f32", tensor.data_ptr(), device=0, stream=stream)  # doctest: +SKIP

Kernels run in the primary context of a device, as those of torch and JAX do.
"""

import contextlib
import ctypes
import importlib.resources
import struct
import sys
import threading
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

ELEMENT_SIZES = {"f32": 4, "f16": 2, "bf16": 2}

KINDS = {
    0: "words",
    1: "constant",
    2: "uniform",
    3: "normal",
    5: "truncated",
    6: "truncated_narrow",
    7: "normal_centred",
    8: "truncated_central",
    9: "truncated_skewed",
    10: "truncated_far",
}
"""Names of the kernels by the numbers of `KernelKind` in src/kernel.rs. Native normals have no kernel here."""

BLOCK = 256
"""Threads of a block, as in `__launch_bounds__` of fill.cu."""

MAX_BLOCKS = 2**31 - 1
"""Blocks of a grid."""

MAX_RANK = 8
"""Coordinates of a shard: 7 dimensions over the runs, and the run."""

PARAMS = struct.Struct("<7Q2I88s")
"""`Params` of python/cuda/shard.cuh without `dims`."""

DIM = struct.Struct("<3Q2I")
"""`Dim` of python/cuda/shard.cuh."""

ORIGIN = 48
"""The offset of `origin` in `Params`."""

HINTS = {
    2: "the GPU's memory is full",
    100: "the driver finds no GPU; CUDA_VISIBLE_DEVICES may hide it",
    209: "the kernels need a GPU of compute capability 7.5 (Turing) or later",
    221: "the driver's library libnvidia-ptxjitcompiler is missing; in a container, NVIDIA_DRIVER_CAPABILITIES must "
    "have `compute`",
    222: "the driver is older than the kernels; they need driver 525.60 or later",
    803: "the driver's library and its kernel module have different versions; restart the machine or the container",
    900: "the first fill of a device compares it with the CPU, which a CUDA graph cannot capture; fill once before",
    901: "the first fill of a device compares it with the CPU, which a CUDA graph cannot capture; fill once before",
}
"""Advice for the driver's errors, by their numbers."""

SIGNATURES = {
    "cuInit": [c_uint],
    "cuDriverGetVersion": [POINTER(c_int)],
    "cuDeviceGet": [POINTER(c_int), c_int],
    "cuDeviceGetAttribute": [POINTER(c_int), c_int, c_int],
    "cuDevicePrimaryCtxRetain": [POINTER(c_void_p), c_int],
    "cuCtxGetCurrent": [POINTER(c_void_p)],
    "cuCtxPushCurrent_v2": [c_void_p],
    "cuCtxPopCurrent_v2": [POINTER(c_void_p)],
    "cuModuleLoadData": [POINTER(c_void_p), c_char_p],
    "cuModuleGetFunction": [POINTER(c_void_p), c_void_p, c_char_p],
    "cuLaunchKernel": [c_void_p, *[c_uint] * 7, c_void_p, POINTER(c_void_p), POINTER(c_void_p)],
    "cuStreamSynchronize": [c_void_p],
    "cuMemAlloc_v2": [POINTER(c_uint64), c_size_t],
    "cuMemFree_v2": [c_uint64],
    "cuMemcpyHtoD_v2": [c_uint64, c_char_p, c_size_t],
    "cuMemcpyDtoH_v2": [c_void_p, c_uint64, c_size_t],
    "cuGetErrorName": [c_int, POINTER(c_char_p)],
    "cuGetErrorString": [c_int, POINTER(c_char_p)],
}
"""The driver's functions with their arguments. All return a number, 0 where they succeed."""


def pack(numbers, dtype_name: str, out: int) -> tuple[str, int, bytes]:
    """The kernel of a fill, its number of threads, and its argument. `numbers` are those of `_core.cuda_params`, `out`
    is the address of the first element."""
    kind, seed, offset, start, count, first, run, dims, coefficients = numbers
    size = ELEMENT_SIZES[dtype_name]
    if kind not in KINDS:
        raise ValueError(f"native normals have no CUDA kernel (kind {kind})")
    if kind == 0 and dtype_name != "f32":
        raise ValueError(f"words have 32 bits, not those of {dtype_name}")
    if out % size != 0:
        raise ValueError(f"an address of {dtype_name} must be a multiple of {size}, not {out:#x}")
    # the kernels divide numbers below 2^63; no memory is as large
    if start + count >= 2**62:
        raise ValueError(f"a fill must have fewer than 2^62 elements, not {start + count}")
    # a run of one element needs no coordinate of its own
    coordinates = ([(run, 1)] if run > 1 else []) + [tuple(dim) for dim in dims]
    if len(coordinates) > MAX_RANK:
        raise ValueError(f"a shard has at most {MAX_RANK} dimensions, not {len(coordinates)}")
    in_slot = 16 // size
    if _is_of_slots(coordinates, first, start, in_slot) and out % 16 == 0:
        path, lead, threads = "fill_slots", 0, -(-count // in_slot)
    else:
        # a thread's four elements are those of a block of the tensor where they are contiguous
        lead = _index(coordinates, first, start) % 4
        path, threads = "fill_elements", -(-(count + lead) // 4)
    if len(coefficients) != 88:
        raise ValueError(f"coefficients have 88 bytes, not {len(coefficients)}")
    packed = PARAMS.pack(out, seed, offset, start, count, first, 0, lead, len(coordinates), coefficients)
    packed += b"".join(_dim(extent, stride) for extent, stride in coordinates)
    packed += bytes(DIM.size * (MAX_RANK - len(coordinates)))
    return f"{path}_{KINDS[kind]}_{dtype_name}", threads if count > 0 else 0, packed


def words(key, start: int, count: int):
    """The numbers of a fill with random words, as `_core.cuda_params` has them for initialisers."""
    return (0, key.seed, key.offset, start, count, 0, 0, [], bytes(88))


def _is_of_slots(coordinates, first, start, in_slot) -> bool:
    """Whether each 16 bytes begin a block of the tensor and are contiguous in it."""
    if not coordinates:
        return (first + start) % 4 == 0
    (run, stride), *outer = coordinates
    if stride != 1 or run % in_slot != 0 or start % in_slot != 0:
        return False
    return first % 4 == 0 and all(stride % 4 == 0 for _, stride in outer)


def _index(coordinates, first, number) -> int:
    """The index in the tensor of the shard's element `number`."""
    if not coordinates:
        return first + number
    for extent, stride in coordinates[:-1]:
        first += number % extent * stride
        number //= extent
    return first + number * coordinates[-1][1]


def _dim(extent, stride) -> bytes:
    """A coordinate, with the numbers that divide by its extent."""
    # n // extent is n * magic >> (63 + bits) for n below 2^63: magic is rounded up by less than extent <= 2^bits
    # (Granlund and Montgomery, 1994)
    bits = (extent - 1).bit_length()
    magic = -(-(1 << (63 + bits)) // extent)
    return DIM.pack(extent, magic, stride, bits - 1, 0)


class Driver:
    """The CUDA driver, with the kernels loaded once per device."""

    def __init__(self, library: str | None = None) -> None:
        name = library or ("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        try:
            self._library = ctypes.CDLL(name)
        except OSError as error:
            raise RuntimeError(f"{name} cannot be loaded; fills on a GPU need NVIDIA's driver: {error}") from error
        for function, arguments in SIGNATURES.items():
            getattr(self._library, function).argtypes = arguments
        self._lock = threading.RLock()
        self._devices: dict[int, _Device] = {}
        self._call("cuInit", 0)

    def fill(self, numbers, dtype_name: str, out: int, device: int, stream: int = 0) -> None:
        """Fills memory of a device, on a stream. The first fill of a device checks it."""
        self.check(device)
        entry, threads, params = pack(numbers, dtype_name, out)
        self.launch(params, entry, threads, stream, device)

    def launch(self, params: bytes, entry: str, threads: int, stream: int, device: int) -> None:
        """Runs a kernel on a stream. It does not wait for the kernel."""
        used = self._device(device)
        blocks = -(-threads // BLOCK)
        with used.current():
            function = used.function(entry)
            for first in range(0, blocks, MAX_BLOCKS):
                argument = ctypes.create_string_buffer(params, len(params))
                struct.pack_into("<Q", argument, ORIGIN, first * BLOCK)
                arguments = (c_void_p * 1)(ctypes.addressof(argument))
                # the driver copies the argument before it returns
                grid = min(blocks - first, MAX_BLOCKS)
                self._call("cuLaunchKernel", function, grid, 1, 1, BLOCK, 1, 1, 0, stream or None, arguments, None)

    def check(self, device: int, cpu=None) -> None:
        """Compares every kernel with the CPU's bits, once for each device, and raises where a bit differs.

        `cpu` is `_core.fill`, or a function that stands in for it.
        """
        used = self._device(device)
        if used.is_checked:
            return
        with self._lock:
            if not used.is_checked and not used.inexact:
                used.inexact = self._difference(device, used, _probes(cpu))
                used.is_checked = not used.inexact
            if used.inexact:
                raise RuntimeError(used.inexact)

    def _difference(self, device, used, probes) -> str | None:
        """Runs the probes. The first difference, as a sentence."""
        # what a kernel must not overwrite
        sentinel = b"\xa5" * 64
        expected, begins = bytearray(sentinel), []
        for numbers, dtype_name, values in probes:
            begins.append(len(expected))
            padding = -len(values) % 64
            expected += values + sentinel[:padding] + sentinel
        found = ctypes.create_string_buffer(len(expected))
        with used.current(), self._memory(len(expected)) as memory:
            self._call("cuMemcpyHtoD_v2", memory, sentinel * (len(expected) // 64), len(expected))
            for (numbers, dtype_name, _), begin in zip(probes, begins, strict=True):
                entry, threads, params = pack(numbers, dtype_name, memory + begin)
                self.launch(params, entry, threads, 0, device)
            self._call("cuStreamSynchronize", None)
            self._call("cuMemcpyDtoH_v2", found, memory, len(expected))
        if found.raw == expected:
            return None
        at = next(i for i, (a, b) in enumerate(zip(found.raw, expected, strict=True)) if a != b)
        probe = max(i for i, begin in enumerate(begins) if begin <= max(at, begins[0]))
        numbers, dtype_name, _ = probes[probe]
        return (
            f"CUDA device {device} does not give the CPU's bits ({KINDS[numbers[0]]} in {dtype_name}, byte "
            f"{at - begins[probe]}), so it cannot be used; please report its name and driver"
        )

    @contextlib.contextmanager
    def _memory(self, size):
        """Memory of the current device."""
        memory = c_uint64()
        self._call("cuMemAlloc_v2", byref(memory), size)
        try:
            yield memory.value
        finally:
            self._call("cuMemFree_v2", memory)

    def _device(self, device: int) -> "_Device":
        used = self._devices.get(device)
        if used is None:
            with self._lock:
                used = self._devices.get(device)
                if used is None:
                    used = self._devices[device] = _Device(self, device)
        return used

    def _call(self, name: str, *arguments) -> None:
        """Calls the driver, and raises its error with what to do about it."""
        error = getattr(self._library, name)(*arguments)
        if error == 0:
            return
        texts = []
        for describe in (self._library.cuGetErrorName, self._library.cuGetErrorString):
            text = c_char_p()
            if describe(error, byref(text)) == 0 and text.value:
                texts.append(text.value.decode())
        described = ": ".join(texts) or f"error {error}"
        hint = HINTS.get(error)
        raise RuntimeError(f"{name} failed: {described}" + (f"; {hint}" if hint else ""))


class _Device:
    """A device's primary context, with the kernels that were loaded into it."""

    def __init__(self, driver: Driver, ordinal: int) -> None:
        self._driver = driver
        self.is_checked = False
        self.inexact: str | None = None
        device = c_int()
        driver._call("cuDeviceGet", byref(device), ordinal)
        major, minor = c_int(), c_int()
        # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        driver._call("cuDeviceGetAttribute", byref(major), 75, device)
        driver._call("cuDeviceGetAttribute", byref(minor), 76, device)
        if (major.value, minor.value) < (7, 5):
            raise RuntimeError(
                f"CUDA device {ordinal} has compute capability {major.value}.{minor.value}; {HINTS[209]}"
            )
        self._context = c_void_p()
        driver._call("cuDevicePrimaryCtxRetain", byref(self._context), device)
        ptx = importlib.resources.files(__package__).joinpath("seedtensors.ptx").read_bytes()
        self._module = c_void_p()
        with self.current():
            # the driver compiles it for the GPU, and keeps the result in its cache on the disk
            driver._call("cuModuleLoadData", byref(self._module), ptx)
        self._functions: dict[str, c_void_p] = {}

    @contextlib.contextmanager
    def current(self):
        """Makes the context the thread's current one, and restores the one before."""
        before = c_void_p()
        self._driver._call("cuCtxGetCurrent", byref(before))
        if before.value == self._context.value:
            yield
            return
        self._driver._call("cuCtxPushCurrent_v2", self._context)
        try:
            yield
        finally:
            self._driver._call("cuCtxPopCurrent_v2", byref(before))

    def function(self, name: str) -> c_void_p:
        """A kernel by its name. The context is current."""
        function = self._functions.get(name)
        if function is None:
            function = c_void_p()
            self._driver._call("cuModuleGetFunction", byref(function), self._module, name.encode())
            self._functions[name] = function
        return function


def _probes(cpu=None):
    """Short fills of every kernel by both paths: (numbers, dtype, the CPU's bytes)."""
    from . import _core

    cpu = cpu or _core.fill
    key = _core.Key(0x243F6A8885A308D3, 0x13198A2E03707344)
    inits = [
        _core.Init("constant", value=0.1),
        _core.Init("uniform", low=-1.0, high=3.0),
        # computed times 2^96; some values are flushed
        _core.Init("uniform", low=0.0, high=1e-37),
        _core.Init("normal", mean=0.5, std=0.02),
        _core.Init("normal", mean=0.0, std=1e-37),
        _core.Init("normal", mean=0.0, std=1.0),
        # in f16 many of these are subnormal
        _core.Init("normal", mean=0.0, std=1e-5),
        _core.Init("truncated_normal", mean=0.0, std=1.0, low=-2.0, high=2.0),
        _core.Init("truncated_normal", mean=0.0, std=1.0, low=4.0, high=float("inf")),
        # narrow windows have a kernel of their own
        _core.Init("truncated_normal", mean=0.0, std=1.0, low=1.0, high=1.05),
        _core.Init("truncated_normal", mean=0.0, std=14.315998, low=-0.51562868, high=0.16481965),
    ]
    # one whole tensor, and a rectangle of odd columns
    shape = ([61, 70], "out_in", 1, False, None)
    rectangles = [(None, 61 * 70), (([1, 3], [55, 63]), 55 * 63)]
    probes = []
    for dtype_name, size in ELEMENT_SIZES.items():
        for init in inits:
            for rectangle, count in rectangles:
                values = bytearray(size * count)
                cpu(values, dtype_name, key, init, shape, rectangle)
                probes.append((_core.cuda_params(dtype_name, key, init, shape, rectangle), dtype_name, bytes(values)))
    for start in (0, 1):
        values = bytearray(4 * 1000)
        _core.words(values, key, start)
        probes.append((words(key, start, 1000), "f32", bytes(values)))
    return probes
