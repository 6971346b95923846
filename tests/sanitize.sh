#!/usr/bin/env bash
# Runs tests with the C code built for sanitizers, which end it where it reads or writes memory
# that is not its own, or does what C leaves undefined:
#
#     tests/sanitize.sh                      address and undefined behaviour, all tests
#     tests/sanitize.sh tests/test_fit.py    the same, some tests (any arguments of pytest)
#     SANITIZE=thread tests/sanitize.sh      data races between threads
#
# In a virtual environment with fastbg[test], installed as usual (not editable); `python` is its own.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
kinds=${SANITIZE:-address,undefined}
built=$(mktemp -d)
trap 'cat "$built"/report.* 2>/dev/null || true; rm -rf "$built"' EXIT

library() { "${CC:-cc}" -print-file-name="$1"; }
without=
case $kinds in
*thread*)
  preload=$(library libtsan.so)
  # Shells do not start with it, nor do threads after a fork.
  without="--deselect tests/test_faults_disk.py --deselect tests/test_cli.py::test_doctor_asks_nvidia_smi"
  without+=" --deselect tests/test_methods.py::test_a_forked_process_evaluates_without_the_threads_of_its_parent"
  ;;
*) preload=$(library libasan.so):$(library libubsan.so) ;;
esac

python -m pip install --quiet --no-deps --target "$built/site" "$root" \
  --config-settings=build-dir="$built/build" --config-settings=cmake.build-type=RelWithDebInfo \
  --config-settings=cmake.define.FASTBG_SANITIZE="$kinds"
cd "$root"
# The interpreter itself keeps memory until it ends; races are sought in fastbg, not in its libraries.
# Reports go to files, since what a test writes is lost with its process.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:log_path=$built/report
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$built/report
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:exitcode=66:allocator_may_return_null=1:log_path=$built/report
[ $# -gt 0 ] || set -- tests
# Left out are tests that measure memory, of which sanitizers take most.
LD_PRELOAD=$preload PYTHONPATH=$built/site python -P -m pytest -p no:cacheprovider \
  --deselect tests/test_memory.py \
  --deselect tests/test_faults_input.py::test_memory_that_ends $without "$@"
