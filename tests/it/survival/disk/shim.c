/* A disk between a process and the kernel, for LD_PRELOAD: it writes down what is done to the files below one
 * directory, in the order in which it was done, and fails or delays what it is told to.
 *
 * BATON_DISK_ROOT     the directory, without links in its path
 * BATON_DISK_LOG      the file to write down to; absent: nothing is
 * BATON_DISK_CONTROL  a file of 16 numbers of 4 bytes that says what fails; see control.rs
 *
 * A record is six numbers of 8 bytes in the machine's order (kind, file and process, offset, length, flags, bytes of
 * payload) and the payload; see record.rs. The kernel is called directly, so that nothing here calls itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, WRITE_SYNCED, MAKE_DIRECTORY, RENAME, REMOVE, MAPPED, UNKNOWN };
enum { SYNC_DELAY, SYNC_ERRORS, WRITE_ERRORS, META_ERRORS, ERROR_NUMBER, THREAD_ERRORS, SHORT_WRITES, SYNCS_HELD,
       FAULTS_DONE, SYNCS_SEEN, WRITE_BACK_ERRORS, CONTROLS = 16 };
enum { FILES_MAX = 4096, FDS_MAX = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_bytes;
static int log_fd = -1;
static uint32_t *control;
static char *paths[FILES_MAX]; /* by number; free once the file is removed */
static unsigned files = 0;
static uint64_t process; /* above the numbers of its files: several processes may write one log */
static unsigned file_of[FDS_MAX]; /* 0: not ours */
static char is_synced[FDS_MAX];   /* opened with O_DSYNC or O_SYNC */

__attribute__((constructor)) static void begin(void) {
    root = getenv("BATON_DISK_ROOT");
    root_bytes = root ? strlen(root) : 0;
    process = (uint64_t)getpid() << 32;
    const char *log = getenv("BATON_DISK_LOG"), *controls = getenv("BATON_DISK_CONTROL");
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (controls) {
        int fd = syscall(SYS_openat, AT_FDCWD, controls, O_RDWR | O_CLOEXEC, 0);
        void *map = (void *)syscall(SYS_mmap, NULL, CONTROLS * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || map == MAP_FAILED) abort();
        control = map;
        syscall(SYS_close, fd);
    }
}

static void note(uint64_t kind, uint64_t file, uint64_t offset, uint64_t length, uint64_t flags,
                 const struct iovec *payload, int pieces) {
    if (log_fd < 0) return;
    uint64_t head[6] = {kind, process | file, offset, length, flags, 0};
    struct iovec all[65] = {{head, sizeof head}};
    for (int i = 0; i < pieces && i < 64; i++) {
        all[i + 1] = payload[i];
        head[5] += payload[i].iov_len;
    }
    /* One call, so that the records of threads do not mix. A log that lacks something proves nothing. */
    int before = errno;
    ssize_t all_bytes = sizeof head + head[5];
    if (pieces > 64 || syscall(SYS_writev, log_fd, all, pieces + 1) != all_bytes) abort();
    errno = before;
}

static void note_text(uint64_t kind, uint64_t file, uint64_t flags, const char *text) {
    struct iovec piece = {(void *)text, strlen(text)};
    note(kind, file, 0, 0, flags, &piece, 1);
}

static int is_ours(const char *path) {
    return root && !strncmp(path, root, root_bytes) && (path[root_bytes] == '/' || !path[root_bytes]);
}

/* Takes one of the faults of a kind, if any are left. All ones never run out. */
static int take(int which) {
    if (!control) return 0;
    uint32_t left = __atomic_load_n(&control[which], __ATOMIC_SEQ_CST);
    for (;;) {
        if (!left) return 0;
        if (left == UINT32_MAX || __atomic_compare_exchange_n(&control[which], &left, left - 1, 0, __ATOMIC_SEQ_CST,
                                                               __ATOMIC_SEQ_CST)) {
            __atomic_fetch_add(&control[FAULTS_DONE], 1, __ATOMIC_SEQ_CST);
            return 1;
        }
    }
}

