#include "methods.h"

#include <string.h>

fbg_status fbg_choose_method(const char *name, size_t pixels, const fbg_method **method)
{
    if (strcmp(name, fbg_direct.name) == 0)
        *method = &fbg_direct;
    else if (strcmp(name, fbg_tiled.name) == 0)
        *method = &fbg_tiled;
    else if (strcmp(name, "auto") == 0)
        *method = pixels < FBG_FEW_PIXELS ? &fbg_direct : &fbg_tiled;
    else
        return FBG_UNKNOWN_METHOD;
    return FBG_OK;
}
