namespace Dmm.Lab;

/// <summary>Something in what the lab was given is wrong: the message names it, what was found and what would be right.</summary>
public sealed class LabException(string message) : Exception(message);
