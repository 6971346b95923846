#!/usr/bin/env bash
# astropy 8.0.2: an empty text whose comment has a quotation mark at its end is read back as another text.
#
# Behaviour. `Header["NOTE"] = ("", "field of 5'")` writes the card `NOTE    = '' / field of 5'`, which is
# right: a text ends at a quotation mark that no other one follows (FITS 4.0, section 4.2.1.1). Read
# back by `Header.fromstring`, the value is no longer empty: it is the second quotation mark, the slash
# and all of the comment but its last mark, and there is no comment. Cards whose text is not empty, and
# comments that end otherwise, come back as they were. No warning is given, and `Card.verify` finds
# nothing. An arc minute at the end of a comment is enough.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q astropy==8.0.2
cat > "$folder/cards.py" <<'PYTHON'
import sys
import warnings

from astropy.io import fits

warnings.simplefilter("error")
changed = {}
for value, comment in (("", "field of 5'"), ("x", "field of 5'"), ("", "5 arc minutes")):
    header = fits.Header()
    header["NOTE"] = (value, comment)
    text = header.tostring()
    again = fits.Header.fromstring(text)
    again.cards[0].verify("exception")
    read = again["NOTE"], again.comments["NOTE"]
    changed[value, comment] = read != (value, comment)
    print(f"{text[:80].rstrip()!r} of {(value, comment)} is read as {read}")
if [*changed.values()] == [True, False, False]:
    print("astropy reads an empty text as its comment where that ends in a quotation mark")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/cards.py"
