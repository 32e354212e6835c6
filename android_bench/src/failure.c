#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// bionic's errno, declared here because musl's <errno.h>, with which the zig build compiles, calls it by another name.
int *__errno(void);

static const char *present_stage = "start";
static failure seen;
static char message[1024];
static char log_text[4096];
static size_t log_length;

static void to_stderr(const char *text, size_t length) {
  if (write(2, text, length) < 0) {}
}

void stage(const char *name) {
  char line[96];
  present_stage = name;
  int length = snprintf(line, sizeof line, "stage: %s\n", name);
  to_stderr(line, (size_t)length);
}

static int remember(const char *code, long number, const char *format, va_list values) {
  if (seen.code) return -1;
  vsnprintf(message, sizeof message, format, values);
  seen = (failure){present_stage, code, message, number};
  return -1;
}

int fail(const char *code, long number, const char *format, ...) {
  va_list values;
  va_start(values, format);
  remember(code, number, format, values);
  va_end(values);
  return -1;
}

int fail_errno(const char *code, const char *format, ...) {
  int number = *__errno();
  char sentence[768];
  va_list values;
  va_start(values, format);
  vsnprintf(sentence, sizeof sentence, format, values);
  va_end(values);
  return fail(code, number, "%s: %s", sentence, strerror(number));
}

void note(const char *format, ...) {
  char line[512];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line - 1, format, values);
  va_end(values);
  if (length < 0) return;
  size_t count = strlen(line);
  line[count++] = '\n';
  to_stderr(line, count);
  if (log_length + count >= sizeof log_text) return;  // the first words name the cause
  memcpy(log_text + log_length, line, count);
  log_length += count;
}

failure failure_seen(void) { return seen; }

const char *failure_log(void) { return log_text; }
