/* Linux and macOS: what starter.h asks of the system. */

#define _GNU_SOURCE
#include "starter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int file = -1, held = -1, locked = -1;

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL; /* relative ones are invalid by the standard */
}

static void write_path(char *folder, const char *base, const char *below) {
    int n = base ? snprintf(folder, PATH_LENGTH, "%s/%s", base, below) : 0;
    if (n <= 0 || n >= PATH_LENGTH) folder[0] = 0;
}

int place(int number, char *folder) {
    char own[64];
    snprintf(own, sizeof own, "fastbg-program-%lu", (unsigned long)geteuid());
    if (getenv("FASTBG_UNPACK")) {
        write_path(folder, variable("FASTBG_UNPACK"), "fastbg-program");
        return number == 0;
    }
    switch (number) {
#ifdef __APPLE__
    case 0: return write_path(folder, variable("HOME"), "Library/Caches/fastbg-program"), 1;
#else
    case 0:
        write_path(folder, variable("XDG_CACHE_HOME"), "fastbg-program");
        if (!folder[0]) write_path(folder, variable("HOME"), ".cache/fastbg-program");
        return 1;
#endif
    case 1: return write_path(folder, variable("TMPDIR"), own), 1;
    case 2: return write_path(folder, "/tmp", own), 1;
    case 3: return write_path(folder, "/var/tmp", own), 1;
    default: return 0;
    }
}

int place_is_safe(const char *folder) {
    struct stat found;
    if (make_folder(folder) || lstat(folder, &found)) return 1; /* what follows says why */
    return S_ISDIR(found.st_mode) && found.st_uid == geteuid() && !(found.st_mode & 022);
}

int make_folder(const char *path) {
    char part[PATH_LENGTH];
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return 0;
    if (errno != ENOENT) return errno;
    snprintf(part, sizeof part, "%s", path);
    char *last = strrchr(part, '/');
    if (!last || last == part) return ENOENT;
    *last = 0;
    int error = make_folder(part);
    if (error) return error;
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

int make_link(const char *target, const char *path) {
    return symlink(target, path) ? errno : 0;
}

int move(const char *from, const char *to) {
    return rename(from, to) ? errno : 0; /* of folders: fails if `to` holds anything */
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *where) {
    (void)found, (void)kind, (void)where;
    return remove(path) && 0; /* goes on whatever could not be removed */
}

int remove_all(const char *path) {
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) ? errno : 0;
}

int open_file(const char *path) {
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file < 0 ? errno : 0;
}

int write_file(const void *bytes, size_t n) {
    while (n) {
        ssize_t written = write(file, bytes, n);
        if (written < 0 && errno != EINTR) return errno;
        if (written < 0) continue;
        bytes = (const char *)bytes + written;
        n -= (size_t)written;
    }
    return 0;
}

int close_file(int executable) {
    int error = fchmod(file, executable ? 0700 : 0600) ? errno : 0;
    return close(file) && !error ? errno : error; /* some systems tell only now that a disk is full */
}

long long size_of(const char *path) {
    struct stat found;
    return lstat(path, &found) ? -1 : (long long)found.st_size;
}

void each_name(const char *folder, void (*told)(const char *folder, const char *name)) {
    DIR *names = opendir(folder);
    if (!names) return;
    for (struct dirent *entry; (entry = readdir(names));) told(folder, entry->d_name);
    closedir(names);
}

int lock_unpacking(const char *folder) {
    locked = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return locked < 0 || flock(locked, LOCK_EX) ? errno : 0;
}

void unlock(void) {
    if (locked >= 0) close(locked);
    locked = -1;
}

int hold(const char *program) {
    if (held >= 0) close(held);
    held = open(program, O_RDONLY | O_DIRECTORY); /* stays open in the program that is started */
    return held < 0 || flock(held, LOCK_SH) ? errno : 0;
}

int is_held(const char *program) {
    int folder = open(program, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int free = folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) == 0;
    if (folder >= 0) close(folder);
    return !free;
}

unsigned long process_number(void) {
    return (unsigned long)getpid();
}

/* The program finds its files by its first argument where there is no /proc, so the name by which it
 * was called comes by another way; entry.py takes it. */
int start(char *program, char **arguments) {
    if (arguments[0]) {
        setenv("FASTBG_CALLED", arguments[0], 1);
        arguments[0] = program;
    }
    execv(program, arguments);
    return errno;
}

const char *reason(int error) {
    return strerror(error);
}
