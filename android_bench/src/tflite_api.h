// The part of TensorFlow Lite's C API that is used, resolved from an opened library at run time.
//
// dlopen and not linking: the library may be any that an app ships, whatever its symbol versions are called, and a missing
// library or function becomes an error in the document instead of a loader's message.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

// From the package. It declares TfLiteContext and TfLiteDelegate, whose layouts belong to 2.14. The package's c_api.h
// includes a header that the package lacks, so the functions are declared below.
#include "tensorflow/lite/core/c/common.h"

typedef struct TfLiteModel TfLiteModel;
typedef struct TfLiteInterpreterOptions TfLiteInterpreterOptions;
typedef struct TfLiteInterpreter TfLiteInterpreter;
typedef void tflite_reporter(void *user_data, const char *format, va_list values);

// TfLiteXNNPackDelegateOptions is 24 bytes in 2.14 and longer in later releases. Any struct above 16 bytes is returned
// through memory on both ABIs, so room to spare is all that is needed; the thread count and the flags have always come first.
enum { XNNPACK_FORCE_FP16 = 4 };  // TFLITE_XNNPACK_DELEGATE_FLAG_FORCE_FP16
typedef struct {
  int32_t num_threads;
  uint32_t flags;
  uint8_t rest[248];
} tflite_xnnpack_options;

#define TFLITE_FUNCTIONS(F)                                                                                          \
  F(const char *, TfLiteVersion, (void))                                                                             \
  F(TfLiteModel *, TfLiteModelCreateWithErrorReporter, (const void *, size_t, tflite_reporter *, void *))            \
  F(TfLiteInterpreterOptions *, TfLiteInterpreterOptionsCreate, (void))                                              \
  F(void, TfLiteInterpreterOptionsSetNumThreads, (TfLiteInterpreterOptions *, int32_t))                              \
  F(void, TfLiteInterpreterOptionsSetErrorReporter, (TfLiteInterpreterOptions *, tflite_reporter *, void *))         \
  F(void, TfLiteInterpreterOptionsAddDelegate, (TfLiteInterpreterOptions *, TfLiteDelegate *))                       \
  F(TfLiteInterpreter *, TfLiteInterpreterCreate, (const TfLiteModel *, const TfLiteInterpreterOptions *))           \
  F(TfLiteStatus, TfLiteInterpreterAllocateTensors, (TfLiteInterpreter *))                                           \
  F(TfLiteStatus, TfLiteInterpreterInvoke, (TfLiteInterpreter *))                                                    \
  F(int32_t, TfLiteInterpreterGetInputTensorCount, (const TfLiteInterpreter *))                                      \
  F(int32_t, TfLiteInterpreterGetOutputTensorCount, (const TfLiteInterpreter *))                                     \
  F(TfLiteTensor *, TfLiteInterpreterGetInputTensor, (const TfLiteInterpreter *, int32_t))                           \
  F(const TfLiteTensor *, TfLiteInterpreterGetOutputTensor, (const TfLiteInterpreter *, int32_t))                    \
  F(TfLiteType, TfLiteTensorType, (const TfLiteTensor *))                                                            \
  F(const char *, TfLiteTensorName, (const TfLiteTensor *))                                                          \
  F(int32_t, TfLiteTensorNumDims, (const TfLiteTensor *))                                                            \
  F(int32_t, TfLiteTensorDim, (const TfLiteTensor *, int32_t))                                                       \
  F(size_t, TfLiteTensorByteSize, (const TfLiteTensor *))                                                            \
  F(void *, TfLiteTensorData, (const TfLiteTensor *))                                                                \
  F(TfLiteQuantizationParams, TfLiteTensorQuantizationParams, (const TfLiteTensor *))                                \
  F(tflite_xnnpack_options, TfLiteXNNPackDelegateOptionsDefault, (void))                                             \
  F(TfLiteDelegate *, TfLiteXNNPackDelegateCreate, (const tflite_xnnpack_options *))

typedef struct {
#define F(result, name, parameters) result(*name) parameters;
  TFLITE_FUNCTIONS(F)
#undef F
} tflite_functions;

// Opens `path`, or the library beside the program when `path` is null. 0, or the value of fail().
int tflite_open(const char *path, tflite_functions *into);
