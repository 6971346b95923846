/* The one file: unpacks the program into a folder of the user's cache once, and starts it.
 *
 * A folder has the name of what it holds, a hash of the payload, and appears by a rename when it is
 * complete; so whatever stops the unpacking, nothing incomplete is ever started. Each start checks
 * that all files are there, since programs that clean caches may remove some of them.
 */

#include "starter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h" /* NAME, the folder; PROGRAM, in it; FILES, the names and sizes of all files */

enum { BLOCK = 512, PIECE = 1 << 16, DAMAGED = -1, TOO_LONG = -2 };

static char why[PATH_LENGTH + 256]; /* of the last place that did not serve */

static const char *words(int error) {
    if (error == DAMAGED) return "the file of the program is damaged: download it again";
    if (error == TOO_LONG) return "its path is too long";
    return reason(error);
}

static int joined(char *path, const char *folder, const char *name) {
    int n = snprintf(path, PATH_LENGTH, "%s/%s", folder, name);
    return n < 0 || n >= PATH_LENGTH ? TOO_LONG : 0;
}

static int is_complete(const char *program) {
    char path[PATH_LENGTH];
    for (const struct file *file = FILES; file->name; file++)
        if (joined(path, program, file->name) || size_of(path) != file->size) return 0;
    return 1;
}

static int unpack_file(const char *path, long long size, int executable) {
    static char piece[PIECE];
    int error = open_file(path);
    if (error) return error;
    long long left = (size + BLOCK - 1) / BLOCK * BLOCK; /* a file fills whole blocks */
    while (left > 0 && !error) {
        long n = left < PIECE ? (long)left : PIECE;
        if (payload_read(piece, (size_t)n) != n) error = DAMAGED;
        else if (size > 0) error = write_file(piece, (size_t)(size < n ? size : n));
        left -= n;
        size -= n;
    }
    int closed = close_file(executable);
    return error ? error : closed;
}

/* One entry of the archive: its header has been read. */
static int unpack_entry(const char *header, const char *folder) {
    char name[BLOCK], link[101], path[PATH_LENGTH];
    snprintf(name, sizeof name, "%.155s%s%.100s", header + 345, header[345] ? "/" : "", header);
    snprintf(link, sizeof link, "%.100s", header + 157);
    int error = joined(path, folder, name);
    if (error) return error;
    switch (header[156]) {
    case '5': return make_folder(path);
    case '2': return make_link(link, path);
    case '0': return unpack_file(path, strtoll(header + 124, NULL, 8), header[100 + 4] & 1);
    default: return DAMAGED;
    }
}

static int unpack(const char *folder) {
    char header[BLOCK];
    int error = make_folder(folder);
    payload_rewind();
    while (!error) {
        if (payload_read(header, BLOCK) != BLOCK) return DAMAGED;
        if (!header[0]) return 0; /* the end of the archive is an empty block */
        error = unpack_entry(header, folder);
    }
    return error;
}

/* Remove what nobody needs any more: earlier versions, and what was unpacked in part. */
static void tidy(const char *folder, const char *name) {
    char path[PATH_LENGTH], part[PATH_LENGTH];
    size_t n = strlen(name);
    int is_part = n > 5 && !strcmp(name + n - 5, ".part");
    int is_program = n == strlen(NAME) && strspn(name, "0123456789abcdef") == n;
    if (!strcmp(name, NAME) || !(is_part || is_program) || joined(path, folder, name)) return;
    if (is_program) {
        snprintf(part, sizeof part, "%s/old-%lu.part", folder, process_number());
        if (is_held(path) || move(path, part)) return;
        strcpy(path, part);
    }
    remove_all(path);
}

/* Unpack beside the place of the program, and put it there when it is complete. */
static int renew(const char *folder, const char *program) {
    char part[PATH_LENGTH], old[PATH_LENGTH];
    if (snprintf(part, sizeof part, "%s/%lu.part", folder, process_number()) >= PATH_LENGTH ||
        snprintf(old, sizeof old, "%s/broken-%lu.part", folder, process_number()) >= PATH_LENGTH)
        return TOO_LONG;
    int error = unpack(part);
    if (!error) {
        move(program, old); /* if there is one, files of it are missing */
        error = move(part, program);
        if (error && is_complete(program)) error = 0; /* another process was faster */
    }
    remove_all(part);
    return error;
}

/* The program in a folder, unpacked if need be and held; 0, or why it cannot be there. */
static int provide(const char *folder, char *program) {
    int error = joined(program, folder, NAME);
    if (error) return error;
    hold(program);
    if (is_complete(program)) return 0;
    error = make_folder(folder);
    if (error) return error;
    int alone = !lock_unpacking(folder); /* if not, two processes may unpack, side by side */
    if (!is_complete(program)) {
        error = renew(folder, program);
        if (!error && alone) each_name(folder, tidy);
    }
    if (!error) hold(program);
    unlock();
    return error;
}

int main(int count, char **arguments) {
    char folder[PATH_LENGTH], program[PATH_LENGTH], path[PATH_LENGTH];
    (void)count;
    for (int number = 0; place(number, folder); number++) {
        if (!folder[0] || !place_is_safe(folder)) continue;
        int error = provide(folder, program);
        if (error == DAMAGED) {
            fprintf(stderr, "fastbg: %s\n", words(error));
            return 1;
        }
        if (!error) error = joined(path, program, PROGRAM);
        if (!error) error = start(path, arguments);
        snprintf(why, sizeof why, "%s: %s", folder, words(error));
    }
    fprintf(stderr,
            "fastbg: cannot be unpacked (%s): make room there, or name another folder in "
            "FASTBG_UNPACK\n",
            why[0] ? why : "no folder is private to this user");
    return 1;
}
