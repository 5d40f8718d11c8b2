// The kernels compiled for a CPU, behind the functions of the CUDA driver that python/seedtensors/_cuda.py calls. With
// it the launcher and the kernels are tested without a GPU: pointers are the host's, and a grid is a loop. Build:
//
//     g++ -std=c++17 -O2 -ffp-contract=off -shared -fPIC host.cpp -o libcuda-host.so
//
// It checks its arguments as a driver does, and in places more strictly: a launch needs the function's own context.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>

#ifdef KERNELS
// the PTX as C++, by ptx_to_cpp
#include KERNELS
#else
#include "fill.cu"
#endif

#define API extern "C" __attribute__((visibility("default")))

namespace {

typedef int Result;
typedef void (*Kernel)(Params);

// Numbers of the driver's.
enum : Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    INVALID_PTX = 218,
    UNSUPPORTED_PTX_VERSION = 222,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
};

struct Context {
    int device;
};

struct Module {
    Context *context;
    std::string ptx;
};

struct Function {
    Context *context;
    Kernel kernel;
};

// two devices, so that tests can mix them up
Context contexts[2] = {{0}, {1}};
thread_local Context *stack[16];
thread_local int depth = 0;
bool initialized = false;

// The settings and the counters of tests.
struct State {
    int driver_version = 12000;
    int compute_capability = 90;
    // the next call of this name fails
    std::string failing;
    Result failure = SUCCESS;
    unsigned long long launches = 0;
    unsigned long long loads = 0;
    unsigned long long last_stream = 0;
    unsigned long long last_grid = 0;
    unsigned long long largest_grid = 0x7fffffff;
} state;

Context *current() { return depth > 0 ? stack[depth - 1] : nullptr; }

// The failure that a test asked for.
Result asked(const char *name) {
    if (state.failing != name) {
        return SUCCESS;
    }
    state.failing.clear();
    return state.failure;
}

bool is_known(const Function *function) {
    return function && (function->context == &contexts[0] || function->context == &contexts[1]);
}

} // namespace

API void host_set(int driver_version, int compute_capability, unsigned long long largest_grid) {
    state.driver_version = driver_version;
    state.compute_capability = compute_capability;
    state.largest_grid = largest_grid;
}

API void host_fail(const char *name, Result failure) {
    state.failing = name;
    state.failure = failure;
}

// launches, modules loaded, the last launch's stream and number of blocks
API void host_state(unsigned long long *out) {
    out[0] = state.launches;
    out[1] = state.loads;
    out[2] = state.last_stream;
    out[3] = state.last_grid;
}

#define ENTER(name)                                                                                                    \
    if (const Result failure = asked(name)) {                                                                          \
        return failure;                                                                                                \
    }                                                                                                                  \
    if (!initialized) {                                                                                                \
        return NOT_INITIALIZED;                                                                                        \
    }

API Result cuInit(unsigned flags) {
    if (const Result failure = asked("cuInit")) {
        return failure;
    }
    initialized = true;
    return flags == 0 ? SUCCESS : INVALID_VALUE;
}

API Result cuDriverGetVersion(int *version) {
    *version = state.driver_version;
    return SUCCESS;
}

API Result cuDeviceGet(int *device, int ordinal) {
    ENTER("cuDeviceGet")
    if (ordinal < 0 || ordinal > 1) {
        return INVALID_DEVICE;
    }
    *device = ordinal;
    return SUCCESS;
}

API Result cuDeviceGetAttribute(int *value, int attribute, int device) {
    ENTER("cuDeviceGetAttribute")
    if (device < 0 || device > 1 || (attribute != 75 && attribute != 76)) {
        return INVALID_VALUE;
    }
    *value = attribute == 75 ? state.compute_capability / 10 : state.compute_capability % 10;
    return SUCCESS;
}

API Result cuDevicePrimaryCtxRetain(Context **context, int device) {
    ENTER("cuDevicePrimaryCtxRetain")
    if (device < 0 || device > 1) {
        return INVALID_DEVICE;
    }
    *context = &contexts[device];
    return SUCCESS;
}

API Result cuCtxGetCurrent(Context **context) {
    ENTER("cuCtxGetCurrent")
    *context = current();
    return SUCCESS;
}

API Result cuCtxPushCurrent_v2(Context *context) {
    ENTER("cuCtxPushCurrent_v2")
    if (context != &contexts[0] && context != &contexts[1]) {
        return INVALID_CONTEXT;
    }
    if (depth == 16) {
        return INVALID_VALUE;
    }
    stack[depth++] = context;
    return SUCCESS;
}

