#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64, EXIT_OUT_OF_MEMORY = 12 };

void *memory_new(size_t bytes) {
  void *block = NULL;
  if (posix_memalign(&block, ALIGNMENT, bytes ? bytes : ALIGNMENT)) {
    static const char message[] = "out of memory\n";
    if (write(2, message, sizeof message - 1) < 0) {}
    _exit(EXIT_OUT_OF_MEMORY);
  }
  return memset(block, 0, bytes ? bytes : ALIGNMENT);
}

void *memory_reserve(size_t bytes) {
  void *block = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}
