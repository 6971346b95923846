#!/usr/bin/env bash
# First light on a GPU: installs fastbg and runs all that needs an NVIDIA GPU, within 8 minutes.
#
#     bench/first_light.sh                 all steps
#     bench/first_light.sh adam tests      these again, in the environment of the last run; 5 minutes
#
# It needs Python 3.11 or newer, an NVIDIA driver, and pip with a package index (or PIP_FIND_LINKS with
# PIP_NO_INDEX). Each step has its own time limit, and one that fails does not stop the others. Logs,
# JSON and profiles are left in $OUT (first_light below build/ unless it is set), and a table of the
# steps with their exit codes and of the figures is printed at the end.
#
#     PYTHON   the Python of the environment (python3)
#     WHEEL    the wheel of fastbg (the newest in dist/, or else it is built, which takes a C compiler)
#     EXTRA    cuda, or cuda13 for GPUs that CUDA 12 does not know
#     ENVIRONMENT      the folder of the environment (below build/)
#     SECONDS_IN_ALL   instead of the 8 or 5 minutes
#     SMOKE=--smoke    tiny figures, to see that the script works
set -u
cd "$(dirname "$0")/.." || exit
mkdir -p "${OUT:=build/first_light/out}"
OUT=$(cd "$OUT" && pwd)
environment=${ENVIRONMENT:-$PWD/build/first_light/environment}
python=$environment/bin/python
smoke=${SMOKE:-}

# The steps with their limits in seconds, the most important first.
order=(install doctor compilation tests adam lbfgs rendering jobs sanitizer tiles streaming profile bench)
declare -A limit=([install]=240 [doctor]=20 [compilation]=120 [tests]=60 [adam]=40 [lbfgs]=30
  [rendering]=30 [jobs]=90 [sanitizer]=60 [tiles]=60 [streaming]=60 [profile]=40 [bench]=120)

install() {
  if [[ -z ${WHEEL:-} ]]; then
    WHEEL=$(ls -t dist/fastbg-*.whl 2>/dev/null | head -n 1)
  fi
  if [[ -z $WHEEL ]]; then
    "${PYTHON:-python3}" -m pip wheel --quiet --no-deps --wheel-dir build/first_light . || return
    WHEEL=$(ls -t build/first_light/fastbg-*.whl | head -n 1)
  fi
  "${PYTHON:-python3}" -m venv --clear "$environment" &&
    "$python" -m pip install --quiet --disable-pip-version-check \
      "$WHEEL[${EXTRA:-cuda}]" pytest pytest-xdist pytest-benchmark hypothesis &&
    "$python" -m pip list --disable-pip-version-check
}

doctor() {
  nvidia-smi --query-gpu=name,driver_version,memory.total,memory.free,clocks.max.sm,clocks.max.mem \
    --format=csv || echo "nvidia-smi is not here"
  lscpu 2>/dev/null | grep "Model name"
  "$environment/bin/fastbg" doctor
}

tests() { "$environment/bin/pytest" -n 0 -q -m gpu tests/test_gpu.py; }

bench() { "$python" -u bench gpu --rounds 3 $smoke; }

figures() { "$python" -u bench first_light "$1" --json "$OUT/$1.json" $smoke; }

sanitizer() {
  if ! command -v compute-sanitizer; then
    echo "compute-sanitizer is not here"
    return
  fi
  local tool failed=0
  for tool in memcheck synccheck racecheck; do
    timeout 30 compute-sanitizer --tool "$tool" --error-exitcode 9 --log-file "$OUT/$tool.log" \
      "$python" -u bench first_light --smoke adam lbfgs rendering || failed=$?
  done
  return $failed
}

profile() {
  local run=("$python" bench first_light adam lbfgs rendering $smoke)
  if command -v nsys; then
    nsys profile --force-overwrite true --output "$OUT/timeline" "${run[@]}" &&
      nsys stats --report cuda_gpu_kern_sum "$OUT/timeline.nsys-rep"
  elif command -v ncu; then
    ncu --force-overwrite --launch-skip 300 --launch-count 40 --export "$OUT/kernels" "${run[@]}"
  else
    echo "neither nsys nor ncu is here"
  fi
}

if [[ ${1:-} == --step ]]; then
  case $2 in
  install | doctor | tests | sanitizer | profile | bench) "$2" ;;
  *) figures "$2" ;;
  esac
  exit
fi

steps=("$@")
for step in "${steps[@]}"; do
  if [[ -z ${limit[$step]:-} ]]; then
    echo "first_light.sh: there is no step $step, but: ${order[*]}" >&2
    exit 2
  fi
done
if ((${#steps[@]} == 0)); then
  steps=("${order[@]}")
  end=$((SECONDS + ${SECONDS_IN_ALL:-480}))
else
  end=$((SECONDS + ${SECONDS_IN_ALL:-300}))
fi
export OUT
table=$OUT/steps.tsv
printf 'step\texit code\tseconds\n' >"$table"
worst=0
for step in "${steps[@]}"; do
  left=$((end - SECONDS - 5)) begin=$SECONDS
  if ((left < 5)); then
    printf '%s\tno time was left\t0\n' "$step" >>"$table"
    worst=1
    continue
  fi
  echo "== $step"
  timeout -k 5 "$((left < limit[$step] ? left : limit[$step]))" \
    bash bench/first_light.sh --step "$step" >"$OUT/$step.log" 2>&1
  code=$?
  ((code == 0)) || worst=1
  printf '%s\t%s\t%s\n' "$step" "$code" "$((SECONDS - begin))" >>"$table"
done

echo
echo "Logs are in $OUT; exit code 124 or 137: the time of the step was up."
echo
column -t -s $'\t' "$table" 2>/dev/null || cat "$table"
echo
printf '| figure | value | limit | holds |\n|---|---|---|---|\n'
for step in "${steps[@]}"; do
  case $step in
  install | doctor | tests | sanitizer | profile | bench) ;;
  *) grep -h -e '^| ' -e '^no ' "$OUT/$step.log" | grep -v '^| figure' ;;
  esac
done
exit $worst
