using Dmm.Files;

namespace Dmm.Commands.Output;

/// <summary>
/// Standard error. Where it is closed or can't be written, the text is dropped: there is no other place to report that, and the exit
/// code still shows the command's result.
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
