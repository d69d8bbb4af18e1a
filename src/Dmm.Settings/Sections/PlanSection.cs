using Dmm.Core;

namespace Dmm.Settings;

/// <param name="DeadBand">A fraction of a VM's size.</param>
/// <param name="ShrinkRate">A fraction of a VM's size per second.</param>
/// <param name="Spare">The fraction of the guests' memory that is kept free, taken from their slack.</param>
/// <param name="UtilityWeight">
/// The largest factor on a VM's shares, for the VM that a lack of memory hurts most; 1: plain shares.
/// </param>
public sealed record PlanSection(
    TimeSpan Period, double DeadBand, MemorySize Step, double ShrinkRate, int BalloonOperations, int HotplugOperations,
    double UtilityWeight, double Spare)
{
    internal static PlanSection Read(SettingsReader reader) => new(
        reader.Duration("dmm.plan.period", "100ms", "60s"),
        reader.Percent("dmm.plan.dead-band", 0, 20),
        reader.Size("dmm.plan.step", "1MiB", "1GiB"),
        reader.Percent("dmm.plan.shrink-rate", 1, 100),
        reader.Integer("dmm.plan.balloon-operations", 1, 10_000),
        reader.Integer("dmm.plan.hotplug-operations", 1, 10_000),
        reader.Number("dmm.plan.utility-weight", 1, 100),
        reader.Percent("dmm.plan.spare", 0, 100));
}
