/* The starter of the one file: what it asks of the system, and where it reads its payload.
 *
 * The payload is a tar archive of the program (ustar: files, folders and links), compressed.
 * fastbg.c unpacks it once and starts what it unpacked. All paths are UTF-8. Functions that can
 * fail return 0 for success and otherwise an error of the system, which `reason` puts in words.
 */

#ifndef STARTER_H
#define STARTER_H

#include <stddef.h>

enum { PATH_LENGTH = 4096 };

/* The payload (payload.c; a plain archive in tests). Returns the bytes read, fewer than n at the end
 * only, or -1 if the payload is damaged. */
long payload_read(void *bytes, size_t n);
void payload_rewind(void);

/* A running number of places that may hold the program, best first: 0 if there is no such place. */
int place(int number, char *folder);
int place_is_safe(const char *folder); /* nobody else can put a program there */

int make_folder(const char *path); /* with those above it; that it exists is no failure */
int make_link(const char *target, const char *path);
int move(const char *from, const char *to); /* fails if `to` exists */
int remove_all(const char *path);           /* as far as it can be removed */

/* Files are written as a whole, so one at a time is open. */
int open_file(const char *path);
int write_file(const void *bytes, size_t n);
int close_file(int executable);

/* The size of a file, without following a link; -1 if there is none. */
long long size_of(const char *path);

/* Calls back with each name in a folder. */
void each_name(const char *folder, void (*told)(const char *folder, const char *name));

int lock_unpacking(const char *folder); /* waits for other processes; released by `unlock` */
void unlock(void);
int hold(const char *program);        /* until this process and what it starts have ended */
int is_held(const char *program);     /* by any process; unknown counts as held */
unsigned long process_number(void);

/* Starts the program in the place of this one, with its arguments: returns only an error. It can
 * tell by which name it was called. */
int start(char *program, char **arguments);
const char *reason(int error);

#endif
