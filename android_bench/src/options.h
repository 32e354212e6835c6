// The command line: pairs of a name and a value, the same for both programs.
#pragma once
#include <stdint.h>

#include "warmup.h"
#ifdef __cplusplus
extern "C" {
#endif

enum { MAX_TENSORS = 16 };

typedef enum { TASK_TIME, TASK_INFER, TASK_MEMORY } task;

typedef struct {
  const char *model, *result, *output;
  const char *inputs[MAX_TENSORS];
  int input_count;
  task task;
  int64_t samples;     // tensors, back to back, in each input file
  int64_t threads;     // the calling one included
  uint64_t cpus;       // 0: wherever the scheduler likes
  int64_t runs;
  int64_t every_ns;    // between the starts of timed runs; 0: back to back
  int64_t fixed_warmup;  // runs; -1: by `rule`
  warmup_rule rule;
  const char *library;  // TFLite: the library to open; null: the one beside the program
  const char *method;   // ExecuTorch
  int64_t half_arithmetic;  // TFLite: 1 to have XNNPACK compute floats in half precision, whatever the model says
} options;

// 0, or the value of fail(). `into->result` is set whenever it was given, so that a failure can be reported there.
int options_parse(int count, char **words, options *into);

const char *task_name(task task);
extern const char options_help[];

#ifdef __cplusplus
}
#endif
