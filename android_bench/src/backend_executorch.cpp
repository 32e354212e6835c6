// ExecuTorch through its C++ API. There is no C API, so this program is linked to the library; all C++ that is used is the
// library's exports or inline. Nothing of libc++ is linked.
#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/runtime/core/hierarchical_allocator.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/runtime.h>

#include <cstring>
#include <new>

#include "backend.h"
#include "executorch_memory.h"
#include "failure.h"
#include "files.h"
#include "memory.h"

// Declared here: extension/threadpool/threadpool.h needs parts of libc++ that are not inline.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool *get_threadpool();
}  // namespace executorch::extension::threadpool

namespace {

using namespace executorch::runtime;
namespace et = executorch::runtime::etensor;

Method *method;
const MethodMeta *meta;
et::TensorImpl *fed[MAX_TENSORS];

// Objects live as long as the process. Where T comes out of a function, elision builds it in place: T is never moved.
template <class T, class... Values>
T *make(Values &&...values) {
  return new (memory_new(sizeof(T))) T(static_cast<Values &&>(values)...);
}
template <class Function>
auto *keep(Function function) {
  using T = decltype(function());
  return new (memory_new(sizeof(T))) T(function());
}

const char *dtype(et::ScalarType type) {
  switch (type) {
    case et::ScalarType::Float: return "float32";
    case et::ScalarType::Half: return "float16";
    case et::ScalarType::Double: return "float64";
    case et::ScalarType::Char: return "int8";
    case et::ScalarType::Byte: return "uint8";
    case et::ScalarType::Short: return "int16";
    case et::ScalarType::Int: return "int32";
    case et::ScalarType::Long: return "int64";
    case et::ScalarType::Bool: return "bool";
    default: return nullptr;
  }
}

// Memory for what the program planned: one block per planned buffer.
HierarchicalAllocator *planned_memory() {
  size_t count = meta->num_memory_planned_buffers();
  auto *spans = static_cast<Span<uint8_t> *>(memory_new(sizeof(Span<uint8_t>) * count));
  for (size_t i = 0; i < count; i++) {
    auto size = meta->memory_planned_buffer_size(i);
    if (!size.ok() || *size < 0) {
      fail("model-rejected", static_cast<long>(size.error()), "planned buffer %zu has no size", i);
      return nullptr;
    }
    auto *block = static_cast<uint8_t *>(memory_reserve(static_cast<size_t>(*size)));
    if (!block) {
      fail_errno("out-of-memory", "no %lld bytes for planned buffer %zu", static_cast<long long>(*size), i);
      return nullptr;
    }
    spans[i] = Span<uint8_t>(block, static_cast<size_t>(*size));
  }
  return make<HierarchicalAllocator>(Span<Span<uint8_t>>(spans, count));
}

// The tensor through which input `index` is fed, with strides as its dimension order says.
int make_input(int index, const TensorInfo &info) {
  auto sizes = info.sizes();
  auto order = info.dim_order();
  auto *shape = static_cast<int32_t *>(memory_new(sizeof(int32_t) * sizes.size()));
  auto *strides = static_cast<int32_t *>(memory_new(sizeof(int32_t) * sizes.size()));
  auto *dims = static_cast<uint8_t *>(memory_new(sizes.size()));
  int32_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (order[i] >= sizes.size()) return fail("tensor-unsupported", index, "input %d has an impossible dimension order", index);
    shape[i] = sizes[i];
    dims[i] = order[i];
    strides[order[i]] = stride;
    stride *= sizes[order[i]];
  }
  void *data = memory_reserve(info.nbytes());
  if (!data) return fail_errno("out-of-memory", "no %zu bytes for input %d", info.nbytes(), index);
  fed[index] = make<et::TensorImpl>(info.scalar_type(), static_cast<ssize_t>(sizes.size()), shape, data, dims, strides,
                                    TensorShapeDynamism::STATIC);
  return 0;
}

}  // namespace

#ifndef _LIBCPP_VERBOSE_ABORT_BY_RUNTIME
// What libc++'s inline code calls on its way to an abort; only a C++ runtime would have it otherwise.
namespace std {
inline namespace __ndk1 {
[[noreturn]] void __libcpp_verbose_abort(const char *, ...) noexcept { abort(); }
}  // namespace __ndk1
}  // namespace std
#endif

