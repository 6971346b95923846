#!/usr/bin/env bash
# typer 0.28.0 and 0.29.2.
#
# Behaviour. Since 0.29.0, typer loads pydantic as soon as a command that has an option or an
# argument other than a switch is called, also if nothing needs a conversion: a text that stays
# a text, an option that is not given, or an argument with a `parser` of its own. Nothing loads
# it for `--help`, or at the import of typer, so that a test of the time of the import, or of `--help`,
# sees no change. The process takes 12 to 15 MB more for it, and 60 ms of processor time on the machine
# where it was measured. There is no setting that avoids it.
#
# Source: the metadata of the releases (pydantic is a dependency from 0.29.0 on), and what is seen
# here. Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/program.py" <<'PYTHON'
import resource
import sys
from typing import Annotated

import typer


def main(
    name: Annotated[str, typer.Argument(parser=lambda text: text)] = "sky",
    unused: str = "",
) -> None:
    pass


app = typer.Typer()
app.command()(main)
try:
    app()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("peak in KiB:", peak, file=sys.stderr)
    print("loaded" if "pydantic" in sys.modules else "not loaded", file=sys.stderr)
PYTHON
status=0
check() {  # version, arguments, what is expected
  local seen
  "$folder/$1/bin/python" "$folder/program.py" $2 > /dev/null 2> "$folder/told"
  seen=$(tail -n 1 "$folder/told")
  echo "typer $1, called with '$2': pydantic is $seen; $(head -n 1 "$folder/told")"
  if [ "$seen" != "$3" ]; then
    echo "it was $3 when this was found: the behaviour has changed"
    status=1
  fi
}
for version in 0.28.0 0.29.2; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install -q "typer==$version"
done
for arguments in "" "moon"; do
  check 0.28.0 "$arguments" "not loaded"
  check 0.29.2 "$arguments" "loaded"
done
check 0.29.2 "--help" "not loaded"
exit $status
