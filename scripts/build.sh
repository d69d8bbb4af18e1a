#!/bin/bash
# Builds dmm, dmm-lab and dmmd into bin/, so that they run from any folder. A program that tests DMM is built only if it is named:
#   scripts/build.sh [simulate | fuzz]
set -euo pipefail
cd "$(dirname "$0")/.."
# The invariant mode needs no ICU, and nothing here is localized.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
scripts/install-packages.sh runtime native
scripts/need-dotnet.sh
configuration=${CONFIGURATION:-Release}

build() { # project name option...
  local project=$1 name=$2
  shift 2
  dotnet publish "$project" --configuration "$configuration" --output "bin/lib/$name" --nologo --verbosity quiet "$@"
  # This script replaces the program that the SDK makes: the latter finds .NET only in the places where it expects it.
  cat > "bin/$name" <<EOF
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
exec "\${DOTNET_ROOT:+\$DOTNET_ROOT/}dotnet" "\$here/lib/$name/$name.dll" "\$@"
EOF
  chmod +x "bin/$name"
}

here_alone=(--use-current-runtime --self-contained false)
# The daemon is compiled ahead for this machine, so it starts in half the time (docs/develop/decisions/0004).
build src/Dmm.Daemon dmmd "${here_alone[@]}" --property:PublishReadyToRun=true
# The lab draws plots with native libraries: only those of this platform are included.
build src/Dmm.Lab dmm-lab "${here_alone[@]}"
case ${1:-} in
  '') ;;
  simulate) build tests/Dmm.Simulation dmm-simulate "${here_alone[@]}" ;;
  fuzz) build tests/Dmm.Fuzz dmm-fuzz "${here_alone[@]}" ;;
  *) echo "build: there is nothing named $1 to build; there are simulate and fuzz" >&2; exit 2 ;;
esac
# The command is one native program (docs/develop/decisions/0035): it starts at once, and needs no .NET.
rm -rf bin/lib/dmm
dotnet publish src/Dmm.Cli --configuration "$configuration" --output bin/lib/dmm --nologo --verbosity quiet --use-current-runtime \
  --property:PublishAot=true
cp -f bin/lib/dmm/dmm bin/dmm.new
mv -f bin/dmm.new bin/dmm
rm -rf bin/lib/dmm
echo "built: $PWD/bin/dmm, dmm-lab${1:+, dmm-$1} and dmmd"
