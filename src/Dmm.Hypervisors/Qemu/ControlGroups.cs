using System.Globalization;
using Dmm.Core;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu;

/// <summary>
/// How much memory processes may take under the limits of their control groups. A process that reaches such a limit is killed, or slowed to
/// a crawl, however much memory the host has free. Groups that this daemon's own namespace does not show are left out, and so are those
/// that DMM made for its VMs.
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

    /// <summary>The limits of the groups in which VMs are launched here, each for all of them together.</summary>
    /// <param name="setting"><c>dmm.qemu.groups</c>.</param>
    /// <param name="root">As in <see cref="RoomOf"/>.</param>
    public static IReadOnlyList<MemorySize> LimitsOfAll(string setting, string root = "/") =>
        [.. GroupPlace.Find(setting, root, Environment.IsPrivilegedProcess).Limits(root).Select(group => group.Limit)];
}
