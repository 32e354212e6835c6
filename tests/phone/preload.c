// Preloaded into every program of the test phone, in the place of what an emulator's kernel would do:
//   no vsock (a network namespace does not isolate it, and adbd would listen there for everyone);
//   a program for arm64 is run by qemu-user, whoever starts it;
//   eight cores to pin threads to, whatever this machine has; uname of an arm64 phone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define OWN "/usr/lib/phone/preload.so"
#define QEMU "/usr/lib/phone/qemu-aarch64"
#define CPU "cortex-a76"
#define RELEASE "6.1.23-android14-4-00257-g7e35917775b8-ab9964412"  // of the Android 14 emulator
enum { WORDS = 4096, CORES = 8 };

extern char **environ;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

int socket(int domain, int type, int protocol) {
  int (*real)(int, int, int) = next("socket");
  if (domain == AF_VSOCK) return errno = EAFNOSUPPORT, -1;
  return real(domain, type, protocol);
}

int uname(struct utsname *name) {
  if (syscall(SYS_uname, name) < 0) return -1;
  strcpy(name->machine, "aarch64");
  strcpy(name->release, RELEASE);
  return 0;
}

// ---- cores: masks are kept per thread, never given to the kernel; a thread not known has its process's mask

static uint64_t process_mask = (1u << CORES) - 1;
static struct { int thread; uint64_t mask; } threads[256];

static uint64_t *mask_of(int thread, bool add) {
  if (!thread) thread = (int)syscall(SYS_gettid);
  if (thread == getpid()) return &process_mask;
  for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
    if (threads[i].thread == thread) return &threads[i].mask;
    if (add && !threads[i].thread) return threads[i].thread = thread, &threads[i].mask;
  }
  return &process_mask;
}

__attribute__((constructor)) static void inherit(void) {
  const char *given = getenv("PHONE_CPUS");
  if (given) process_mask = strtoull(given, NULL, 16);
}

static long set_affinity(int thread, size_t bytes, const void *mask) {
  uint64_t wanted = 0;
  memcpy(&wanted, mask, bytes < sizeof wanted ? bytes : sizeof wanted);
  wanted &= (1u << CORES) - 1;
  if (!wanted) return errno = EINVAL, -1;
  *mask_of(thread, true) = wanted;
  return 0;
}

static long get_affinity(int thread, size_t bytes, void *mask) {
  if (bytes < sizeof(uint64_t)) return errno = EINVAL, -1;
  memcpy(mask, mask_of(thread, false), sizeof(uint64_t));
  return sizeof(uint64_t);
}

static unsigned core_of(unsigned real) {
  uint64_t mask = *mask_of(0, false);
  for (unsigned skip = real % (unsigned)__builtin_popcountll(mask); skip; skip--) mask &= mask - 1;
  return (unsigned)__builtin_ctzll(mask);
}

int sched_setaffinity(pid_t thread, size_t bytes, const cpu_set_t *mask) { return (int)set_affinity(thread, bytes, mask); }
int sched_getaffinity(pid_t thread, size_t bytes, cpu_set_t *mask) {
  memset(mask, 0, bytes);
  return get_affinity(thread, bytes, mask) < 0 ? -1 : 0;
}

// qemu-user and toybox make these calls by number.
long syscall(long number, ...) {
  static long (*real)(long, ...);
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_sched_setaffinity) return set_affinity((int)a[0], (size_t)a[1], (void *)a[2]);
  if (number == SYS_sched_getaffinity) return get_affinity((int)a[0], (size_t)a[1], (void *)a[2]);
  if (!real) real = next("syscall");
  long answer = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (number == SYS_getcpu && !answer && a[0]) *(unsigned *)a[0] = core_of(*(unsigned *)a[0]);
  return answer;
}

// ---- starting programs

typedef struct {
  const char *path;
  char *words[WORDS], *environment[WORDS];
  char libraries[4096], cores[32];
} start;

static bool is_arm64(const char *path) {
  Elf64_Ehdr head;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool whole = read(file, &head, sizeof head) == sizeof head;
  close(file);
  return whole && !memcmp(head.e_ident, ELFMAG, SELFMAG) && head.e_machine == EM_AARCH64;
}

