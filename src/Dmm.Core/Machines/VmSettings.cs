using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>Settings of every VM's machine.</summary>
public record VmSettings
{
    public MechanismProfile Profile { get; init; } = new();

    /// <summary>How often the state machine checks the time while an operation is under way.</summary>
    public TimeSpan LookPeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often a VM's sample and overhead are reported when nothing else changes.</summary>
    public TimeSpan ReportPeriod { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan OverheadPeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether the kernel is to leave each VM its min, whatever others need.</summary>
    public bool Guaranteed { get; init; }

    /// <summary>
    /// The first wait before a broken connection, or any other failed step, is tried again. The wait doubles each time, up to
    /// <see cref="RestartMax"/>.
    /// </summary>
    public TimeSpan RestartMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RestartMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A connection that has held for this long starts again with the first wait.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The time after which a guest is asked again to power down. A guest that still boots, or shows a blank screen, may ignore its power
    /// button; a guest that already powers down ignores another press.
    /// </summary>
    public TimeSpan AskAgain { get; init; } = TimeSpan.FromSeconds(10);
}
