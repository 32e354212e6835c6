#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static void append(json *to, const char *bytes, size_t count) {
  if (to->length + count > to->capacity) {
    size_t capacity = (to->capacity + count) * 2 + 256;
    char *text = memory_new(capacity);
    if (to->length) memcpy(text, to->text, to->length);
    free(to->text);
    to->text = text;
    to->capacity = capacity;
  }
  memcpy(to->text + to->length, bytes, count);
  to->length += count;
}

// A value follows another one unless an opening bracket or a key stands before it.
static void separate(json *to) {
  if (to->length && !strchr("{[:", to->text[to->length - 1])) append(to, ",", 1);
}

static void word(json *to, const char *text) {
  separate(to);
  append(to, text, strlen(text));
}

void json_open(json *to, char bracket) {
  separate(to);
  append(to, &bracket, 1);
}

void json_close(json *to, char bracket) { append(to, &bracket, 1); }

void json_key(json *to, const char *key) {
  json_string(to, key);
  append(to, ":", 1);
}

void json_string(json *to, const char *value) {
  separate(to);
  append(to, "\"", 1);
  for (; *value; value++) {
    unsigned char byte = (unsigned char)*value;
    char escaped[8];
    if (byte == '"' || byte == '\\') {
      append(to, (char[]){'\\', (char)byte}, 2);
    } else if (byte < 0x20 || byte > 0x7e) {
      snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      append(to, escaped, 6);
    } else {
      append(to, value, 1);
    }
  }
  append(to, "\"", 1);
}

void json_integer(json *to, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  word(to, text);
}

void json_unsigned(json *to, uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%" PRIu64, value);
  word(to, text);
}

void json_real(json *to, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.17g", value);
  word(to, value - value == 0 ? text : "null");
}

void json_bool(json *to, bool value) { word(to, value ? "true" : "false"); }

void json_null(json *to) { word(to, "null"); }

void json_put_string(json *to, const char *key, const char *value) {
  json_key(to, key);
  if (value) json_string(to, value);
  else json_null(to);
}

void json_put_integer(json *to, const char *key, int64_t value) {
  json_key(to, key);
  json_integer(to, value);
}

void json_put_unsigned(json *to, const char *key, uint64_t value) {
  json_key(to, key);
  json_unsigned(to, value);
}

void json_put_bool(json *to, const char *key, bool value) {
  json_key(to, key);
  json_bool(to, value);
}
