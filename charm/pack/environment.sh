# Sourced by the other scripts: a Python environment with charmcraft and charm-tools, made on first use.
# Sets ROOT (the project), WORK (scratch, beside the build) and TOOLS (the environment's bin directory).

set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
WORK=${CARGO_TARGET_DIR:-$ROOT/target}/charm
TOOLS=$WORK/python/bin
mkdir -p "$WORK"

requirements=$ROOT/charm/pack/requirements.txt
if ! cmp -s "$requirements" "$WORK/python/requirements.txt"; then
    # The system's own Python, if it is there: charmcraft asks it for python3-apt when it packs.
    python=/usr/bin/python3
    [ -x "$python" ] || python=python3
    "$python" -m venv --clear --system-site-packages "$WORK/python" || {
        echo "charm: needs Python 3 with venv (Debian: apt-get install python3-venv)" >&2
        exit 1
    }
    "$TOOLS/pip" install --quiet --ignore-installed -r "$requirements"
    cp "$requirements" "$WORK/python/requirements.txt"
fi
