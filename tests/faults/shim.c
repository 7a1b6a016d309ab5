/* Makes file operations of the process fail, for tests.
 *
 * FAULT_DIRECTORY   only files below it are concerned
 * FAULT_CONTROL     a directory: while it has a file "write-enospc", "write-eio" or "sync-eio", all such
 *                   calls fail in that way
 * FAULT_NTH_WRITE   the so-manieth write fails with EIO, once
 * FAULT_NTH_SYNC    the so-manieth sync fails with EIO, once
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long writes, syncs;

static int concerned(int fd) {
  const char *directory = getenv("FAULT_DIRECTORY");
  char link[64], path[PATH_MAX];
  if (!directory) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, directory, strlen(directory)) == 0;
}

static int wanted(const char *fault) {
  const char *control = getenv("FAULT_CONTROL");
  char path[PATH_MAX];
  if (!control) return 0;
  snprintf(path, sizeof path, "%s/%s", control, fault);
  return access(path, F_OK) == 0;
}

static int is_nth(const char *variable, atomic_long *count) {
  const char *nth = getenv(variable);
  return nth && atomic_fetch_add(count, 1) + 1 == atol(nth);
}

static int write_fault(int fd) {
  if (!concerned(fd)) return 0;
  if (is_nth("FAULT_NTH_WRITE", &writes) || wanted("write-eio")) return EIO;
  return wanted("write-enospc") ? ENOSPC : 0;
}

static int sync_fault(int fd) {
  if (!concerned(fd)) return 0;
  return is_nth("FAULT_NTH_SYNC", &syncs) || wanted("sync-eio") ? EIO : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(fault)   \
  do {                   \
    int error = (fault); \
    if (error) {         \
      errno = error;     \
      return -1;         \
    }                    \
  } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
  FAIL_IF(write_fault(fd));
  return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  FAIL_IF(write_fault(fd));
  return REAL(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  FAIL_IF(write_fault(fd));
  return REAL(pwrite64)(fd, bytes, count, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  FAIL_IF(concerned(fd) && wanted("write-enospc") ? ENOSPC : 0);
  return REAL(fallocate)(fd, mode, offset, length);
}

int fsync(int fd) {
  FAIL_IF(sync_fault(fd));
  return REAL(fsync)(fd);
}

int fdatasync(int fd) {
  FAIL_IF(sync_fault(fd));
  return REAL(fdatasync)(fd);
}
