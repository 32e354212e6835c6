// What a runtime is to the shared core: it is opened, loads a model, and is then fed, run and read, each step apart.
// One of backend_tflite.c and backend_executorch.cpp is linked. What returns int gives 0, or the value of fail().
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "options.h"
#ifdef __cplusplus
extern "C" {
#endif

enum { MAX_RANK = 8 };

typedef enum { SIDE_INPUT, SIDE_OUTPUT } side;

// Sizes are in the runtime's logical order; `order` (null: as it is) lists the dimensions from outermost in memory.
typedef struct {
  const char *name, *dtype;  // dtype: NumPy's name for it
  int rank;
  int32_t shape[MAX_RANK];
  const uint8_t *order;
  bool quantized;
  float scale;
  int32_t zero_point;
  size_t bytes;
} tensor;

extern const char backend_program[];  // the program's name
extern const char backend_runtime[];  // the runtime's name
const char *backend_version(void);    // as the runtime tells; null where it does not

int backend_open(const options *options);  // find the runtime, size its thread pool: what a process does once, not timed
int backend_load(const options *options);  // from the file to ready for feeding: timed
int backend_count(side side);
int backend_tensor(side side, int index, tensor *described);
int backend_feed(int index, const void *data, size_t bytes);  // before every run, not timed
int backend_run(void);                                        // timed
int backend_read(int index, const void **data, size_t *bytes);
void backend_delegation(json *to);  // the value of "delegation"

#ifdef __cplusplus
}
#endif
