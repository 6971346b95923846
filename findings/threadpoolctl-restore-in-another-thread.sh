#!/usr/bin/env bash
# threadpoolctl 3.8.0 with the OpenBLAS of numpy's wheels (which has threads of its own).
#
# Behaviour. A limit that one thread sets, as `limits = threadpool_limits(1, "blas")`, and another
# thread lifts, by `limits.restore_original_limits()`, stays: the call raises nothing and does
# nothing. Until threadpoolctl 3.6.0 the same call lifts it. So a limit that several threads share,
# set by the first and lifted by the last of them, leaves BLAS with one thread for ever after an
# update of threadpoolctl. The thread that has set the limit must live until it is lifted.
#
# Source: the docstring of `OpenBLASController` in 3.8.0 says that other threads silently do
# nothing. Seen on x86_64 Linux with Python 3.11 and numpy 2.4.6.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/restore.py" <<'PYTHON'
import threading

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

np.ones((8, 8)) @ np.ones((8, 8))


def blas_threads():
    return max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")


seen = [blas_threads()]
limits = threadpool_limits(1, "blas")
seen.append(blas_threads())
last = threading.Thread(target=limits.restore_original_limits)
last.start()
last.join()
seen.append(blas_threads())
print(*seen)
PYTHON
status=0
check() {  # version, the threads of BLAS that are expected
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/pip" install -q numpy==2.4.6 "threadpoolctl==$1"
  local seen
  seen=$(OPENBLAS_NUM_THREADS=2 "$folder/$1/bin/python" "$folder/restore.py")
  echo "threadpoolctl $1: threads of BLAS before, limited, and lifted in another thread: $seen"
  if [ "$seen" != "$2" ]; then
    echo "it was $2 when this was found: the behaviour has changed"
    status=1
  fi
}
check 3.6.0 "2 1 2"
check 3.8.0 "2 1 1"
exit $status
