using Dmm.Core.Machines;

namespace Dmm.Actors.Vms;

/// <summary>Settings of every VM's actor.</summary>
public sealed record VmActorSettings : VmSettings
{
    /// <summary>
    /// How far a restart's wait is spread by chance, as a part of it: VMs that failed together, as when their host was short of something,
    /// do not come back in one moment. 0 for none.
    /// </summary>
    public double RestartSpread { get; init; } = 0.2;

    /// <summary>Bound on one call to the driver, beyond the driver's own deadlines.</summary>
    public TimeSpan CallDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Bound on ending a VM, beyond the driver's own deadlines: a hypervisor that was told to quit first writes what its guest's disks
    /// are owed.
    /// </summary>
    public TimeSpan EndDeadline { get; init; } = TimeSpan.FromMinutes(15);

    public TimeSpan LaunchDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The clocks of all actors of a host, and of what they call; a simulation brings its own.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
