/* Which samples of an image count. */
#ifndef FBG_SAMPLES_H
#define FBG_SAMPLES_H

#include <math.h>

/* `least` is FBG_MISSING_LEVEL for images, and less than 0 where zeros count too. */
static inline int fbg_is_valid(float sample, float least)
{
    const float size = fabsf(sample);
    return size > least && size < INFINITY;
}

#endif
