namespace Dmm.Hocon;

/// <summary>
/// A file that is not valid. Each of <see cref="Faults"/> is one line for people, which names the thing, what was found and what would
/// be right. All faults of a file are reported together, so that a person can repair them in one go.
/// </summary>
public sealed class SettingsException : Exception
{
    public SettingsException()
        : this("the settings can't be read")
    {
    }

    public SettingsException(string message)
        : this([message])
    {
    }

    public SettingsException(string message, Exception inner)
        : base(message, inner) => Faults = [message];

    public SettingsException(IReadOnlyList<string> faults)
        : base(string.Join(Environment.NewLine, faults)) => Faults = faults;

    public IReadOnlyList<string> Faults { get; }
}
