#include "measure.h"

#include <string.h>
#include <time.h>

#include "failure.h"
#include "files.h"
#include "memory.h"

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void sleep_until(int64_t ns) {
  struct timespec due = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  while (now() < ns) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

// Feed sample `sample`, then one timed run. The inputs are written every time: ExecuTorch plans them into the memory of its
// intermediates, so that a second run without feeding computes something else; TFLite is fed alike to be comparable.
static int timed_run(const measurement *of, int64_t sample, int64_t *ns) {
  for (int i = 0; i < of->input_count; i++) {
    size_t bytes = of->inputs[i].bytes;
    if (backend_feed(i, of->data[i] + (size_t)sample * bytes, bytes)) return -1;
  }
  int64_t start = now();
  int failed = backend_run();
  *ns = now() - start;
  return failed;
}

static int read_outputs(const measurement *of, int64_t sample, const char *run, outputs *into) {
  *into = (outputs){.sample = sample, .run = run};
  for (int i = 0; i < of->output_count; i++) {
    const void *data;
    if (backend_read(i, &data, &into->bytes[i])) return -1;
    into->data[i] = memory_new(into->bytes[i]);
    memcpy(into->data[i], data, into->bytes[i]);
  }
  return 0;
}

static int keep(measurement *of, int64_t sample, const char *run) { return read_outputs(of, sample, run, &of->kept[of->kept_count++]); }

static bool same(const outputs *a, const outputs *b, int count) {
  for (int i = 0; i < count; i++)
    if (a->bytes[i] != b->bytes[i] || memcmp(a->data[i], b->data[i], a->bytes[i])) return false;
  return true;
}

static int open_inputs(const options *options, measurement *into) {
  stage("inputs");
  into->input_count = backend_count(SIDE_INPUT);
  into->output_count = backend_count(SIDE_OUTPUT);
  if (into->input_count > MAX_TENSORS || into->output_count > MAX_TENSORS)
    return fail("tensor-unsupported", 0, "more than %d inputs or outputs", MAX_TENSORS);
  if (into->input_count != options->input_count)
    return fail("input-count", into->input_count, "the model has %d inputs, and --input was given %d times",
                into->input_count, options->input_count);
  for (int i = 0; i < into->input_count; i++) {
    size_t bytes = 0;
    if (backend_tensor(SIDE_INPUT, i, &into->inputs[i])) return -1;
    if (file_map("input-unreadable", options->inputs[i], &into->data[i], &bytes)) return -1;
    size_t wanted = into->inputs[i].bytes * (size_t)options->samples;
    if (bytes != wanted)
      return fail("input-size", i, "input %d needs %zu bytes (%lld samples of %zu), and %s has %zu", i, wanted,
                  (long long)options->samples, into->inputs[i].bytes, options->inputs[i], bytes);
  }
  return 0;
}

static int warm_up(const options *options, measurement *into) {
  stage("warm-up");
  warmup state = warmup_start(options->rule);
  int64_t ns;
  while (options->fixed_warmup < 0 ? !warmup_done(&state) : state.runs < options->fixed_warmup) {
    if (timed_run(into, 0, &ns)) return -1;
    warmup_add(&state, ns);
  }
  into->warmup = (warmup_outcome){state.runs, state.ns, state.converged};
  return 0;
}

static int time_runs(const options *options, measurement *into) {
  if (warm_up(options, into)) return -1;
  stage("timed runs");
  into->samples_ns = memory_new(sizeof(int64_t) * (size_t)options->runs);
  long before = process_preempted();
  int64_t due = now();
  for (int64_t i = 0; i < options->runs; i++) {
    if (options->every_ns) {
      if (now() < due) sleep_until(due);
      else if (i) into->late++;
      int64_t start = now();
      due = (due > start ? due : start) + options->every_ns;
    }
    if (timed_run(into, 0, &into->samples_ns[i])) return -1;
  }
  into->preempted = process_preempted() - before;
  if (keep(into, 0, "last")) return -1;
  into->stable = same(&into->kept[0], &into->kept[1], into->output_count);
  return 0;
}

static int infer_rest(const options *options, measurement *into) {
  stage("further samples");
  int64_t ns;
  for (int64_t sample = 1; sample < options->samples; sample++)
    if (timed_run(into, sample, &ns) || keep(into, sample, "only")) return -1;
  return 0;
}

// Reading memory costs milliseconds, so this pass times nothing.
static int memory_runs(const options *options, measurement *into) {
  stage("memory runs");
  int64_t ns;
  into->first_rss = process_status_kb("VmRSS");
  for (int64_t i = 0; i < options->runs; i++)
    if (timed_run(into, 0, &ns)) return -1;
  into->last_rss = process_status_kb("VmRSS");
  into->pss = process_pss_kb();
  return 0;
}

static int load(const options *options, measurement *into) {
  stage("runtime");
  int before = process_threads();
  if (backend_open(options)) return -1;
  into->peak_reset = process_reset_peak();
  into->idle_rss = process_status_kb("VmRSS");
  stage("model");
  int64_t start = now();
  if (backend_load(options)) return -1;
  into->load_ns = now() - start;
  if (open_inputs(options, into)) return -1;
  into->load_rss = process_status_kb("VmRSS");
  stage("first run");
  if (timed_run(into, 0, &into->first_ns)) return -1;
  into->threads_in_effect = 1 + process_threads() - before;
  return 0;
}

int measure(const options *options, measurement *into) {
  *into = (measurement){.first_rss = -1, .last_rss = -1, .pss = -1};
  into->kept = memory_new(sizeof(outputs) * (size_t)(options->samples + 1));
  stage("cpus");
  if (options->cpus && process_pin(options->cpus)) return -1;
  if (load(options, into) || keep(into, 0, options->task == TASK_INFER ? "only" : "first")) return -1;
  for (int i = 0; i < into->output_count; i++)
    if (backend_tensor(SIDE_OUTPUT, i, &into->results[i])) return -1;
  int failed = options->task == TASK_TIME    ? time_runs(options, into)
               : options->task == TASK_INFER ? infer_rest(options, into)
                                             : memory_runs(options, into);
  if (failed) return -1;
  stage("reading back");
  into->peak_rss = process_status_kb("VmHWM");
  into->threads_alive = process_threads();
  into->last_cpu = process_last_cpu();
  if (process_cpus(&into->cpus)) return -1;
  if (options->cpus && (into->cpus.word[0] != options->cpus || memcmp(into->cpus.word + 1, (uint64_t[CPU_WORDS]){0}, sizeof into->cpus - 8)))
    return fail("cpus-refused", 0, "asked for CPU mask %llx, and the threads may run on %llx",
                (unsigned long long)options->cpus, (unsigned long long)into->cpus.word[0]);
  return 0;
}
