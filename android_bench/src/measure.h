// The three tasks. Everything is kept in memory until the work is over; nothing is written meanwhile.
#pragma once
#include "backend.h"
#include "process.h"

// Outputs of one inference that are kept: copies, in the artifact's order.
typedef struct {
  int64_t sample;
  const char *run;  // "first", "last" or, of task infer, "only"
  void *data[MAX_TENSORS];
  size_t bytes[MAX_TENSORS];
} outputs;

typedef struct {
  int64_t runs, ns;
  bool converged;
} warmup_outcome;

typedef struct {
  const uint8_t *data[MAX_TENSORS];  // whole files: `samples` tensors each
  tensor inputs[MAX_TENSORS], results[MAX_TENSORS];
  int input_count, output_count;
  int64_t load_ns, first_ns;
  int threads_in_effect, threads_alive, last_cpu;
  cpu_set cpus;
  // task time
  warmup_outcome warmup;
  int64_t *samples_ns;
  int64_t late, preempted;
  bool stable;
  // memory, in kB; the passes of task memory are -1 elsewhere
  bool peak_reset;
  long idle_rss, load_rss, first_rss, last_rss, peak_rss, pss;
  outputs *kept;
  int64_t kept_count;
} measurement;

int measure(const options *options, measurement *into);  // 0, or the value of fail()
