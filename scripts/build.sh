#!/bin/bash
# Builds dmm and dmmd into bin/, so that they run from any folder.
set -euo pipefail
cd "$(dirname "$0")/.."
# Nothing here is localized: the SDK then needs no ICU.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
scripts/install-packages.sh runtime
scripts/need-dotnet.sh
configuration=${CONFIGURATION:-Release}
for program in Daemon:dmmd Cli:dmm; do
  # The daemon is compiled ahead for this machine: its start is half as long (docs/decisions/0004).
  ahead=()
  [ "${program##*:}" != dmmd ] || ahead=(--use-current-runtime --self-contained false --property:PublishReadyToRun=true)
  dotnet publish "src/Dmm.${program%%:*}" --configuration "$configuration" --output "bin/lib/${program##*:}" --nologo --verbosity quiet "${ahead[@]}"
  # A script rather than the program that the SDK makes: that one finds only a .NET that is installed where it expects it.
  cat > "bin/${program##*:}" <<EOF
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
exec "\${DOTNET_ROOT:+\$DOTNET_ROOT/}dotnet" "\$here/lib/${program##*:}/${program##*:}.dll" "\$@"
EOF
  chmod +x "bin/${program##*:}"
done
echo "built: $PWD/bin/dmm and $PWD/bin/dmmd"