static int fail(void) {
    errno = control[ERROR_NUMBER];
    return -1;
}

static void be_slow(void) {
    if (!control) return;
    __atomic_fetch_add(&control[SYNCS_SEEN], 1, __ATOMIC_SEQ_CST);
    if (control[SYNC_DELAY]) usleep(control[SYNC_DELAY]);
    while (__atomic_load_n(&control[SYNCS_HELD], __ATOMIC_SEQ_CST)) usleep(200);
}

static unsigned ours(int fd) { return fd >= 0 && fd < FDS_MAX ? file_of[fd] : 0; }

static int do_open(int at, const char *path, int flags, mode_t mode) {
    struct stat before;
    int is_new = root && (flags & O_CREAT) && syscall(SYS_newfstatat, at, path, &before, 0) != 0;
    int fd = syscall(SYS_openat, at, path, flags, mode);
    if (fd < 0 || fd >= FDS_MAX || !root) return fd;
    int saved = errno;
    char link[40], full[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, full, sizeof full - 1);
    full[bytes > 0 ? bytes : 0] = 0;
    if (is_ours(full)) {
        pthread_mutex_lock(&lock);
        unsigned file = 1;
        while (file <= files && !(paths[file] && !strcmp(paths[file], full))) file++;
        if (file > files) {
            if (++files >= FILES_MAX) abort();
            paths[file] = strdup(full);
        }
        file_of[fd] = file;
        is_synced[fd] = (flags & (O_DSYNC | O_SYNC)) != 0;
        note_text(OPEN, file, is_new, full);
        if (flags & O_TRUNC) note(TRUNCATE, file, 0, 0, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
    return fd;
}

#define OPENS(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return do_open(AT_FDCWD, path, flags, mode);                                                                   \
    }
#define OPENS_AT(name)                                                                                                 \
    int name(int at, const char *path, int flags, ...) {                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return do_open(at, path, flags, mode);                                                                         \
    }
#undef open
#undef open64
#undef openat
#undef openat64
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int fd) {
    if (fd >= 0 && fd < FDS_MAX) file_of[fd] = 0;
    return syscall(SYS_close, fd);
}

