#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "files.h"
#include "memory.h"
#include "sha256.h"

enum { SCHEMA_VERSION = 1 };

#if defined(__aarch64__)
static const char ABI[] = "arm64-v8a";
#elif defined(__x86_64__)
static const char ABI[] = "x86_64";
#endif

static void put_tensor(json *to, const tensor *of) {
  json_open(to, '{');
  json_put_string(to, "name", of->name);
  json_put_string(to, "dtype", of->dtype);
  json_key(to, "shape");
  json_open(to, '[');
  for (int i = 0; i < of->rank; i++) json_integer(to, of->shape[i]);
  json_close(to, ']');
  json_key(to, "order");
  json_open(to, '[');
  for (int i = 0; i < of->rank; i++) json_integer(to, of->order ? of->order[i] : i);
  json_close(to, ']');
  json_put_unsigned(to, "bytes", of->bytes);
  json_key(to, "scale");
  if (of->quantized) json_real(to, (double)of->scale);
  else json_null(to);
  json_key(to, "zero_point");
  if (of->quantized) json_integer(to, of->zero_point);
  else json_null(to);
  json_close(to, '}');
}

static void put_tensors(json *to, const char *key, const tensor *tensors, int count) {
  json_key(to, key);
  json_open(to, '[');
  for (int i = 0; i < count; i++) put_tensor(to, &tensors[i]);
  json_close(to, ']');
}

static void put_cpus(json *to, const cpu_set *cpus) {
  json_key(to, "cpus");
  json_open(to, '[');
  for (int i = 0; i < CPU_WORDS * 64; i++)
    if (cpus->word[i / 64] >> (i % 64) & 1) json_integer(to, i);
  json_close(to, ']');
}

static void put_timing(json *to, const options *options, const measurement *of) {
  json_key(to, "timing");
  if (options->task != TASK_TIME) {
    json_null(to);
    return;
  }
  json_open(to, '{');
  json_key(to, "warm_up");
  json_open(to, '{');
  json_put_string(to, "rule", options->fixed_warmup < 0 ? "auto" : "fixed");
  json_put_integer(to, "runs", of->warmup.runs);
  json_put_integer(to, "ns", of->warmup.ns);
  json_put_bool(to, "converged", of->warmup.converged);
  json_close(to, '}');
  json_key(to, "samples_ns");
  json_open(to, '[');
  for (int64_t i = 0; i < options->runs; i++) json_integer(to, of->samples_ns[i]);
  json_close(to, ']');
  json_put_integer(to, "every_ns", options->every_ns);
  json_put_integer(to, "late", of->late);
  json_put_integer(to, "preempted", of->preempted);
  json_put_bool(to, "stable", of->stable);
  json_close(to, '}');
}

static void put_kb(json *to, const char *key, long kb) {
  json_key(to, key);
  if (kb < 0) json_null(to);
  else json_integer(to, kb);
}

static void put_memory(json *to, const measurement *of) {
  json_key(to, "memory");
  json_open(to, '{');
  put_kb(to, "idle_rss_kb", of->idle_rss);
  put_kb(to, "load_rss_kb", of->load_rss);
  put_kb(to, "first_rss_kb", of->first_rss);
  put_kb(to, "last_rss_kb", of->last_rss);
  put_kb(to, "peak_rss_kb", of->peak_rss);
  put_kb(to, "pss_kb", of->pss);
  json_put_bool(to, "peak_since_idle", of->peak_reset);
  json_close(to, '}');
}

