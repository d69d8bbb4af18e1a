using Dmm.Core.Memory;

namespace Dmm.Settings;

/// <param name="DeadBand">Fraction of a VM's size.</param>
/// <param name="ShrinkRate">Fraction of a VM's size in a second.</param>
public sealed record PlanSettings(TimeSpan Period, double DeadBand, MemorySize Step, double ShrinkRate)
{
    internal static PlanSettings Read(SettingsReader reader) => new(
        reader.Duration("dmm.plan.period", "100ms", "60s"),
        reader.Percent("dmm.plan.dead-band", 0, 20),
        reader.Size("dmm.plan.step", "1MiB", "1GiB"),
        reader.Percent("dmm.plan.shrink-rate", 1, 100));
}
