// What the kernel says about this process, and where it may run.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CPU_WORDS = 16 };  // 1024 CPUs

typedef struct {
  uint64_t word[CPU_WORDS];
} cpu_set;

// Pins every thread of the process, and with them all that start later. 0, or the value of fail().
int process_pin(uint64_t mask);

// Every CPU that any thread may run on. 0, or the value of fail().
int process_cpus(cpu_set *allowed);

int process_threads(void);  // alive now; -1 where /proc does not tell
int process_last_cpu(void); // -1 where the kernel does not tell

long process_status_kb(const char *key);  // a line of /proc/self/status (VmRSS, VmHWM); -1 where it is missing
long process_pss_kb(void);                // proportional set size; -1 where the kernel does not tell
bool process_reset_peak(void);            // VmHWM starts again from here; false where the kernel refuses
long process_preempted(void);             // involuntary context switches so far
