using System.Globalization;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Builds the command line that starts QEMU as what it should be: in its own session, so that it outlives the daemon and its terminal, in
/// its own control group, with its own oom score, and as its own user. Each program on the way replaces itself by the next in the same
/// process, so the child that the daemon started becomes QEMU: <c>setsid</c>, <c>systemd-run --scope</c>, a shell, <c>setpriv</c>, QEMU.
/// Source: setsid(1), systemd-run(1), setpriv(1).
/// </summary>
internal static class LaunchLine
{
    public const string Session = "setsid";

    /// <summary>What the shell is called in the process's arguments.</summary>
    private const string Mark = "dmm-launch";

    /// <summary>
    /// Whether a process with a QEMU's arguments is one that becomes it: it has the words of this line, or is the last program before it.
    /// </summary>
    public static bool IsOnTheWay(HostProcess process) => process.Has(Script, Mark) || process.Program() == "setpriv";

    /// <summary>
    /// Whether a process with a QEMU's arguments runs the configured binary as a script, which becomes QEMU, as Debian's <c>kvm</c> is one.
    /// The arguments are then the interpreter, the one word that the script's first line may give it, and the script. Source: execve(2).
    /// </summary>
    public static bool IsWrapper(HostProcess process, string binary)
    {
        var name = Path.GetFileName(binary);
        return process.Arguments() switch
        {
            [_, var script, ..] when Path.GetFileName(script) == name => true,
            [_, ['-', ..], var script, ..] => Path.GetFileName(script) == name,
            _ => false,
        };
    }

    /// <summary>
    /// Runs in the process that becomes QEMU, with the arguments oom score, place, command. A score or a group that can't be had is said,
    /// and the VM is started without. The umask is that of QEMU's own daemons. QEMU keeps stderr alone: nobody reads its stdout.
    /// </summary>
    private const string Script =
        """
        umask 027
        echo "$1" >/proc/self/oom_score_adj || echo "dmm: its oom score could not be set to $1" >&2
        case $2 in
        '') ;;
        scope:*)
          own=
          while IFS=: read -r number controllers path; do
            [ "$number" = 0 ] && own=${2#scope:}$path
          done <"$3"
          case $own in
          */dmm-vm-*.scope)
            mkdir "$own/vm" && echo $$ >"$own/vm/cgroup.procs" && echo +memory >"$own/cgroup.subtree_control" ||
              echo "dmm: it could not enter the control group $own/vm" >&2 ;;
          *) echo "dmm: systemd put it into $own instead of a scope of its own" >&2 ;;
          esac ;;
        *) echo $$ >"$2/cgroup.procs" || echo "dmm: it could not enter the control group $2" >&2 ;;
        esac
        shift 3
        exec "$@" </dev/null >/dev/null
        """;

    public static IReadOnlyList<string> Build(
        VmSpec spec, QemuSettings settings, LaunchUser? user, GroupEntry group, IReadOnlyList<string> arguments) =>
    [
        Session, .. group.Before, "/bin/sh", "-c", Script, Mark,
        OomScore.Of(spec.Policy.Shares).ToString(CultureInfo.InvariantCulture), group.Place,
        Path.Combine(settings.Root, "proc/self/cgroup"), .. user?.Before(settings.SetPriv) ?? [], settings.Binary, .. arguments,
    ];
}
