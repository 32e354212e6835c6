// Whole files in and out. Each returns 0, or the value of fail().
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

// Mapped read-only for as long as the process lives: apps open models this way, and pages not used are not resident.
int file_map(const char *code, const char *path, const uint8_t **data, size_t *bytes);

// Written under PATH.part and renamed, so that PATH is either absent or whole.
int file_write(const char *code, const char *path, const void *parts[], const size_t bytes[], int count);

#ifdef __cplusplus
}
#endif
