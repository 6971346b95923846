/* The payload of a starter in tests: a plain archive in a file. */

#include "starter.h"

#include <stdio.h>

static FILE *archive;

void payload_rewind(void) {
    if (!archive) archive = fopen(PAYLOAD, "rb");
    rewind(archive);
}

long payload_read(void *bytes, size_t n) {
    return (long)fread(bytes, 1, n, archive);
}
