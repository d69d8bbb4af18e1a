using Dmm.Core.Machines;

namespace Dmm.Actors.Vms;

/// <summary>Settings of the VMs' actors.</summary>
public sealed record VmActorSettings : VmSettings
{
    /// <summary>
    /// The random part of a restart's wait, as a part of it: VMs that failed together, as when their host was short of something, must
    /// not all come back at the same moment. 0 for none.
    /// </summary>
    public double RestartSpread { get; init; } = 0.2;

    /// <summary>The limit on one call to the driver, beyond the driver's own deadlines.</summary>
    public TimeSpan CallDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The limit on ending a VM, beyond the driver's own deadlines: a hypervisor that was told to quit first writes outstanding data to
    /// its guest's disks.
    /// </summary>
    public TimeSpan EndDeadline { get; init; } = TimeSpan.FromMinutes(15);

    public TimeSpan LaunchDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The clocks of all actors of a host, and of what they call; a simulation passes its own.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
