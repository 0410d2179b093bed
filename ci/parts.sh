# Sourced by gpu.sh and first_call.sh, with the folder of results as $1, if one is given.
#
# Makes that folder ($out; default: $OUT, else benchmarks/results) and puts this checkout and the
# wheels of ci/wheels on Python's path. With --dry-run as $1 nothing is run: each part prints its
# command, and the ordinary tests check that what it names exists.
dry_run=
if [ "${1:-}" = --dry-run ]; then
  dry_run=yes
  shift
fi
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
out=${1:-${OUT:-benchmarks/results}}
if [ -z "$dry_run" ]; then
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
  for wheel in ci/wheels/*.whl; do
    [ -e "$wheel" ] && python3 -m zipfile -e "$wheel" "$packages"
  done
fi
export PYTHONPATH="$PWD:$packages${PYTHONPATH:+:$PYTHONPATH}"
export XLA_PYTHON_CLIENT_PREALLOCATE=false # else a process that imports JAX takes most of the card
if [ -d ci/fashion-mnist ]; then export FASHION_MNIST="$PWD/ci/fashion-mnist"; fi
failed=()

part() { # name, seconds, seconds to end in after the interrupt, command …
  local name=$1 limit=$2 grace=$3
  shift 3
  case " ${PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
  if [ -n "$dry_run" ]; then
    printf '%s\0' "part $name" "$@"
    return
  fi
  echo "== $name: at most $limit s"
  timeout --signal=INT --kill-after="$grace" "$limit" "$@" 2>&1 | tee "$out/$name.log"
  local status=${PIPESTATUS[0]}
  echo "== $name: exit status $status after $SECONDS s in all"
  [ "$status" -eq 0 ] || failed+=("$name")
}

needed() { # name: nothing that follows makes sense if that part has failed
  case " ${failed[*]-} " in *" $1 "*) end ;; esac
}

has_module() { # name: whether Python finds it; of a dry run, no
  [ -z "$dry_run" ] && python3 -c "import $1" 2>/dev/null
}

end() { # the exit status tells whether a part failed
  [ ${#failed[@]} -eq 0 ] && exit
  echo "failed: ${failed[*]}"
  exit 1
}

# the suite's own options ask for pytest-xdist, which may be missing here
pytest=(python3 -m pytest -q -rfE -o addopts= --strict-markers --import-mode=importlib -p no:cacheprovider)
# what this machine's versions of the libraries deprecate in each other is no fault of a test
pytest+=(-W default::DeprecationWarning -W default::FutureWarning --continue-on-collection-errors)
if has_module xdist; then pytest+=(-n 8); fi
