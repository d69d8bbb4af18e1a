namespace Dmm.Lab;

/// <summary>Something in what the lab was given is wrong: the message names it, what was found and what would be right.</summary>
public sealed class LabException(string message) : Exception(message)
{
    /// <summary>Nothing was used wrongly: the work was done, and could not be written down.</summary>
    public bool Failed { get; init; }
}
