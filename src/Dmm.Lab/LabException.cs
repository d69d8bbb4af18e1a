namespace Dmm.Lab;

/// <summary>The lab's input is wrong: the message names the thing, what was found and what would be right.</summary>
public sealed class LabException(string message) : Exception(message)
{
    /// <summary>True where the input was right and the work was done, but its result could not be written.</summary>
    public bool Failed { get; init; }
}
