// SHA-256 (FIPS 180-4).
#pragma once
#include <stddef.h>

enum { SHA256_HEX = 65 };

// Writes 64 lower-case hexadecimal digits and a terminating zero.
void sha256(const void *data, size_t bytes, char hex[SHA256_HEX]);
