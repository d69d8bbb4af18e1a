namespace Dmm.Commands.Output;

/// <summary>The reader of the output is gone (EPIPE).</summary>
public sealed class BrokenPipeException(Exception inner) : Exception("nobody reads the output any more", inner);
