using Dmm.Files;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// The daemon's state folder, held by one daemon at a time. The hold is a lock on a file in the folder, which the kernel releases when
/// the process ends, in whatever way.
/// </summary>
public sealed class StateDirectory : IDisposable
{
    private readonly FileStream _lock;

    private StateDirectory(FileStream file) => _lock = file;

    /// <exception cref="StartException">The folder can't be used, or a daemon runs on it already.</exception>
    public static StateDirectory Hold(string path)
    {
        if (FileFacts.Of(path) is { Kind: not FileKind.Folder } other)
            throw new StartException($"dmm.state-dir is {path}, which is {other.Name}; it must be a folder") { ExitCode = ExitCodes.Usage };
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"dmm.state-dir {path} can't be made: {fault.Message}", fault);
        }

        var file = Path.Combine(path, "dmmd.lock");
        if (FileFacts.At(file) is { Kind: not FileKind.Regular } stands)
        {
            throw new StartException($"{file} is {stands.Name}; a regular file is needed; check whose it is and remove it")
            {
                ExitCode = ExitCodes.Usage,
            };
        }

        try
        {
            // FileShare.None is an exclusive flock(2) on Linux.
            var stream = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            stream.SetLength(0);
            stream.Write(System.Text.Encoding.UTF8.GetBytes($"{Environment.ProcessId}\n"));
            stream.Flush();
            return new(stream);
        }
        catch (UnauthorizedAccessException fault)
        {
            throw new StartException($"{file} can't be written: {fault.Message}; run dmmd as the user who owns dmm.state-dir", fault);
        }
        catch (IOException fault)
        {
            throw new StartException(
                $"a dmmd runs on {path} already (it holds {file}); stop it first, or give this one a dmm.state-dir of its own", fault);
        }
    }

    public void Dispose() => _lock.Dispose();
}

/// <summary>The daemon can't start; the message is one line for people.</summary>
public sealed class StartException : Exception
{
    /// <summary>The exit code of the process; see <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; init; } = ExitCodes.Failed;

    /// <summary>
    /// Returns the message of the innermost cause, without line breaks. The exception's type comes first, except for I/O and hypervisor
    /// errors.
    /// </summary>
    public static string InOneLine(Exception fault)
    {
        while (fault is AggregateException or System.Reflection.TargetInvocationException or TypeInitializationException
            && fault.InnerException is { } inner)
        {
            fault = inner;
        }

        var text = string.Join(' ', fault.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
        return fault is IOException or UnauthorizedAccessException or Core.Ports.HypervisorException
            ? text
            : $"{fault.GetType().Name}: {text}";
    }

    public StartException()
    {
    }

    public StartException(string message)
        : base(message)
    {
    }

    public StartException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
