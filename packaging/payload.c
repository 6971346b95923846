/* The payload: inside of this program, compressed with zstd. */

#include "starter.h"

#include "zstd.h"

/* An address in the program instead of a part appended to it: signatures cover it, too. */
#ifdef __APPLE__
#define SECTION ".const_data\n"
#define SYMBOL(name) "_" name
#elif defined(_WIN32)
#define SECTION ".section .rdata,\"dr\"\n"
#define SYMBOL(name) name
#else
#define SECTION ".section .rodata\n"
#define SYMBOL(name) name
#endif

__asm__(SECTION ".globl " SYMBOL("payload") "\n.globl " SYMBOL("payload_end") "\n" SYMBOL("payload")
        ":\n.incbin \"payload.tar.zst\"\n" SYMBOL("payload_end") ":\n.byte 0\n.text\n");
extern const unsigned char payload[], payload_end[];

static ZSTD_DStream *stream;
static ZSTD_inBuffer input;

void payload_rewind(void) {
    if (!stream) stream = ZSTD_createDStream();
    ZSTD_initDStream(stream);
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27);
    input = (ZSTD_inBuffer){payload, (size_t)(payload_end - payload), 0};
}

long payload_read(void *bytes, size_t n) {
    ZSTD_outBuffer output = {bytes, n, 0};
    while (output.pos < n) {
        size_t before = output.pos + input.pos;
        size_t left = ZSTD_decompressStream(stream, &output, &input);
        if (ZSTD_isError(left)) return -1;
        if (output.pos + input.pos == before) break;
    }
    return (long)output.pos;
}
