// When a model is warm: AndroidX Benchmark's rule (WarmupManager.kt). A fast and a slow exponential moving average of the
// run time agree for more than `similar_runs` runs in a row; never before `min_runs` and `min_ns`; given up at `max_ns`,
// but not before `fair_runs`: a slow model has not had 42 runs by then. `max_ns` 0 skips it.
// The same rule, step for step, as ghostdeploy/device/warmup.py; tests feed both the same run times.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double fast, slow, tolerance;
  int64_t similar_runs, min_runs, min_ns, max_ns, fair_runs;
} warmup_rule;

typedef struct {
  warmup_rule rule;
  double fast, slow;
  int64_t runs, ns, similar;
  bool converged;
} warmup;

warmup_rule warmup_defaults(void);
warmup warmup_start(warmup_rule rule);
bool warmup_done(const warmup *state);
void warmup_add(warmup *state, int64_t ns);

#ifdef __cplusplus
}
#endif
