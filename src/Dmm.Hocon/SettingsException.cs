namespace Dmm.Hocon;

/// <summary>
/// A file that is not valid. Each of <see cref="Faults"/> is one line for people, which names the thing, what was found and what would
/// be right. All faults of a file are reported together, so that a person can repair them in one go.
/// </summary>
public sealed class SettingsException : Exception
{
    /// <summary>The most faults that are told; the rest is counted.</summary>
    public const int MostFaults = 50;

    /// <summary>The longest text of one fault in characters; a longer one is cut.</summary>
    public const int LongestFault = 2_000;

    public SettingsException()
        : this("the settings can't be read")
    {
    }

    public SettingsException(string message)
        : this([message])
    {
    }

    public SettingsException(string message, Exception inner)
        : base(Bounded([message])[0], inner) => Faults = Bounded([message]);

    public SettingsException(IReadOnlyList<string> faults)
        : base(string.Join(Environment.NewLine, Bounded(faults))) => Faults = Bounded(faults);

    public IReadOnlyList<string> Faults { get; }

    /// <summary>A file that was taken for another is wrong in every line, and may have lines of any length.</summary>
    private static IReadOnlyList<string> Bounded(IReadOnlyList<string> faults)
    {
        if (faults.Count <= MostFaults && faults.All(static fault => fault.Length <= LongestFault))
            return faults;
        var shown = faults.Take(MostFaults).Select(static fault => fault.Length <= LongestFault ? fault : fault[..LongestFault] + "…");
        return faults.Count <= MostFaults ? [.. shown] : [.. shown, $"and {faults.Count - MostFaults} more faults"];
    }
}
