using System.Globalization;
using Dmm.Core;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu;

/// <summary>
/// How much more memory a process may take under the limits of its control groups. A process that reaches such a limit is killed, however
/// much memory the host has free. Groups that this daemon's own namespace does not show are left out.
/// </summary>
public static class ControlGroups
{
    /// <param name="root">The folder that holds <c>/proc</c> and <c>/sys</c>; other than <c>/</c> in tests.</param>
    /// <returns>The smallest remainder in the process's group and those above it; null where none has a limit.</returns>
    public static MemorySize? RoomOf(int pid, string root = "/")
    {
        var rooms = LimitedGroup.Of(pid.ToString(CultureInfo.InvariantCulture), root).Select(group => group.Available).ToList();
        return rooms.Count == 0 ? null : rooms.Min();
    }
}
