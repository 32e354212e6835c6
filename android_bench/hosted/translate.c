// What differs between bionic and glibc (64-bit), for the functions that the Android runtimes import.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Code built for old releases prints through an array of three FILEs of 152 bytes; anything else is a glibc FILE.
enum { OLD_FILE_BYTES = 152 };
static char *old_files;

void hosted_set_files(char *files) { old_files = files; }
void *hosted_file(int number) { return number == 0 ? stdin : number == 1 ? stdout : stderr; }

static FILE *file(void *given) {
  long offset = (char *)given - old_files;
  return old_files && offset >= 0 && offset < 3 * OLD_FILE_BYTES ? hosted_file((int)(offset / OLD_FILE_BYTES)) : given;
}

static int own_vfprintf(void *to, const char *format, va_list values) { return vfprintf(file(to), format, values); }
static int own_fprintf(void *to, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int count = own_vfprintf(to, format, values);
  va_end(values);
  return count;
}
static int own_fputc(int c, void *to) { return fputc(c, file(to)); }
static int own_fputs(const char *text, void *to) { return fputs(text, file(to)); }
static size_t own_fwrite(const void *data, size_t size, size_t count, void *to) { return fwrite(data, size, count, file(to)); }
static int own_fflush(void *to) { return fflush(to ? file(to) : NULL); }
static int own_fileno(void *of) { return fileno(file(of)); }

static int *own_errno(void) { return &errno; }
static void own_assert2(const char *path, int line, const char *function, const char *text) {
  fprintf(stderr, "%s:%d %s: %s\n", path, line, function, text);
  abort();
}
static void own_abort_message(const char *text) { fprintf(stderr, "abort: %s\n", text); }
static int own_property_get(const char *name, char *value) {
  (void)name;
  *value = 0;
  return 0;
}

// Checked forms that glibc lacks; the check itself is not what is tested here.
static size_t own_strlen_chk(const char *text, size_t size) { return (void)size, strlen(text); }
static char *own_strchr_chk(const char *text, int c, size_t size) { return (void)size, strchr(text, c); }
static char *own_strrchr_chk(const char *text, int c, size_t size) { return (void)size, strrchr(text, c); }
static ssize_t own_write_chk(int to, const void *data, size_t count, size_t size) { return (void)size, write(to, data, count); }
static int own_open_2(const char *path, int flags) { return open(path, flags); }

// bionic's plain name is the POSIX form, glibc's is GNU's.
static int own_strerror_r(int number, char *text, size_t size) { return snprintf(text, size, "%s", strerror(number)), 0; }
static char *own_gnu_strerror_r(int number, char *text, size_t size) { return strerror_r(number, text, size); }

static int own_register_atfork(void *a, void *b, void *c, void *d) { return (void)a, (void)b, (void)c, (void)d, 0; }
static int own_thread_atexit(void (*f)(void *), void *a, void *d) { return (void)f, (void)a, (void)d, 0; }

// sigset_t is 8 bytes there and 128 here; pthread_mutex_t is 40 bytes there and, on aarch64, 48 here with an unused tail.
static int own_sigfillset(void *set) { return memset(set, 0xff, 8), 0; }
static int own_sigemptyset(void *set) { return memset(set, 0, 8), 0; }
static int own_mutex_init(void *mutex, const void *attributes) {
  pthread_mutex_t whole;
  int status = pthread_mutex_init(&whole, attributes);
  memcpy(mutex, &whole, 40);
  return status;
}

// The constants of sysconf differ; bionic's are in its <bits/sysconf.h>.
static long own_sysconf(int bionic) {
  static const struct { int bionic, glibc; } constants[] = {
      {0x27, _SC_PAGESIZE}, {0x28, _SC_PAGESIZE}, {0x60, _SC_NPROCESSORS_CONF}, {0x61, _SC_NPROCESSORS_ONLN},
      {0x62, _SC_PHYS_PAGES}, {0x63, _SC_AVPHYS_PAGES}, {0x94, _SC_LEVEL1_DCACHE_SIZE}, {0x97, _SC_LEVEL2_CACHE_SIZE}};
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    if (constants[i].bionic == bionic) return sysconf(constants[i].glibc);
  errno = EINVAL;
  return -1;
}

// What a phone's program calls first (../bionic/start.c). `raw` is what the kernel put on the stack: argc, argv, environment.
// glibc's own start runs the program's constructors, which on a phone the linker does.
static void own_libc_init(void *raw, void (*at_exit)(void), int (*program)(int, char **, char **), const void *lists) {
  typedef int start(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
  start *glibc_start = (start *)dlsym(RTLD_DEFAULT, "__libc_start_main");
  (void)at_exit, (void)lists;
  glibc_start(program, *(int *)raw, (char **)raw + 1, NULL, NULL, NULL, raw);
}

static void missing(void) {
  static const char text[] = "hosted: a function that glibc lacks was called (HOSTED_VERBOSE=1 names the missing ones)\n";
  if (write(2, text, sizeof text - 1) < 0) {}
  abort();
}

static const struct { const char *name; void *function; } own[] = {
    {"fprintf", own_fprintf}, {"vfprintf", own_vfprintf}, {"fputc", own_fputc}, {"fputs", own_fputs},
    {"fwrite", own_fwrite}, {"fflush", own_fflush}, {"fileno", own_fileno}, {"__errno", own_errno},
    {"__assert2", own_assert2}, {"android_set_abort_message", own_abort_message},
    {"__system_property_get", own_property_get}, {"__strlen_chk", own_strlen_chk}, {"__strchr_chk", own_strchr_chk},
    {"__strrchr_chk", own_strrchr_chk}, {"__write_chk", own_write_chk}, {"__open_2", own_open_2},
    {"strerror_r", own_strerror_r}, {"__gnu_strerror_r", own_gnu_strerror_r}, {"__register_atfork", own_register_atfork},
    {"__cxa_thread_atexit_impl", own_thread_atexit}, {"sigfillset", own_sigfillset}, {"sigemptyset", own_sigemptyset},
    {"pthread_mutex_init", own_mutex_init}, {"sysconf", own_sysconf}, {"__libc_init", own_libc_init}};

void *hosted_resolve(const char *name) {
  static void *c, *math;
  if (!c) {
    c = dlopen("libc.so.6", RTLD_NOW);
    math = dlopen("libm.so.6", RTLD_NOW);
  }
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (!strcmp(own[i].name, name)) return own[i].function;
  void *found = dlsym(c, name);
  if (!found) found = dlsym(math, name);
  if (!found && getenv("HOSTED_VERBOSE")) fprintf(stderr, "hosted: no %s\n", name);
  return found ? found : (void *)missing;
}