extern "C" {

const char backend_program[] = "gd_runner_executorch";
const char backend_runtime[] = "executorch";

// The library does not tell its version. Whoever starts this program knows which file it is (its sha256).
const char *backend_version(void) { return nullptr; }

int backend_open(const options *options) {
  if (options->library) return fail("option-bad", 0, "--library: this program is linked to its library");
  if (options->half_arithmetic) return fail("option-bad", 0, "--half-arithmetic: a .pte says itself how it computes");
  runtime_init();
  auto *pool = executorch::extension::threadpool::get_threadpool();
  auto wanted = static_cast<uint32_t>(options->threads);
  if (!pool || !pool->_unsafe_reset_threadpool(wanted) || pool->get_thread_count() != wanted)
    return fail("threads-refused", options->threads, "the thread pool cannot be made %u threads", wanted);
  return 0;
}

int backend_load(const options *options) {
  const uint8_t *data;
  size_t bytes;
  if (file_map("model-unreadable", options->model, &data, &bytes)) return -1;
  auto *loader = make<executorch::extension::BufferDataLoader>(data, bytes);
  auto *program = keep([&] { return Program::load(loader, Program::Verification::InternalConsistency); });
  if (!program->ok())
    return fail("model-rejected", static_cast<long>(program->error()), "%s is no program that ExecuTorch reads", options->model);
  auto *found = keep([&] { return (*program)->method_meta(options->method); });
  if (!found->ok())
    return fail("method-missing", static_cast<long>(found->error()), "%s has no method %s", options->model, options->method);
  meta = &**found;
  auto *planned = planned_memory();
  if (!planned) return -1;
  auto *memory = make<MemoryManager>(make<HeapAllocator>(), planned, make<HeapAllocator>());
  auto *loaded = keep([&] { return (*program)->load_method(options->method, memory); });
  if (!loaded->ok())
    return fail("model-rejected", static_cast<long>(loaded->error()), "method %s cannot be loaded (see the program's stderr)", options->method);
  method = &**loaded;
  return 0;
}

int backend_count(side side) {
  return static_cast<int>(side == SIDE_INPUT ? method->inputs_size() : method->outputs_size());
}

int backend_tensor(side side, int index, tensor *described) {
  *described = tensor{};
  described->name = "";
  auto at = static_cast<size_t>(index);
  auto *found = keep([&] { return side == SIDE_INPUT ? meta->input_tensor_meta(at) : meta->output_tensor_meta(at); });
  if (!found->ok()) return fail("tensor-unsupported", index, "input or output %d is no tensor", index);
  const TensorInfo &info = **found;  // kept: `order` points into it
  auto sizes = info.sizes();
  described->dtype = dtype(info.scalar_type());
  described->rank = static_cast<int>(sizes.size());
  if (!described->dtype) return fail("tensor-unsupported", index, "tensor %d has a type that is not supported", index);
  if (sizes.size() > MAX_RANK) return fail("tensor-unsupported", index, "tensor %d has more than %d dimensions", index, MAX_RANK);
  for (size_t i = 0; i < sizes.size(); i++) described->shape[i] = sizes[i];
  described->order = info.dim_order().data();
  described->bytes = info.nbytes();
  return side == SIDE_INPUT ? make_input(index, info) : 0;
}

int backend_feed(int index, const void *data, size_t bytes) {
  memcpy(fed[index]->mutable_data(), data, bytes);
  Error error = method->set_input(EValue(et::Tensor(fed[index])), static_cast<size_t>(index));
  return error == Error::Ok ? 0 : fail("inference-failed", static_cast<long>(error), "input %d was refused", index);
}

int backend_run(void) {
  Error error = method->execute();
  return error == Error::Ok ? 0 : fail("inference-failed", static_cast<long>(error), "execute failed");
}

int backend_read(int index, const void **data, size_t *bytes) {
  const EValue &value = method->get_output(static_cast<size_t>(index));
  if (!value.isTensor()) return fail("tensor-unsupported", index, "output %d is no tensor", index);
  *data = value.toTensor().const_data_ptr();
  *bytes = value.toTensor().nbytes();
  return 0;
}

// A program is a list of instructions; where each of them calls a delegate, nothing is left outside.
void backend_delegation(json *to) {
  size_t delegates = meta->num_backends(), instructions = meta->num_instructions();
  json_open(to, '{');
  json_put_unsigned(to, "instructions", instructions);
  json_put_unsigned(to, "delegates", delegates);
  json_put_bool(to, "fully_delegated", delegates > 0 && instructions == delegates);
  json_key(to, "backends");
  json_open(to, '[');
  for (size_t i = 0; i < delegates; i++) {
    auto name = meta->get_backend_name(i);
    json_string(to, name.ok() ? *name : "");
  }
  json_close(to, ']');
  json_close(to, '}');
}

}  // extern "C"
