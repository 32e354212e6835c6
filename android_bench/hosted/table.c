// Stands in as libc.so: fills the jump table that is generated beside it, and has the data that libraries import.
void *hosted_resolve(const char *name);
void *hosted_file(int number);
void hosted_set_files(char *files);

void *stdin, *stdout, *stderr;
char __sF[3 * 152];
char **environ;

// aarch64: bionic code reads its stack guard at thread pointer + 0x28. A program of the phone has no thread-local block, so this
// library's is the first one behind the thread pointer, and constants are put there: the same in every thread, never written.
__attribute__((used, retain)) __thread long hosted_guard[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
__attribute__((visibility("hidden"))) long *hosted_guard_of_this_thread(void) { return hosted_guard; }

extern const char *const hosted_names[] __attribute__((visibility("hidden")));
extern void *hosted_table[] __attribute__((visibility("hidden")));

__attribute__((constructor)) static void fill(int count, char **words, char **environment) {
  (void)count, (void)words;
  environ = environment;
  stdin = hosted_file(0);
  stdout = hosted_file(1);
  stderr = hosted_file(2);
  hosted_set_files(__sF);
  for (int i = 0; hosted_names[i]; i++) hosted_table[i] = hosted_resolve(hosted_names[i]);
}
