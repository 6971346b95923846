/* Windows: what starter.h asks of the system. */

#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0A00
#include "starter.h"

#include <windows.h>

#include <stdio.h>
#include <string.h>
#include <wchar.h>

static HANDLE file = INVALID_HANDLE_VALUE, locked = INVALID_HANDLE_VALUE;

/* The path as Windows wants it; of two that are needed at once, each has its own buffer. */
static const wchar_t *wide(const char *path, int which) {
    static wchar_t buffers[2][PATH_LENGTH + 8];
    wchar_t *buffer = buffers[which];
    wcscpy(buffer, L"\\\\?\\"); /* paths may be longer than 260 */
    if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, buffer + 4, PATH_LENGTH)) buffer[4] = 0;
    for (wchar_t *c = buffer; *c; c++)
        if (*c == L'/') *c = L'\\';
    return buffer;
}

static int failed(BOOL success) {
    return success ? 0 : (int)GetLastError();
}

static void from_variable(char *folder, const wchar_t *name) {
    wchar_t value[PATH_LENGTH / 4];
    DWORD n = GetEnvironmentVariableW(name, value, PATH_LENGTH / 4);
    folder[0] = 0;
    if (!n || n >= PATH_LENGTH / 4 || value[1] != L':') return; /* not set, or relative */
    WideCharToMultiByte(CP_UTF8, 0, value, -1, folder, PATH_LENGTH - 32, NULL, NULL);
    strcat(folder, "/fastbg-program");
}

int place(int number, char *folder) {
    static const wchar_t *const NAMES[] = {L"LOCALAPPDATA", L"TEMP", L"TMP"};
    if (GetEnvironmentVariableW(L"FASTBG_UNPACK", NULL, 0)) {
        from_variable(folder, L"FASTBG_UNPACK");
        return number == 0;
    }
    if (number >= 3) return 0;
    from_variable(folder, NAMES[number]);
    return 1;
}

int place_is_safe(const char *folder) {
    (void)folder;
    return 1; /* these folders belong to the user */
}

int make_folder(const char *path) {
    char part[PATH_LENGTH];
    if (CreateDirectoryW(wide(path, 0), NULL)) return 0;
    DWORD error = GetLastError();
    if (error == ERROR_ALREADY_EXISTS) return 0;
    snprintf(part, sizeof part, "%s", path);
    char *last = strrchr(part, '/');
    if (error != ERROR_PATH_NOT_FOUND || !last) return (int)error;
    *last = 0;
    int above = make_folder(part);
    return above ? above : failed(CreateDirectoryW(wide(path, 0), NULL));
}

int make_link(const char *target, const char *path) {
    (void)target, (void)path;
    return ERROR_NOT_SUPPORTED; /* no build for Windows has any */
}

int move(const char *from, const char *to) {
    return failed(MoveFileExW(wide(from, 0), wide(to, 1), 0));
}

static void remove_below(const char *folder, const char *name) {
    char path[PATH_LENGTH];
    if (!strcmp(name, ".") || !strcmp(name, "..")) return;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) < PATH_LENGTH) remove_all(path);
}

int remove_all(const char *path) {
    DWORD attributes = GetFileAttributesW(wide(path, 0));
    if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY))
        return failed(DeleteFileW(wide(path, 0)));
    each_name(path, remove_below);
    return failed(RemoveDirectoryW(wide(path, 0)));
}

int open_file(const char *path) {
    file = CreateFileW(wide(path, 0), GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    return failed(file != INVALID_HANDLE_VALUE);
}

int write_file(const void *bytes, size_t n) {
    DWORD written; /* all or an error, for a file on a disk */
    return failed(WriteFile(file, bytes, (DWORD)n, &written, NULL));
}

int close_file(int executable) {
    (void)executable;
    return failed(CloseHandle(file));
}

long long size_of(const char *path) {
    WIN32_FILE_ATTRIBUTE_DATA found;
    if (!GetFileAttributesExW(wide(path, 0), GetFileExInfoStandard, &found)) return -1;
    return (long long)found.nFileSizeHigh << 32 | found.nFileSizeLow;
}

void each_name(const char *folder, void (*told)(const char *folder, const char *name)) {
    char pattern[PATH_LENGTH], name[3 * MAX_PATH];
    WIN32_FIND_DATAW found;
    if (snprintf(pattern, sizeof pattern, "%s/*", folder) >= PATH_LENGTH) return;
    HANDLE names = FindFirstFileW(wide(pattern, 0), &found);
    if (names == INVALID_HANDLE_VALUE) return;
    do {
        WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL);
        told(folder, name);
    } while (FindNextFileW(names, &found));
    FindClose(names);
}

int lock_unpacking(const char *folder) {
    char path[PATH_LENGTH];
    if (snprintf(path, sizeof path, "%s/unpack.lock", folder) >= PATH_LENGTH) return 1;
    for (;;) {
        locked = CreateFileW(wide(path, 0), GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                             FILE_FLAG_DELETE_ON_CLOSE, NULL);
        int error = failed(locked != INVALID_HANDLE_VALUE);
        if (error != ERROR_SHARING_VIOLATION && error != ERROR_ACCESS_DENIED) return error;
        if (size_of(path) < 0 && error == ERROR_ACCESS_DENIED) return error;
        Sleep(50); /* until the process that has it has unpacked */
    }
}

void unlock(void) {
    if (locked != INVALID_HANDLE_VALUE) CloseHandle(locked);
    locked = INVALID_HANDLE_VALUE;
}

/* The folder of a program that runs cannot be moved, which is all that a lock would do. */
int hold(const char *program) {
    (void)program;
    return 0;
}

int is_held(const char *program) {
    (void)program;
    return 0;
}

unsigned long process_number(void) {
    return GetCurrentProcessId();
}

static BOOL WINAPI left_to_the_program(DWORD event) {
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

/* Windows cannot replace a process: this one waits, and if it is killed, so is the program; but
 * not what that has started, such as a browser. */
int start(char *program, char **arguments) {
    STARTUPINFOW how = {.cb = sizeof how};
    PROCESS_INFORMATION started;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    DWORD code = 1;
    (void)arguments; /* as they were written, with the name by which this program was called */
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    SetConsoleCtrlHandler(left_to_the_program, TRUE);
    GetStartupInfoW(&how);
    /* "\\?\" is for files: the program must not see itself by such a name. */
    if (!CreateProcessW(wide(program, 0) + 4, GetCommandLineW(), NULL, NULL, TRUE,
                        CREATE_SUSPENDED, NULL, NULL, &how, &started))
        return (int)GetLastError();
    AssignProcessToJobObject(job, started.hProcess);
    ResumeThread(started.hThread);
    WaitForSingleObject(started.hProcess, INFINITE);
    GetExitCodeProcess(started.hProcess, &code);
    ExitProcess(code);
}

const char *reason(int error) {
    static char text[256];
    DWORD n = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                             (DWORD)error, 0, text, sizeof text, NULL);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == '.')) text[--n] = 0;
    return n ? text : "an unknown error";
}
