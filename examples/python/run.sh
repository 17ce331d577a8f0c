#!/usr/bin/env bash
# Makes a Python client of the contract, in a temporary folder, and records a run with it.
#
#   apt-get install protobuf-compiler protobuf-compiler-grpc libprotobuf-dev python3-grpcio python3-protobuf
#   TALLY_URL=http://127.0.0.1:8080 TALLY_TOKEN=… examples/python/run.sh
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
proto="$here/../../proto"
client="$(mktemp -d)"
trap 'rm -rf "$client"' EXIT

protoc -I "$proto" --python_out="$client" --grpc_python_out="$client" \
  --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" "$proto"/tally/v1/*.proto
# Debian's packages belong to Debian's Python.
PYTHONPATH="$client" PYTHONDONTWRITEBYTECODE=1 "${PYTHON:-/usr/bin/python3}" "$here/record_run.py" "$@"
