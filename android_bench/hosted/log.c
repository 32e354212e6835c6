// Stands in as liblog.so: Android's log goes to stderr.
#include <stdarg.h>
#include <stdio.h>

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values) {
  (void)priority;
  fprintf(stderr, "%s: ", tag ? tag : "");
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  return 1;
}

int __android_log_print(int priority, const char *tag, const char *format, ...) {
  va_list values;
  va_start(values, format);
  __android_log_vprint(priority, tag, format, values);
  va_end(values);
  return 1;
}

int __android_log_write(int priority, const char *tag, const char *text) { return __android_log_print(priority, tag, "%s", text); }
