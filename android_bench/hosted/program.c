// What a program needs beside the runner's own objects to run on glibc.
#include <errno.h>

// The name by which bionic's errno is known.
int *__errno(void) { return &errno; }

// aarch64: bionic code reads its stack guard at thread pointer + 0x28. In a glibc program that address lies in the executable's
// thread-local block, so constants are put there: the same in every thread, never written.
__attribute__((used, retain)) __thread long hosted_guard[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
long *hosted_guard_of_this_thread(void) { return hosted_guard; }
