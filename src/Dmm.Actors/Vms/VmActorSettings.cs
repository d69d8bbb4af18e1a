using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>Settings of every VM's actor.</summary>
public sealed record VmActorSettings
{
    public MechanismProfile Profile { get; init; } = new();

    /// <summary>How often the state machine looks at the time while an operation is under way.</summary>
    public TimeSpan LookPeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often a VM's sample and overhead are reported when nothing else changes.</summary>
    public TimeSpan ReportPeriod { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan OverheadPeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>First and longest wait before a broken connection, or a failed actor, is tried again; it doubles in between.</summary>
    public TimeSpan RestartMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RestartMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How far a restart's wait is spread by chance, as a part of it: VMs that failed together, as when their host was short of something, do not
    /// come back in one moment. 0 for none.
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
