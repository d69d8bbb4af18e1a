namespace Dmm.Settings;

/// <summary>Limits of the decisions that are remembered for <c>dmm vm explain</c>.</summary>
/// <param name="Most">The most decisions of all VMs together.</param>
public sealed record ExplainSection(TimeSpan Keep, int Most)
{
    internal static ExplainSection Read(SettingsReader reader) => new(
        reader.Duration("dmm.explain.keep", "1m", "30d"),
        reader.Integer("dmm.explain.most", 100, 1_000_000));
}
