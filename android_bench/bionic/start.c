// What the NDK's crtbegin_dynamic.o does, in its smallest form. The dynamic linker runs constructors by itself, so bionic is
// handed empty lists; releases before Android 11 walk them up to a null and skip the first entry.
#include <stddef.h>

typedef void constructor(int, char **, char **);
typedef void destructor(void);

typedef struct {
  constructor *const *preinit, *const *init;
  destructor *const *fini;
  size_t preinit_count, init_count, fini_count;
} structors;

int main(int, char **, char **);
__attribute__((noreturn)) void __libc_init(void *raw, void (*at_exit)(void), int (*program)(int, char **, char **),
                                           const structors *lists);

__attribute__((visibility("hidden"), used, noreturn)) void bionic_start(void *raw) {
  static constructor *const nothing[] = {(constructor *)-1, NULL};
  static destructor *const nothing_last[] = {(destructor *)-1, NULL};
  structors lists = {nothing, nothing, nothing_last, 0, 0, 0};
  __libc_init(raw, NULL, main, &lists);
}
