using Dmm.Files;
using Microsoft.Win32.SafeHandles;

namespace Dmm.Commands.Output;

/// <summary>
/// Standard output that tells when its reader has gone: .NET's own console stream swallows that, and <c>dmm events --follow | head</c>
/// would stay for ever; and when it can't be written for another reason: what was asked for is lost then.
/// </summary>
public sealed class StandardOutput : WriteOnlyStream
{
    private const int FileDescriptor = 1;

    // EPIPE of errno(3), which .NET passes on where it has no code of its own.
    private const int BrokenPipe = 32;

    private readonly Stream? _to;

    public StandardOutput()
    {
        if (!StandardStreams.HasOutput)
            return;
        var raw = new FileStream(new SafeFileHandle(FileDescriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0);

        // A FileStream keeps its own place in a file, which is wrong where several programs write to one; a file has no reader to lose.
        _to = raw.CanSeek ? Console.OpenStandardOutput() : raw;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (count == 0)
            return;
        if (_to is null)
            throw CommandException.Failed("standard output is closed, so that nothing can be printed");
        try
        {
            _to.Write(buffer, offset, count);
        }
        catch (IOException e) when (e.HResult == BrokenPipe)
        {
            throw new BrokenPipeException(e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Failed($"standard output can't be written: {e.Message.TrimEnd('.')}");
        }
    }

    public override void Flush() => _to?.Flush();
}
