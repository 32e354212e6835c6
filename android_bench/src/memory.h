// Memory that lives until the process ends: nothing here is ever freed.
#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif

// 64-byte aligned and zeroed; for small things. Never returns null: a phone without a page to spare ends the process (status 12).
void *memory_new(size_t bytes);

// Zero pages from the kernel, untouched, so that what is never used does not count as resident. Null when refused.
void *memory_reserve(size_t bytes);

#ifdef __cplusplus
}
#endif
