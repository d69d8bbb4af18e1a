namespace Dmm.Cli.Output;

/// <summary>Nobody reads the output any more.</summary>
internal sealed class BrokenPipeException(Exception inner) : Exception("nobody reads the output any more", inner);
