// What went wrong, where: the first failure is the cause and is kept; later ones are its echo.
#pragma once
#ifdef __cplusplus
extern "C" {
#endif

// Names what is about to be done. Also written to stderr, so that a crash or a hang can be placed from the log.
void stage(const char *name);

// Remembers a failure of the present stage: a stable code, the runtime's or the kernel's own number (0: none), a sentence.
// Always returns -1, so that callers can `return fail(...)`.
int fail(const char *code, long number, const char *format, ...) __attribute__((format(printf, 3, 4)));

// The same for a call into the kernel that has just set errno; its meaning is added to the sentence.
int fail_errno(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A line of a runtime's own words: to stderr, and into the document's "log".
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

typedef struct {
  const char *stage, *code, *message;
  long number;
} failure;

failure failure_seen(void);
const char *failure_log(void);

#ifdef __cplusplus
}
#endif