// Which bytes of the output file belong to which output of which run.
static void put_kept(json *to, const measurement *of) {
  size_t offset = 0;
  json_key(to, "kept");
  json_open(to, '[');
  for (int64_t k = 0; k < of->kept_count; k++) {
    const outputs *kept = &of->kept[k];
    json_open(to, '{');
    json_put_integer(to, "sample", kept->sample);
    json_put_string(to, "run", kept->run);
    json_key(to, "tensors");
    json_open(to, '[');
    for (int i = 0; i < of->output_count; i++) {
      char hash[SHA256_HEX];
      sha256(kept->data[i], kept->bytes[i], hash);
      json_open(to, '{');
      json_put_unsigned(to, "offset", offset);
      json_put_unsigned(to, "bytes", kept->bytes[i]);
      json_put_string(to, "sha256", hash);
      json_close(to, '}');
      offset += kept->bytes[i];
    }
    json_close(to, ']');
    json_close(to, '}');
  }
  json_close(to, ']');
}

static void put_measurement(json *to, const options *options, const measurement *of) {
  put_tensors(to, "inputs", of->inputs, of->input_count);
  put_tensors(to, "outputs", of->results, of->output_count);
  json_key(to, "threads");
  json_open(to, '{');
  json_put_integer(to, "wanted", options->threads);
  json_put_integer(to, "in_effect", of->threads_in_effect);
  json_put_integer(to, "alive", of->threads_alive);
  json_close(to, '}');
  put_cpus(to, &of->cpus);
  json_put_bool(to, "half_arithmetic", options->half_arithmetic);
  json_put_integer(to, "last_cpu", of->last_cpu);
  json_put_integer(to, "load_ns", of->load_ns);
  json_put_integer(to, "first_ns", of->first_ns);
  put_timing(to, options, of);
  put_memory(to, of);
  json_put_integer(to, "runs", options->runs);
  json_key(to, "delegation");
  backend_delegation(to);
  put_kept(to, of);
}

static void put_failure(json *to) {
  failure seen = failure_seen();
  json_put_string(to, "stage", seen.stage);
  json_put_string(to, "code", seen.code);
  json_put_integer(to, "number", seen.number);
  json_put_string(to, "message", seen.message);
}

static json document(const options *options, const measurement *measured) {
  json text = {0};
  bool ok = !failure_seen().code;
  json_open(&text, '{');
  json_put_integer(&text, "schema_version", SCHEMA_VERSION);
  json_put_bool(&text, "ok", ok);
  json_put_string(&text, "program", backend_program);
  json_put_string(&text, "abi", ABI);
  json_put_string(&text, "runtime", backend_runtime);
  json_put_string(&text, "runtime_version", backend_version());
  json_put_string(&text, "task", task_name(options->task));
  json_key(&text, ok ? "measured" : "failure");
  json_open(&text, '{');
  if (ok) put_measurement(&text, options, measured);
  else put_failure(&text);
  json_close(&text, '}');
  json_put_string(&text, "log", failure_log());
  json_close(&text, '}');
  return text;
}

static int write_outputs(const options *options, const measurement *of) {
  int64_t room = of->kept_count * of->output_count;
  const void **parts = memory_new(sizeof *parts * (size_t)room);
  size_t *bytes = memory_new(sizeof *bytes * (size_t)room);
  int count = 0;
  for (int64_t k = 0; k < of->kept_count; k++)
    for (int i = 0; i < of->output_count; i++, count++) {
      parts[count] = of->kept[k].data[i];
      bytes[count] = of->kept[k].bytes[i];
    }
  return file_write("output-unwritable", options->output, parts, bytes, count);
}

int report(const options *options, const measurement *measured) {
  if (!failure_seen().code && options->output) {
    stage("writing outputs");
    (void)write_outputs(options, measured);  // what fails here becomes the document's failure
  }
  json text = document(options, measured);
  char hash[SHA256_HEX], head[128];
  sha256(text.text, text.length, hash);
  int length = snprintf(head, sizeof head, "ghostdeploy-runner %d %zu %s\n", SCHEMA_VERSION, text.length, hash);
  stage("writing the result");
  const void *parts[] = {head, text.text};
  return file_write("result-unwritable", options->result, parts, (size_t[]){(size_t)length, text.length}, 2);
}