/* A write of all pieces at an offset; -1: where the file is. */
static ssize_t do_write(int fd, const struct iovec *pieces, int count, off_t offset) {
    unsigned file = ours(fd);
    struct iovec half;
    if (file) {
        if (!is_synced[fd] && take(WRITE_ERRORS)) return fail();
        if (take(SHORT_WRITES)) {
            half = (struct iovec){pieces[0].iov_base, pieces[0].iov_len / 2};
            pieces = &half;
            count = 1;
        }
    }
    off_t at = offset;
    if (file && offset < 0) at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t done = offset < 0 ? syscall(SYS_writev, fd, pieces, count)
                              : syscall(SYS_pwritev, fd, pieces, count, (unsigned long)offset, 0UL);
    if (!file || done < 0) return done;
    int failed = is_synced[fd] ? (be_slow(), take(META_ERRORS)) : 0;
    struct iovec written[64];
    size_t left = done;
    int used = 0;
    for (; used < count && used < 64 && left; used++) {
        size_t bytes = pieces[used].iov_len < left ? pieces[used].iov_len : left;
        written[used] = (struct iovec){pieces[used].iov_base, bytes};
        left -= bytes;
    }
    if (left) abort();
    note(is_synced[fd] ? WRITE_SYNCED : WRITE, file, at, done, failed ? control[ERROR_NUMBER] : 0, written, used);
    /* As a kernel does: what could not be flushed stays in its cache. */
    return failed ? fail() : done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!ours(fd)) return syscall(SYS_write, fd, bytes, length);
    struct iovec piece = {(void *)bytes, length};
    return do_write(fd, &piece, 1, -1);
}
ssize_t writev(int fd, const struct iovec *pieces, int count) { return do_write(fd, pieces, count, -1); }
static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset) {
    struct iovec piece = {(void *)bytes, length};
    return do_write(fd, &piece, 1, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
    return do_write(fd, pieces, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off_t offset) {
    return do_write(fd, pieces, count, offset);
}

static int do_truncate(int fd, off_t length) {
    int result = syscall(SYS_ftruncate, fd, length);
    if (ours(fd) && !result) note(TRUNCATE, ours(fd), 0, length, 0, NULL, 0);
    return result;
}
int ftruncate(int fd, off_t length) { return do_truncate(fd, length); }
int ftruncate64(int fd, off_t length) { return do_truncate(fd, length); }

static int do_sync(int fd, long call) {
    unsigned file = ours(fd);
    if (!file) return syscall(call, fd);
    note(SYNC_BEGIN, file, 0, 0, 0, NULL, 0);
    be_slow();
    int result = take(SYNC_ERRORS) ? fail() : syscall(call, fd);
    note(SYNC_END, file, 0, 0, result ? errno : 0, NULL, 0);
    return result;
}
int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

/* What the replay does not know must not pass unseen. */
static void unknown(int fd, const char *what) {
    if (ours(fd)) note_text(UNKNOWN, ours(fd), 0, what);
}
/* This promises nothing: what was written may be on the disk at any time as it is. Whoever waits for it may learn that
 * the disk has failed. */
int sync_file_range(int fd, off_t from, off_t bytes, unsigned flags) {
    unsigned waits = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (ours(fd) && flags & waits && take(WRITE_BACK_ERRORS)) return fail();
    return syscall(SYS_sync_file_range, fd, from, bytes, flags);
}
int fallocate(int fd, int mode, off_t from, off_t bytes) {
    unknown(fd, "fallocate");
    return syscall(SYS_fallocate, fd, mode, from, bytes);
}
int posix_fallocate(int fd, off_t from, off_t bytes) {
    unknown(fd, "posix_fallocate");
    return syscall(SYS_fallocate, fd, 0, from, bytes) ? errno : 0;
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t bytes, unsigned flags) {
    unknown(out, "copy_file_range");
    return syscall(SYS_copy_file_range, in, from, out, to, bytes, flags);
}

static void *do_map(void *at, size_t bytes, int access, int flags, int fd, off_t offset) {
    if (ours(fd) && (access & PROT_WRITE) && (flags & MAP_SHARED)) note(MAPPED, ours(fd), 0, 0, 0, NULL, 0);
    return (void *)syscall(SYS_mmap, at, bytes, access, flags, fd, offset);
}
void *mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset) {
    return do_map(at, bytes, access, flags, fd, offset);
}
void *mmap64(void *at, size_t bytes, int access, int flags, int fd, off_t offset) {
    return do_map(at, bytes, access, flags, fd, offset);
}

int mkdir(const char *path, mode_t mode) {
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (!result && is_ours(path)) note_text(MAKE_DIRECTORY, 0, 0, path);
    return result;
}

static void forget(const char *path) {
    pthread_mutex_lock(&lock);
    for (unsigned file = 1; file <= files; file++)
        if (paths[file] && !strcmp(paths[file], path)) {
            free(paths[file]);
            paths[file] = NULL;
        }
    pthread_mutex_unlock(&lock);
}
int unlink(const char *path) {
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (!result && is_ours(path)) {
        note_text(REMOVE, 0, 0, path);
        forget(path);
    }
    return result;
}
int rename(const char *from, const char *to) {
    int result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (!result && (is_ours(from) || is_ours(to))) {
        note_text(RENAME, 0, 0, from);
        forget(from);
        forget(to);
    }
    return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
    if (take(THREAD_ERRORS)) return EAGAIN;
    return real(thread, attributes, run, argument);
}
