#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failure.h"
#include "memory.h"

int file_map(const char *code, const char *path, const uint8_t **data, size_t *bytes) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail_errno(code, "cannot open %s", path);
  off_t size = lseek(file, 0, SEEK_END);
  if (size <= 0) {
    close(file);
    return fail(code, 0, "%s is %s", path, size ? "no file that can be read" : "empty");
  }
  void *mapped = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return fail_errno(code, "cannot map %s", path);
  *data = mapped;
  *bytes = (size_t)size;
  return 0;
}

static int write_all(int file, const uint8_t *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    ssize_t count = write(file, data + done, bytes - done);
    if (count <= 0) return -1;
    done += (size_t)count;
  }
  return 0;
}

int file_write(const char *code, const char *path, const void *parts[], const size_t bytes[], int count) {
  size_t room = strlen(path) + sizeof ".part";
  char *part = memory_new(room);
  snprintf(part, room, "%s.part", path);
  int file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return fail_errno(code, "cannot write %s", part);
  for (int i = 0; i < count; i++) {
    if (write_all(file, parts[i], bytes[i])) {
      fail_errno(code, "cannot write all of %s", part);
      close(file);
      unlink(part);
      return -1;
    }
  }
  if (close(file) || rename(part, path)) return fail_errno(code, "cannot finish %s", path);
  return 0;
}
