using System.Globalization;
using Dmm.Core;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu;

/// <summary>
/// How much more memory the control groups of a process let it have. A process that reaches such a limit is killed, whatever else the host
/// has free. What lies in groups that this daemon's own namespace does not show is left out.
/// </summary>
public static class ControlGroups
{
    /// <param name="root">Where <c>/proc</c> and <c>/sys</c> are; other than <c>/</c> in tests.</param>
    /// <returns>The least that is left in the process's group and those above it; null where none has a limit.</returns>
    public static MemorySize? RoomOf(int pid, string root = "/")
    {
        var rooms = LimitedGroup.Of(pid.ToString(CultureInfo.InvariantCulture), root).Select(group => group.Available).ToList();
        return rooms.Count == 0 ? null : rooms.Min();
    }
}
