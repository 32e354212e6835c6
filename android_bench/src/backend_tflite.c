// TensorFlow Lite through its C API, on XNNPACK.
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "failure.h"
#include "files.h"
#include "tflite_api.h"
#include "tflite_delegation.h"

const char backend_program[] = "gd_runner_tflite";
const char backend_runtime[] = "tflite";

static tflite_functions api;
static TfLiteInterpreter *interpreter;

static void on_words(void *user_data, const char *format, va_list values) {
  (void)user_data;
  char line[480];
  vsnprintf(line, sizeof line, format, values);
  note("%s", line);
}

const char *backend_version(void) { return api.TfLiteVersion ? api.TfLiteVersion() : NULL; }

int backend_open(const options *options) { return tflite_open(options->library, &api); }

static TfLiteDelegate *xnnpack(const options *options) {
  tflite_xnnpack_options chosen = api.TfLiteXNNPackDelegateOptionsDefault();
  chosen.num_threads = (int32_t)options->threads;
  if (options->half_arithmetic) chosen.flags |= XNNPACK_FORCE_FP16;
  TfLiteDelegate *delegate = api.TfLiteXNNPackDelegateCreate(&chosen);
  if (!delegate) return NULL;
  if (delegation_countable(api.TfLiteVersion())) delegation_watch(delegate);
  else note("delegation is not counted: this program knows the struct layouts of 2.14, not of %s", api.TfLiteVersion());
  return delegate;
}

int backend_load(const options *options) {
  const uint8_t *data;
  size_t bytes;
  if (file_map("model-unreadable", options->model, &data, &bytes)) return -1;
  TfLiteModel *model = api.TfLiteModelCreateWithErrorReporter(data, bytes, on_words, NULL);
  if (!model) return fail("model-rejected", 0, "%s is no model that TensorFlow Lite reads (see log)", options->model);
  TfLiteInterpreterOptions *chosen = api.TfLiteInterpreterOptionsCreate();
  api.TfLiteInterpreterOptionsSetNumThreads(chosen, (int32_t)options->threads);
  api.TfLiteInterpreterOptionsSetErrorReporter(chosen, on_words, NULL);
  TfLiteDelegate *delegate = xnnpack(options);
  if (!delegate) return fail("delegate-refused", 0, "the XNNPACK delegate cannot be made");
  api.TfLiteInterpreterOptionsAddDelegate(chosen, delegate);
  interpreter = api.TfLiteInterpreterCreate(model, chosen);
  if (!interpreter) return fail("model-rejected", 0, "no interpreter can be made for %s (see log)", options->model);
  TfLiteStatus status = api.TfLiteInterpreterAllocateTensors(interpreter);
  return status == kTfLiteOk ? 0 : fail("model-rejected", status, "tensors cannot be allocated (see log)");
}

static const char *dtype(TfLiteType type) {
  switch (type) {
    case kTfLiteFloat32: return "float32";
    case kTfLiteFloat16: return "float16";
    case kTfLiteFloat64: return "float64";
    case kTfLiteInt8: return "int8";
    case kTfLiteUInt8: return "uint8";
    case kTfLiteInt16: return "int16";
    case kTfLiteInt32: return "int32";
    case kTfLiteInt64: return "int64";
    case kTfLiteBool: return "bool";
    default: return NULL;
  }
}

int backend_count(side side) {
  return side == SIDE_INPUT ? api.TfLiteInterpreterGetInputTensorCount(interpreter)
                            : api.TfLiteInterpreterGetOutputTensorCount(interpreter);
}

static const TfLiteTensor *at(side side, int index) {
  return side == SIDE_INPUT ? api.TfLiteInterpreterGetInputTensor(interpreter, index)
                            : api.TfLiteInterpreterGetOutputTensor(interpreter, index);
}

int backend_tensor(side side, int index, tensor *described) {
  const TfLiteTensor *of = at(side, index);
  *described = (tensor){.name = ""};
  if (!of || !api.TfLiteTensorData(of)) return fail("tensor-unsupported", index, "tensor %d has no memory of its own", index);
  TfLiteType type = api.TfLiteTensorType(of);
  described->dtype = dtype(type);
  described->rank = api.TfLiteTensorNumDims(of);
  if (!described->dtype) return fail("tensor-unsupported", type, "tensor %d has a type that is not supported", index);
  if (described->rank < 0 || described->rank > MAX_RANK)
    return fail("tensor-unsupported", described->rank, "tensor %d has more than %d dimensions", index, MAX_RANK);
  for (int i = 0; i < described->rank; i++) described->shape[i] = api.TfLiteTensorDim(of, i);
  if (api.TfLiteTensorName(of)) described->name = api.TfLiteTensorName(of);
  described->bytes = api.TfLiteTensorByteSize(of);
  TfLiteQuantizationParams scaling = api.TfLiteTensorQuantizationParams(of);
  described->quantized = scaling.scale != 0;
  described->scale = scaling.scale;
  described->zero_point = scaling.zero_point;
  return 0;
}

int backend_feed(int index, const void *data, size_t bytes) {
  memcpy(api.TfLiteTensorData(at(SIDE_INPUT, index)), data, bytes);
  return 0;
}

int backend_run(void) {
  TfLiteStatus status = api.TfLiteInterpreterInvoke(interpreter);
  return status == kTfLiteOk ? 0 : fail("inference-failed", status, "TfLiteInterpreterInvoke failed (see log)");
}

int backend_read(int index, const void **data, size_t *bytes) {
  const TfLiteTensor *of = at(SIDE_OUTPUT, index);
  *data = api.TfLiteTensorData(of);
  *bytes = api.TfLiteTensorByteSize(of);
  return *data ? 0 : fail("tensor-unsupported", index, "output %d has no memory", index);
}

void backend_delegation(json *to) { delegation_put(to); }
