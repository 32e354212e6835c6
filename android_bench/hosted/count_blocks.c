// A plugin of qemu-user (TCG plugin API 1, as qemu 7.2 has it): how often each translated block of an emulated process ran.
//
//     qemu-aarch64 -plugin count_blocks.so,into=FILE[,mark=HEX]... ...
//
// FILE gets a line `block ADDRESS INSTRUCTIONS RUNS` per translation (the same code may be translated more than once), and
// `map START END OFFSET PATH` per mapped file, in the same addresses (this process's own). The last line is `end`.
// A `mark` is the bytes that some block begins with. Each time before that block runs, FILE gets `part ADDRESS INSTRUCTIONS
// RUNS` for each block that ran since the last time, and then `mark N` for the Nth mark given. With threads, roughly.
// A block runs from its first to its last instruction, signals apart, so the sum of INSTRUCTIONS * RUNS is what was retired.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of <qemu-plugin.h>, which Debian's qemu-user does not bring.
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *);
enum { NO_REGISTERS = 0, API_VERSION = 1 };

typedef struct block {
  struct block *next;
  uintptr_t address;
  size_t instructions;
  uint64_t runs, told;
} block;

static block *blocks;
static FILE *to;
enum { MOST_MARKS = 4 };
static struct { uint8_t code[64]; size_t bytes; } marks[MOST_MARKS];
static size_t mark_count;

static void ran(unsigned cpu, void *of) {
  (void)cpu;
  __atomic_fetch_add(&((block *)of)->runs, 1, __ATOMIC_RELAXED);
}

static void marked(unsigned cpu, void *number) {
  (void)cpu;
  for (block *each = blocks; each; each = each->next) {
    if (each->runs == each->told) continue;
    fprintf(to, "part %llx %zu %llu\n", (unsigned long long)each->address, each->instructions,
            (unsigned long long)(each->runs - each->told));
    each->told = each->runs;
  }
  fprintf(to, "mark %zu\n", (size_t)number);
}

static void mark_if_wanted(const block *of, struct qemu_plugin_tb *tb) {
  for (size_t i = 0; i < mark_count; i++)
    if (of->instructions * 4 >= marks[i].bytes && !memcmp((const void *)of->address, marks[i].code, marks[i].bytes))
      qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, NO_REGISTERS, (void *)i);
}

static bool read_mark(const char *hex) {
  if (mark_count == MOST_MARKS) return false;
  size_t *bytes = &marks[mark_count].bytes;
  for (; *bytes < sizeof marks->code && sscanf(hex, "%2hhx", &marks[mark_count].code[*bytes]) == 1; hex += 2) ++*bytes;
  mark_count++;
  return !*hex;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  block *made = calloc(1, sizeof *made);
  if (!made) abort();
  made->address = (uintptr_t)qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0));
  made->instructions = qemu_plugin_tb_n_insns(tb);
  made->next = __atomic_load_n(&blocks, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&blocks, &made->next, made, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {}
  mark_if_wanted(made, tb);
  qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, NO_REGISTERS, made);
}

static void put_maps(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[8192], path[4096];
  unsigned long long start, end, offset;
  while (maps && fgets(line, sizeof line, maps))
    if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %4095[^\n]", &start, &end, &offset, path) == 4 && *path == '/')
      fprintf(to, "map %llx %llx %llx %s\n", start, end, offset, path);
  if (maps) fclose(maps);
}

static void ended(qemu_plugin_id_t id, void *data) {
  (void)id, (void)data;
  put_maps();
  for (block *of = blocks; of; of = of->next)
    if (of->runs) fprintf(to, "block %llx %zu %llu\n", (unsigned long long)of->address, of->instructions, (unsigned long long)of->runs);
  fputs("end\n", to);
  fclose(to);
}

__attribute__((visibility("default"))) int qemu_plugin_version = API_VERSION;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count,
                                                               char **words) {
  (void)info;
  for (int i = 0; i < count; i++) {
    if (!strncmp(words[i], "into=", 5)) to = fopen(words[i] + 5, "w");
    else if (strncmp(words[i], "mark=", 5) || !read_mark(words[i] + 5))
      return fprintf(stderr, "count_blocks: %s is not understood\n", words[i]), 1;
  }
  if (!to) return fputs("count_blocks: into=FILE is needed, and must be writable\n", stderr), 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