static const char *given(char *const *environment, const char *name) {
  size_t size = strlen(name);
  for (; environment && *environment; environment++)
    if (!strncmp(*environment, name, size) && (*environment)[size] == '=') return *environment + size + 1;
  return NULL;
}

// What is really started for `path`: qemu for an arm64 program, and this library in every environment.
static bool prepare(start *made, const char *path, char *const *words, char *const *environment) {
  size_t count = 0, kept = 0;
  made->path = path;
  if (is_arm64(path) && !access(path, X_OK)) {
    const char *own = given(environment, "LD_LIBRARY_PATH");
    snprintf(made->libraries, sizeof made->libraries, "LD_LIBRARY_PATH=%s%s/system/lib64:/system/lib64/glibc",
             own ? own : "", own ? ":" : "");
    char *first[] = {QEMU, "-cpu", CPU, "-U", "LD_PRELOAD", "-U", "PHONE_CPUS", "-E", made->libraries,
                     "-0", words && words[0] ? words[0] : (char *)path, (char *)path};
    for (; count < sizeof first / sizeof *first; count++) made->words[count] = first[count];
    made->path = QEMU;
    if (words && words[0]) words++;
  }
  for (; words && *words && count < WORDS - 1; count++) made->words[count] = *words++;
  if (words && *words) return errno = E2BIG, false;
  made->words[count] = NULL;
  for (; environment && *environment && kept < WORDS - 3; environment++)
    if (strncmp(*environment, "LD_PRELOAD=", 11) && strncmp(*environment, "PHONE_CPUS=", 11))
      made->environment[kept++] = *environment;
  snprintf(made->cores, sizeof made->cores, "PHONE_CPUS=%llx", (unsigned long long)*mask_of(0, false));
  made->environment[kept++] = "LD_PRELOAD=" OWN;
  made->environment[kept++] = made->cores;
  made->environment[kept] = NULL;
  return true;
}

int execve(const char *path, char *const words[], char *const environment[]) {
  int (*real)(const char *, char *const[], char *const[]) = next("execve");
  start made;
  return prepare(&made, path, words, environment) ? real(made.path, made.words, made.environment) : -1;
}

int execv(const char *path, char *const words[]) { return execve(path, words, environ); }

// As glibc's: along PATH, and a file that is neither a program nor names an interpreter goes to the shell.
int execvpe(const char *name, char *const words[], char *const environment[]) {
  char path[4096];
  const char *from = strchr(name, '/') ? "" : getenv("PATH");
  bool denied = false;
  for (;;) {
    size_t size = from ? strcspn(from, ":") : 0;
    snprintf(path, sizeof path, "%.*s%s%s", (int)size, from ? from : "", size ? "/" : "", name);
    execve(path, words, environment);
    if (errno == ENOEXEC) {
      char *shell[WORDS] = {"sh", path};
      for (size_t i = 1; i < WORDS - 2 && words[0] && words[i]; i++) shell[i + 1] = words[i];
      return execve("/system/bin/sh", shell, environment);
    }
    denied |= errno == EACCES;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return -1;
    if (!from || !from[size]) return denied ? errno = EACCES, -1 : -1;
    from += size + 1;
  }
}

int execvp(const char *name, char *const words[]) { return execvpe(name, words, environ); }

#define COLLECT(first)                                             \
  char *words[WORDS] = {(char *)(first)};                          \
  va_list list;                                                    \
  va_start(list, first);                                           \
  for (size_t i = 1; i < WORDS - 1 && (words[i] = va_arg(list, char *)); i++) {}

int execl(const char *path, const char *first, ...) {
  COLLECT(first)
  va_end(list);
  return execve(path, words, environ);
}

int execlp(const char *name, const char *first, ...) {
  COLLECT(first)
  va_end(list);
  return execvpe(name, words, environ);
}

int execle(const char *path, const char *first, ...) {
  COLLECT(first)
  char *const *environment = va_arg(list, char *const *);
  va_end(list);
  return execve(path, words, environment);
}

int posix_spawn(pid_t *process, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *how,
                char *const words[], char *const environment[]) {
  int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
              char *const[]) = next("posix_spawn");
  start made;
  return prepare(&made, path, words, environment) ? real(process, made.path, actions, how, made.words, made.environment) : errno;
}
