// Building one JSON document. Commas are placed by looking at what was written last.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  char *text;
  size_t length, capacity;
} json;

void json_open(json *to, char bracket);   // '{' or '['
void json_close(json *to, char bracket);  // '}' or ']'
void json_key(json *to, const char *key);
void json_string(json *to, const char *value);  // bytes above 0x7e come out as \u00XX: valid JSON whatever they were
void json_integer(json *to, int64_t value);
void json_unsigned(json *to, uint64_t value);
void json_real(json *to, double value);  // null where it is not finite
void json_bool(json *to, bool value);
void json_null(json *to);

// Key and value in one.
void json_put_string(json *to, const char *key, const char *value);  // a null pointer becomes null
void json_put_integer(json *to, const char *key, int64_t value);
void json_put_unsigned(json *to, const char *key, uint64_t value);
void json_put_bool(json *to, const char *key, bool value);

#ifdef __cplusplus
}
#endif
