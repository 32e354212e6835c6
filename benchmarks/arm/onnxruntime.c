// onnxruntime LIBRARY MODEL SIDE: two inferences of an .onnx on one thread, for the instruction counter.
//
// The model maps one float input called `input` of shape [1, 3, SIDE, SIDE] to one called `output`. The counter finds an
// inference by the code of `backend_run` and its end by that of `backend_read` (device/arm_instructions/marks.py).
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct OrtStatus OrtStatus;

// Places in OrtApi, the table of ONNX Runtime's C interface. Those of its first version, and these all are, never change.
enum { ERROR_MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, INTRA_OP_THREADS = 24,
       TENSOR_OF_DATA = 49, TENSOR_DATA = 51, CPU_MEMORY = 69 };
enum { WARNING = 2, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0, FLOAT = 1 };

struct base { void *const *(*get)(uint32_t version); const char *(*version)(void); };

static void *const *api;
static void *session, *input, *output;

static void check(OrtStatus *status) {
    if (!status) return;
    fprintf(stderr, "%s\n", ((const char *(*)(OrtStatus *))api[ERROR_MESSAGE])(status));
    exit(1);
}

__attribute__((noinline)) void backend_run(void) {
    const char *takes = "input", *gives = "output";
    output = NULL;
    check(((OrtStatus * (*)(void *, void *, const char **, void **, size_t, const char **, size_t, void **))
               api[RUN])(session, NULL, &takes, &input, 1, &gives, 1, &output));
}

__attribute__((noinline)) float backend_read(void) {
    float *values;
    check(((OrtStatus * (*)(void *, float **))api[TENSOR_DATA])(output, &values));
    return values[0];
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "usage: onnxruntime LIBRARY MODEL SIDE\n"), 2;
    void *library = dlopen(words[1], RTLD_NOW);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
    const struct base *base = ((const struct base *(*)(void))dlsym(library, "OrtGetApiBase"))();
    api = base->get(1);
    int64_t side = strtol(words[3], NULL, 10), shape[] = {1, 3, side, side};
    size_t elements = 3 * (size_t)(side * side);
    float *values = malloc(elements * sizeof *values);
    for (size_t i = 0; i < elements; i++) values[i] = (float)(i * 2654435761u % 2048) / 1024 - 1;

    void *environment, *options, *memory;
    check(((OrtStatus * (*)(int, const char *, void **))api[CREATE_ENV])(WARNING, "count", &environment));
    check(((OrtStatus * (*)(void **))api[CREATE_OPTIONS])(&options));
    check(((OrtStatus * (*)(void *, int))api[INTRA_OP_THREADS])(options, 1));
    check(((OrtStatus * (*)(void *, const char *, void *, void **))api[CREATE_SESSION])(environment, words[2], options,
                                                                                      &session));
    check(((OrtStatus * (*)(int, int, void **))api[CPU_MEMORY])(ARENA_ALLOCATOR, DEFAULT_MEMORY, &memory));
    check(((OrtStatus * (*)(void *, void *, size_t, const int64_t *, size_t, int, void **))api[TENSOR_OF_DATA])(
        memory, values, elements * sizeof *values, shape, 4, FLOAT, &input));
    backend_run();
    backend_run();
    printf("%s %g\n", base->version(), (double)backend_read());
    return 0;
}
