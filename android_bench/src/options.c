#include "options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

const char options_help[] =
    "options, each with a value:\n"
    "  --model FILE      the artifact (.tflite or .pte, by program)\n"
    "  --input FILE      raw bytes in the artifact's own layout, once per input, in its order\n"
    "  --result FILE     where the JSON document goes; stdout stays empty\n"
    "  --output FILE     where the output tensors go, raw; the document says which bytes are which\n"
    "  --task WORD       time (default), infer (each sample once), memory\n"
    "  --samples N       tensors in each input file, back to back (1)\n"
    "  --threads N       compute threads, the calling one included (1)\n"
    "  --cpus MASK       hexadecimal, bit 0 for CPU 0, as taskset(1) takes it\n"
    "  --warmup RULE     auto (default), N runs, or auto:FAST,SLOW,TOLERANCE,SIMILAR,MIN_RUNS,MIN_NS,MAX_NS,FAIR_RUNS\n"
    "  --runs N          timed runs, or runs after the first of task memory (100)\n"
    "  --every-ns N      time between the starts of timed runs (0: back to back)\n"
    "  --library FILE    TFLite only: the library to measure (default: the one beside this program)\n"
    "  --half-arithmetic N  TFLite only: 1 to compute floats in half precision; needs a CPU with asimdhp (0)\n"
    "  --method NAME     ExecuTorch only (forward)\n";

static bool integer(const char *text, int64_t low, int64_t high, int64_t *value) {
  char *end;
  if (*text < '0' || *text > '9') return false;  // no sign, no space
  *value = strtoll(text, &end, 10);
  return !*end && *value >= low && *value <= high;  // what overflows saturates, and is above every `high`
}

static bool mask(const char *text, uint64_t *value) {
  char *end;
  if (!*text || strlen(text) > 16 || strspn(text, "0123456789abcdefABCDEF") != strlen(text)) return false;
  *value = strtoull(text, &end, 16);
  return *value != 0;
}

// FAST,SLOW,TOLERANCE,SIMILAR,MIN_RUNS,MIN_NS,MAX_NS,FAIR_RUNS
static bool constants(const char *text, warmup_rule *rule) {
  double *fractions[] = {&rule->fast, &rule->slow, &rule->tolerance};
  int64_t *counts[] = {&rule->similar_runs, &rule->min_runs, &rule->min_ns, &rule->max_ns, &rule->fair_runs};
  char *end;
  for (int i = 0; i < 8; i++) {
    if (i && *text++ != ',') return false;
    if (*text < '0' || *text > '9') return false;
    if (i < 3) *fractions[i] = strtod(text, &end);
    else *counts[i - 3] = strtoll(text, &end, 10);
    if (i < 3 && !(*fractions[i] > 0 && *fractions[i] <= 1)) return false;
    text = end;
  }
  return !*text;
}

static bool set_warmup(const char *value, options *into) {
  into->fixed_warmup = -1;
  if (!strcmp(value, "auto")) return true;
  if (!strncmp(value, "auto:", 5)) return constants(value + 5, &into->rule);
  return integer(value, 0, 1000000, &into->fixed_warmup);
}

static bool set_task(const char *value, options *into) {
  for (int i = TASK_TIME; i <= TASK_MEMORY; i++)
    if (!strcmp(value, task_name((task)i))) {
      into->task = (task)i;
      return true;
    }
  return false;
}

static bool set(const char *name, const char *value, options *into) {
  if (!*value) return false;
  if (!strcmp(name, "--input")) {
    if (into->input_count == MAX_TENSORS) return false;
    into->inputs[into->input_count++] = value;
    return true;
  }
  const struct { const char *name; const char **to; } texts[] = {
      {"--model", &into->model}, {"--result", &into->result}, {"--output", &into->output},
      {"--library", &into->library}, {"--method", &into->method}};
  for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!strcmp(name, texts[i].name)) {
      *texts[i].to = value;
      return true;
    }
  const struct { const char *name; int64_t low, high, *to; } numbers[] = {
      {"--samples", 1, 100000, &into->samples}, {"--threads", 1, 256, &into->threads},
      {"--runs", 0, 10000000, &into->runs}, {"--every-ns", 0, 3600000000000, &into->every_ns},
      {"--half-arithmetic", 0, 1, &into->half_arithmetic}};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!strcmp(name, numbers[i].name)) return integer(value, numbers[i].low, numbers[i].high, numbers[i].to);
  if (!strcmp(name, "--cpus")) return mask(value, &into->cpus);
  if (!strcmp(name, "--warmup")) return set_warmup(value, into);
  if (!strcmp(name, "--task")) return set_task(value, into);
  return false;
}

int options_parse(int count, char **words, options *into) {
  *into = (options){.samples = 1, .threads = 1, .runs = 100, .fixed_warmup = -1, .rule = warmup_defaults(), .method = "forward"};
  // --result first, wherever it stands: whatever else is wrong, a value left out included, is reported there.
  for (int i = 1; i + 1 < count; i++)
    if (!strcmp(words[i], "--result") && *words[i + 1]) into->result = words[i + 1];
  for (int i = 1; i < count; i += 2) {
    if (i + 1 == count) return fail("option-bad", 0, "%s needs a value", words[i]);
    if (!set(words[i], words[i + 1], into)) return fail("option-bad", 0, "%s does not take \"%s\"", words[i], words[i + 1]);
  }
  if (!into->model || !into->result) return fail("option-missing", 0, "--model and --result are needed");
  return 0;
}

const char *task_name(task task) {
  switch (task) {
    case TASK_INFER: return "infer";
    case TASK_MEMORY: return "memory";
    default: return "time";
  }
}
