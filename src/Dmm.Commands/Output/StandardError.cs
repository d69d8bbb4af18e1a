using Dmm.Files;

namespace Dmm.Commands.Output;

/// <summary>
/// Standard error: where it can't be written, or is closed, nobody can be told so, and the exit code still says what became of the command.
/// </summary>
public sealed class StandardError : WriteOnlyStream
{
    private readonly Stream _to = StandardStreams.HasError ? Console.OpenStandardError() : Null;

    public override void Write(byte[] buffer, int offset, int count)
    {
        try
        {
            _to.Write(buffer, offset, count);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The disk is full, or the terminal has gone.
        }
    }

    public override void Flush()
    {
    }
}
