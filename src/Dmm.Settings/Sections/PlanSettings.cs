using Dmm.Core;

namespace Dmm.Settings;

/// <param name="DeadBand">Fraction of a VM's size.</param>
/// <param name="ShrinkRate">Fraction of a VM's size in a second.</param>
/// <param name="Spare">Fraction of the guests' memory that is kept free where it would be slack in guests.</param>
/// <param name="UtilityWeight">How many times its shares a VM weighs at most where a lack of memory hurts most; 1 is plain shares.</param>
public sealed record PlanSettings(
    TimeSpan Period, double DeadBand, MemorySize Step, double ShrinkRate, int BalloonOperations, int HotplugOperations,
    double UtilityWeight, double Spare)
{
    internal static PlanSettings Read(SettingsReader reader) => new(
        reader.Duration("dmm.plan.period", "100ms", "60s"),
        reader.Percent("dmm.plan.dead-band", 0, 20),
        reader.Size("dmm.plan.step", "1MiB", "1GiB"),
        reader.Percent("dmm.plan.shrink-rate", 1, 100),
        reader.Integer("dmm.plan.balloon-operations", 1, 10_000),
        reader.Integer("dmm.plan.hotplug-operations", 1, 10_000),
        reader.Number("dmm.plan.utility-weight", 1, 100),
        reader.Percent("dmm.plan.spare", 0, 100));
}
