#!/bin/sh
# Makes the model and the sample's files. Debian packages: espeak-ng python3-torch python3-numpy python3-flatbuffers.
# Debian installs these libraries for its own interpreter only, hence the absolute path; PYTHON=... overrides it.
set -eu
cd "$(dirname "$0")"
command -v espeak-ng >/dev/null || { echo "espeak-ng is missing (apt-get install espeak-ng)" >&2; exit 1; }
PYTHON=${PYTHON:-/usr/bin/python3}
"$PYTHON" -c 'import flatbuffers, numpy, torch' || { echo "needs python3-flatbuffers, python3-numpy, python3-torch" >&2; exit 1; }
# One thread: the work on the data is spread over processes, and layers this small gain little from more threads.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$PYTHON" make.py "$@"
