// Benchmark of one artifact in one process: `gd_runner_tflite` and `gd_runner_executorch` share all of this.
// Exit status: 0 measured, 10 failed and the document says why, 11 there is no document (stderr says why).
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "report.h"

enum { EXIT_MEASURED = 0, EXIT_FAILED = 10, EXIT_NO_DOCUMENT = 11 };

static void say(const char *text) {
  if (write(2, text, strlen(text)) < 0) {}
}

int main(int count, char **words) {
  static measurement measured;
  options options;
  dup2(2, 1);  // whatever a runtime prints is log; stdout stays empty
  int failed = options_parse(count, words, &options) || measure(&options, &measured);
  if (!options.result || report(&options, &measured)) {
    say(failure_seen().message ? failure_seen().message : "cannot write the result");
    say("\n");
    say(options_help);
    _exit(EXIT_NO_DOCUMENT);
  }
  failed = failed || failure_seen().code;
  _exit(failed ? EXIT_FAILED : EXIT_MEASURED);  // at once: no destructors of a large runtime
}
