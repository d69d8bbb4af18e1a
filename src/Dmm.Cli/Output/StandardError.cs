using Dmm.Files;

namespace Dmm.Cli.Output;

/// <summary>
/// Standard error: where it can't be written, or is closed, nobody can be told so, and the exit code still says what became of the command.
/// </summary>
internal sealed class StandardError : Stream
{
    private readonly Stream _to = StandardStreams.HasError ? Console.OpenStandardError() : Null;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
