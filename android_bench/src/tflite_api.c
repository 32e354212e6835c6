#include "tflite_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"

static const char LIBRARY[] = "libtensorflowlite_jni.so";

// The full name is needed: where dlopen searches for a bare one differs between Android releases.
static int beside_program(char *path, size_t room) {
  ssize_t length = readlink("/proc/self/exe", path, room - 1);
  if (length <= 0) return fail_errno("library-missing", "cannot tell where this program is");
  path[length] = 0;
  char *name = strrchr(path, '/') + 1;
  size_t left = room - (size_t)(name - path);
  if ((size_t)snprintf(name, left, "%s", LIBRARY) >= left) return fail("library-missing", 0, "the path of this program is too long");
  return 0;
}

int tflite_open(const char *path, tflite_functions *into) {
  char found[4096];
  if (!path) {
    if (beside_program(found, sizeof found)) return -1;
    path = found;
  }
  if (access(path, R_OK)) return fail_errno("library-missing", "cannot read %s", path);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return fail("library-refused", 0, "%s", dlerror());
#define F(result, name, parameters)                                                       \
  *(void **)&into->name = dlsym(library, #name);                                          \
  if (!into->name) return fail("library-symbol", 0, "%s has no function " #name, path);
  TFLITE_FUNCTIONS(F)
#undef F
  return 0;
}
