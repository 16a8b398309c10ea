/*
 * A disk that fails, for the files below one folder, under a process that preloads this (LD_PRELOAD).
 *
 *   FAULTY_DISK_FOLDER   the folder
 *   FAULTY_DISK_MODE     a file that says what is wrong, looked at with every call; none: nothing is
 *   FAULTY_DISK_IMAGE    a copy of the folder: what a loss of power would leave of it
 *
 * The modes: `full` (writes fail with ENOSPC), `read-only` (writes and opening to write fail with EROFS), `dead` (reads, writes and syncs
 * fail with EIO), and `sync-drops N` and `sync-keeps N` (each Nth sync fails with EIO, and what was written since the last one never
 * reaches the disk). After a sync that failed, a kernel takes the pages for written: some file systems have the old bytes in its cache
 * then (`drops`), others the new ones, until the machine loses power (`keeps`). In every mode, only what was synced is in the image.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define MAX_PAGES (1 << 16)
#define MAX_FILES 8

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

struct mode {
  char name[16];
  int every;
};

/* A file with what was written to it since its last sync. */
struct written {
  char image[PATH_MAX];
  unsigned char pages[MAX_PAGES];
};

static struct written files[MAX_FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int syncs;

static int real_open(const char *path, int flags, mode_t mode) {
  REAL(int, "open64", const char *, int, mode_t);
  return real(path, flags, mode);
}

static ssize_t real_pread(int fd, void *to, size_t count, off64_t at) {
  REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
  return real(fd, to, count, at);
}

static ssize_t real_pwrite(int fd, const void *from, size_t count, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  return real(fd, from, count, at);
}

static int real_ftruncate(int fd, off64_t length) {
  REAL(int, "ftruncate64", int, off64_t);
  return real(fd, length);
}

static int is_below(const char *path) {
  const char *folder = getenv("FAULTY_DISK_FOLDER");
  return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

/* The path of a file below the folder, or NULL. */
static const char *path_of(int fd, char *path) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return NULL;
  path[length] = 0;
  return is_below(path) ? path : NULL;
}

static struct mode mode_now(void) {
  struct mode mode = {"", 1};
  char text[32];
  const char *file = getenv("FAULTY_DISK_MODE");
  int before = errno;
  int fd = file == NULL ? -1 : real_open(file, O_RDONLY | O_CLOEXEC, 0);
  if (fd >= 0) {
    ssize_t length = read(fd, text, sizeof text - 1);
    text[length > 0 ? length : 0] = 0;
    sscanf(text, "%15s %d", mode.name, &mode.every);
    close(fd);
  }
  errno = before;
  return mode;
}

static int is(struct mode mode, const char *name) { return strcmp(mode.name, name) == 0; }

/* Why a write fails now; 0 if it does not. */
static int write_error(void) {
  struct mode mode = mode_now();
  return is(mode, "full") ? ENOSPC : is(mode, "read-only") ? EROFS : is(mode, "dead") ? EIO : 0;
}

static int image_of(const char *path, char *image) {
  const char *folder = getenv("FAULTY_DISK_IMAGE");
  size_t length = strlen(path);
  /* Shared memory between processes is none of the disk's. */
  if (folder == NULL || (length > 4 && strcmp(path + length - 4, "-shm") == 0)) return 0;
  snprintf(image, PATH_MAX, "%s/%s", folder, strrchr(path, '/') + 1);
  return 1;
}

static struct written *written_to(const char *path) {
  char image[PATH_MAX];
  if (!image_of(path, image)) return NULL;
  for (int at = 0; at < MAX_FILES; at++) {
    if (files[at].image[0] == 0) strcpy(files[at].image, image);
    if (strcmp(files[at].image, image) == 0) return &files[at];
  }
  abort();
}

static void copy_page(int from, int to, size_t page) {
  char bytes[PAGE_BYTES] = {0};
  off64_t at = (off64_t)page * PAGE_BYTES;
  ssize_t length = real_pread(from, bytes, PAGE_BYTES, at);
  if (length > 0 && real_pwrite(to, bytes, (size_t)length, at) != length) abort();
}

/* A page that goes back to what the disk has of it; no further than the file goes. */
static void drop_page(int fd, int image, size_t page) {
  char bytes[PAGE_BYTES] = {0}, now[PAGE_BYTES];
  off64_t at = (off64_t)page * PAGE_BYTES;
  ssize_t length = real_pread(fd, now, PAGE_BYTES, at);
  real_pread(image, bytes, PAGE_BYTES, at);
  if (length > 0 && real_pwrite(fd, bytes, (size_t)length, at) != length) abort();
}

/* Uses the very descriptor: to close another one would take SQLite's locks from the file. @returns whether the sync fails */
static int settle(int fd, const char *path) {
  struct mode mode = mode_now();
  struct written *file = written_to(path);
  int drops = is(mode, "sync-drops");
  int fails = is(mode, "dead") || ((drops || is(mode, "sync-keeps")) && ++syncs % mode.every == 0);
  if (file == NULL || memchr(file->pages, 1, MAX_PAGES) == NULL) return fails;
  int image = real_open(file->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (image < 0) abort();
  for (size_t page = 0; page < MAX_PAGES; page++) {
    if (!file->pages[page]) continue;
    if (!fails) copy_page(fd, image, page);
    else if (drops) drop_page(fd, image, page);
    file->pages[page] = 0;
  }
  close(image);
  return fails;
}

static int synced(int fd, int (*real)(int)) {
  char path[PATH_MAX];
  if (path_of(fd, path) == NULL) return real(fd);
  pthread_mutex_lock(&lock);
  int fails = settle(fd, path);
  pthread_mutex_unlock(&lock);
  if (!fails) return real(fd);
  errno = EIO;
  return -1;
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  return synced(fd, real);
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  return synced(fd, real);
}

ssize_t pread64(int fd, void *to, size_t count, off64_t at) {
  char path[PATH_MAX];
  if (path_of(fd, path) == NULL || !is(mode_now(), "dead")) return real_pread(fd, to, count, at);
  errno = EIO;
  return -1;
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
  char path[PATH_MAX];
  if (path_of(fd, path) == NULL) return real_pwrite(fd, from, count, at);
  int error = write_error();
  if (error != 0) {
    errno = error;
    return -1;
  }
  pthread_mutex_lock(&lock);
  ssize_t length = real_pwrite(fd, from, count, at);
  struct written *file = length > 0 ? written_to(path) : NULL;
  if (file != NULL) {
    for (off64_t page = at / PAGE_BYTES; page <= (at + length - 1) / PAGE_BYTES; page++) {
      if (page >= MAX_PAGES) abort();
      file->pages[page] = 1;
    }
  }
  pthread_mutex_unlock(&lock);
  return length;
}

int ftruncate64(int fd, off64_t length) {
  char path[PATH_MAX], image[PATH_MAX];
  if (path_of(fd, path) == NULL) return real_ftruncate(fd, length);
  int error = write_error();
  if (error != 0) {
    errno = error;
    return -1;
  }
  int result = real_ftruncate(fd, length);
  /* What a folder and a length are is on the disk at once. */
  if (result == 0 && image_of(path, image) && truncate64(image, length) != 0 && errno != ENOENT) abort();
  return result;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  char image[PATH_MAX];
  if (!is_below(path)) return real(path);
  int error = write_error();
  if (error != 0) {
    errno = error;
    return -1;
  }
  int result = real(path);
  if (result == 0 && image_of(path, image)) real(image);
  return result;
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (is_below(path)) {
    struct mode now = mode_now();
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    int makes = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
    int error = is(now, "dead") ? EIO : is(now, "read-only") && writes ? EROFS : is(now, "full") && makes ? ENOSPC : 0;
    if (error != 0) {
      errno = error;
      return -1;
    }
  }
  return real_open(path, flags, mode);
}

int open(const char *path, int flags, ...) __attribute__((alias("open64")));
