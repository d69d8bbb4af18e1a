using Dmm.Files;
using Microsoft.Win32.SafeHandles;

namespace Dmm.Commands.Output;

/// <summary>
/// Standard output that throws when its reader is gone. .NET's own console stream ignores that, and <c>dmm events --follow | head</c>
/// would never end. It also throws when it can't be written for another reason, because the result is lost then.
/// </summary>
public sealed class StandardOutput : WriteOnlyStream
{
    private const int FileDescriptor = 1;

    // EPIPE of errno(3). .NET uses the number itself as HResult where it has no code of its own.
    private const int BrokenPipe = 32;

    private readonly Stream? _to;

    public StandardOutput()
    {
        if (!StandardStreams.HasOutput)
            return;
        var raw = new FileStream(new SafeFileHandle(FileDescriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0);

        // A FileStream keeps its own position in a file, which is wrong where several programs write to the same file. A file can't
        // lose its reader, so the console's stream is good enough for it.
        _to = raw.CanSeek ? Console.OpenStandardOutput() : raw;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (count == 0)
            return;
        if (_to is null)
            throw CommandException.Failed("standard output is closed, so nothing can be printed");
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
