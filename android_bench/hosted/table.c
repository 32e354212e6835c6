// Stands in as libc.so: fills the jump table that is generated beside it, and has the data that libraries import.
void *hosted_resolve(const char *name);
void *hosted_file(int number);
void hosted_set_files(char *files);

void *stdin, *stdout, *stderr;
char __sF[3 * 152];
char **environ;

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
