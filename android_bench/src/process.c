#include "process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failure.h"

// What getdents64(2) fills in. The raw call is used, as are those for affinity: their layouts are the kernel's, while
// the C library's wrappers differ between bionic, musl and glibc.
typedef struct {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t kind;
  char name[];
} directory_entry;

// Calls `each` for every thread; stops at its first non-zero answer and returns it. -1 where /proc does not tell.
static int each_thread(int (*each)(long thread, void *with), void *with) {
  _Alignas(8) static char buffer[4096];
  int tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (tasks < 0) return fail_errno("proc-unreadable", "cannot list /proc/self/task");
  int answer = 0;
  for (long filled; !answer && (filled = syscall(SYS_getdents64, tasks, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; !answer && at < filled;) {
      const directory_entry *entry = (const directory_entry *)(buffer + at);
      long thread = strtol(entry->name, NULL, 10);
      if (thread > 0) answer = each(thread, with);
      at += entry->length;
    }
  }
  close(tasks);
  return answer;
}

static int pin(long thread, void *with) { return syscall(SYS_sched_setaffinity, thread, sizeof(cpu_set), with) < 0 ? -1 : 0; }

static int add_allowed(long thread, void *with) {
  cpu_set one = {{0}}, *all = with;
  if (syscall(SYS_sched_getaffinity, thread, sizeof one, &one) < 0) return -1;
  for (int i = 0; i < CPU_WORDS; i++) all->word[i] |= one.word[i];
  return 0;
}

static int count(long thread, void *with) {
  (void)thread;
  ++*(int *)with;
  return 0;
}

int process_pin(uint64_t mask) {
  cpu_set wanted = {{mask}};
  if (each_thread(pin, &wanted)) return fail_errno("cpus-refused", "cannot run on CPU mask %llx", (unsigned long long)mask);
  return 0;
}

int process_cpus(cpu_set *allowed) {
  memset(allowed, 0, sizeof *allowed);
  return each_thread(add_allowed, allowed) ? fail_errno("cpus-unreadable", "cannot read the CPU mask back") : 0;
}

int process_threads(void) {
  int threads = 0;
  return each_thread(count, &threads) ? -1 : threads;
}

int process_last_cpu(void) {
  unsigned cpu = 0;
  return syscall(SYS_getcpu, &cpu, NULL, NULL) < 0 ? -1 : (int)cpu;
}

static long field(const char *path, const char *key) {
  static char text[8192];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  size_t length = 0;
  for (ssize_t got; length + 1 < sizeof text && (got = read(file, text + length, sizeof text - 1 - length)) > 0;)
    length += (size_t)got;
  close(file);
  text[length] = 0;
  size_t size = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (!strncmp(line, key, size) && line[size] == ':') return strtol(line + size + 1, NULL, 10);
  }
  return -1;
}

long process_status_kb(const char *key) { return field("/proc/self/status", key); }

long process_pss_kb(void) { return field("/proc/self/smaps_rollup", "Pss"); }

bool process_reset_peak(void) {
  int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool done = write(file, "5", 1) == 1;  // proc(5): reset the peak resident set size
  close(file);
  return done;
}

long process_preempted(void) {
  struct rusage usage;
  memset(&usage, 0, sizeof usage);
  return getrusage(RUSAGE_SELF, &usage) ? -1 : usage.ru_nivcsw;
}
