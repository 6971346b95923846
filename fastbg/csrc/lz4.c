/* Decoding of a raw LZ4 block in pieces, which liblz4 does for whole blocks only:
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md.
 *
 * A block is a row of sequences: a token, with the lengths of what follows in its two halves; further
 * bytes of the first length; literals; the distance of a match in 2 bytes; further bytes of the second
 * length. The last sequence ends with its literals. */
#include <string.h>

#include "fastbg.h"

enum { TOKEN, MORE_LITERALS, LITERALS, LOW, HIGH, MORE_MATCH, MATCH };
enum { FULL = 15, SHORTEST_MATCH = 4, WILD = 16 };

static inline uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Copies a match, which may overlap what it makes. */
static void repeat(uint8_t *to, size_t distance, size_t count, size_t room)
{
    const uint8_t *from = to - distance;
    if (distance >= WILD && count + WILD <= room)
        for (size_t at = 0; at < count; at += WILD)
            memcpy(to + at, from + at, WILD);
    else if (distance == 1)
        memset(to, *from, count);
    else
        for (size_t at = 0; at < count; at++)
            to[at] = from[at];
}

fbg_status fbg_lz4_decode(fbg_lz4 *state, const uint8_t *packed, size_t size, size_t *used,
                          uint8_t *out, size_t room, size_t *filled)
{
    fbg_lz4 s = *state;
    const uint8_t *in = packed, *const end = packed + size;
    uint8_t *to = out + *filled, *const stop = out + room;
    fbg_status status = FBG_OK;
    for (;;) {
        if (s.step == LITERALS) {
            const size_t count = least(s.literals, least(end - in, stop - to));
            memcpy(to, in, count);
            to += count, in += count, s.literals -= count;
            if (s.literals)
                break;
            s.step = LOW;
        } else if (s.step == MATCH) {
            const size_t count = least(s.match, stop - to);
            if (!s.distance || s.distance > (size_t)(to - out)) {
                status = FBG_DAMAGED;
                break;
            }
            repeat(to, s.distance, count, stop - to);
            to += count, s.match -= count;
            if (s.match)
                break;
            s.step = TOKEN;
        }
        if (in == end)
            break;
        const uint64_t place = s.consumed + (in - packed);
        const unsigned byte = *in++;
        switch (s.step) {
        case TOKEN:
            s.sequence = place;
            s.literals = byte >> 4;
            s.match = (byte & FULL) + SHORTEST_MATCH;
            s.step = s.literals == FULL ? MORE_LITERALS : LITERALS;
            break;
        case MORE_LITERALS:
            s.literals += byte;
            s.step = byte == 255 ? MORE_LITERALS : LITERALS;
            break;
        case LOW:
            s.distance = byte;
            s.step = HIGH;
            break;
        case HIGH:
            s.distance |= byte << 8;
            s.step = s.match == FULL + SHORTEST_MATCH ? MORE_MATCH : MATCH;
            break;
        case MORE_MATCH:
            s.match += byte;
            s.step = byte == 255 ? MORE_MATCH : MATCH;
            break;
        }
    }
    *used = in - packed;
    *filled = to - out;
    s.consumed += *used;
    s.is_complete = s.step == LOW;
    *state = s;
    return status;
}
