namespace Dmm.Commands.Output;

/// <summary>Nobody reads the output any more.</summary>
public sealed class BrokenPipeException(Exception inner) : Exception("nobody reads the output any more", inner);
