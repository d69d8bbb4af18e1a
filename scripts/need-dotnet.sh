#!/bin/bash
# Fails with one line that says what is missing if there is no .NET SDK 10.
set -euo pipefail
if ! command -v dotnet >/dev/null; then
  echo "dmm: the .NET SDK 10 is not on PATH; install it (https://learn.microsoft.com/dotnet/core/install/linux-debian), then try again" >&2
  exit 1
fi
if ! dotnet --list-sdks | grep -q '^10\.'; then
  echo "dmm: the .NET SDK 10 is needed; 'dotnet --list-sdks' shows $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd, | grep . || echo none)" >&2
  exit 1
fi
