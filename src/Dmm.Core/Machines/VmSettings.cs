using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>Settings of every VM's machine.</summary>
public record VmSettings
{
    public MechanismProfile Profile { get; init; } = new();

    /// <summary>How often the state machine looks at the time while an operation is under way.</summary>
    public TimeSpan LookPeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often a VM's sample and overhead are reported when nothing else changes.</summary>
    public TimeSpan ReportPeriod { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan OverheadPeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// First and longest wait before a broken connection, or whatever else failed, is tried again; it doubles in between.
    /// </summary>
    public TimeSpan RestartMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RestartMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A connection that has held for so long begins with the first wait again.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A guest that is still booting, or shows a blank screen, does not hear its power button; one that powers down takes no notice of
    /// another press.
    /// </summary>
    public TimeSpan AskAgain { get; init; } = TimeSpan.FromSeconds(10);
}
