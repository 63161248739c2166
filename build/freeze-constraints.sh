#!/usr/bin/env bash
# Writes constraints.txt: the exact versions that the tests last passed with.
set -euo pipefail
cd "$(dirname "$0")/.."
{
  echo "# Versions that were tested together. Written by build/freeze-constraints.sh."
  .venv/bin/python -m pip freeze --exclude-editable | sed -E 's/\+cpu$//' | grep -vE '^(divisive|-e |pip==|setuptools==)' | grep -v '@ file'
} > constraints.txt