API Result cuCtxPopCurrent_v2(Context **context) {
    ENTER("cuCtxPopCurrent_v2")
    if (!current()) {
        return INVALID_CONTEXT;
    }
    *context = stack[--depth];
    return SUCCESS;
}

API Result cuModuleLoadData(Module **module, const char *ptx) {
    ENTER("cuModuleLoadData")
    if (!current()) {
        return INVALID_CONTEXT;
    }
    // a text that ends with NUL; a driver reads comments up to the version
    const char *version = std::strstr(ptx, ".version ");
    int major = 0, minor = 0;
    if ((std::strncmp(ptx, "//", 2) != 0 && version != ptx) || !version ||
        std::sscanf(version, ".version %d.%d", &major, &minor) != 2 || !std::strstr(ptx, ".target sm_75")) {
        return INVALID_PTX;
    }
    // PTX 8.0 came with CUDA 12.0, PTX 8.4 with 12.4
    if ((major + 4) * 1000 + minor * 10 > state.driver_version) {
        return UNSUPPORTED_PTX_VERSION;
    }
    state.loads++;
    *module = new Module{current(), ptx};
    return SUCCESS;
}

API Result cuModuleGetFunction(Function **function, Module *module, const char *name) {
    ENTER("cuModuleGetFunction")
    if (!module) {
        return INVALID_HANDLE;
    }
    if (module->context != current()) {
        return INVALID_CONTEXT;
    }
    const std::string entry = std::string(".entry ") + name + "(";
    Dl_info here;
    if (module->ptx.find(entry) == std::string::npos || !dladdr((void *)&cuInit, &here)) {
        return NOT_FOUND;
    }
    void *library = dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    void *kernel = library ? dlsym(library, name) : nullptr;
    if (!kernel) {
        return NOT_FOUND;
    }
    *function = new Function{current(), (Kernel)kernel};
    return SUCCESS;
}

API Result cuLaunchKernel(Function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared, void *stream, void **arguments,
                          void **extra) {
    ENTER("cuLaunchKernel")
    if (!is_known(function)) {
        return INVALID_HANDLE;
    }
    if (function->context != current()) {
        return INVALID_CONTEXT;
    }
    // __launch_bounds__ is 256 threads
    const bool is_grid = grid_x > 0 && grid_x <= state.largest_grid && grid_y == 1 && grid_z == 1;
    const bool is_block = block_x == 256 && block_y == 1 && block_z == 1;
    if (!is_grid || !is_block || shared != 0 || !arguments || !arguments[0] || extra) {
        return INVALID_VALUE;
    }
    state.launches++;
    state.last_stream = (unsigned long long)stream;
    state.last_grid = grid_x;
    Params params;
    std::memcpy(&params, arguments[0], sizeof params);
    for (host_thread = 0; host_thread < (u64)grid_x * block_x; host_thread++) {
        function->kernel(params);
    }
    return SUCCESS;
}

API Result cuStreamSynchronize(void *) {
    ENTER("cuStreamSynchronize")
    return current() ? SUCCESS : INVALID_CONTEXT;
}

API Result cuMemAlloc_v2(unsigned long long *pointer, size_t size) {
    ENTER("cuMemAlloc_v2")
    if (!current()) {
        return INVALID_CONTEXT;
    }
    *pointer = (unsigned long long)std::aligned_alloc(256, (size + 255) / 256 * 256);
    return *pointer ? SUCCESS : OUT_OF_MEMORY;
}

API Result cuMemFree_v2(unsigned long long pointer) {
    ENTER("cuMemFree_v2")
    std::free((void *)pointer);
    return SUCCESS;
}

API Result cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t size) {
    ENTER("cuMemcpyHtoD_v2")
    std::memcpy((void *)to, from, size);
    return SUCCESS;
}

API Result cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size) {
    ENTER("cuMemcpyDtoH_v2")
    std::memcpy(to, (const void *)from, size);
    return SUCCESS;
}

API Result cuGetErrorName(Result error, const char **name) {
    *name = error == UNSUPPORTED_PTX_VERSION ? "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
            : error == INVALID_VALUE         ? "CUDA_ERROR_INVALID_VALUE"
            : error == NOT_FOUND             ? "CUDA_ERROR_NOT_FOUND"
            : error == INVALID_DEVICE        ? "CUDA_ERROR_INVALID_DEVICE"
            : error == 900                   ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
                                             : nullptr;
    return *name ? SUCCESS : INVALID_VALUE;
}

API Result cuGetErrorString(Result, const char **text) {
    *text = "a text of the driver's";
    return SUCCESS;
}
