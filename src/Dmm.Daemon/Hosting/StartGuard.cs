using Dmm.Hocon;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// Reports every fault that keeps dmmd from starting or going on: one line per fault, with the documented exit code, never with a stack
/// trace.
/// </summary>
public static class StartGuard
{
    public static async Task<int> RunAsync(Func<Task<int>> run, TextWriter error)
    {
        try
        {
            // Another thread runs it: a start that hangs in the kernel (a dead network disk) must not keep dmmd from being ended.
            return await Task.Run(run);
        }
        catch (SettingsException fault)
        {
            Say(error, fault.Faults);
            return ExitCodes.Usage;
        }
        catch (StartException fault)
        {
            Say(error, fault.Message);
            return fault.ExitCode;
        }
        catch (Exception fault)
        {
            Say(error, StartException.InOneLine(fault));
            return ExitCodes.Failed;
        }
    }

    /// <summary>Writes one line each. Where standard error can't be written, the exit code still tells.</summary>
    public static void Say(TextWriter error, params IEnumerable<string> lines)
    {
        try
        {
            foreach (var line in lines)
                error.WriteLine($"dmmd: {line.ReplaceLineEndings(" ")}");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Standard error is full or closed.
        }
    }
}
