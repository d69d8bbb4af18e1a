using System.CommandLine;
using System.Runtime.InteropServices;
using Dmm.Commands;

namespace Dmm.Cli;

/// <summary>
/// Verbs that are programs of their own, as git and kubectl have them. <c>dmm lab</c> is one: an operator of a host never needs it. The
/// other program replaces this process (execv) with the same arguments, so that its signals and exit codes are its own.
/// </summary>
internal static class OtherProgram
{
    private const string LabVerb = "lab";

    /// <summary>Verbs of <c>dmm lab</c> that prove DMM. Their program comes with DMM's sources only.</summary>
    private static readonly string[] Simulations = ["simulate", "campaign"];

    /// <summary>The verb's entry in the help. Its action is never run.</summary>
    public static Command Lab() => new(LabVerb, "Compare DMM's law with others, and test DMM with histories of faults; needs no daemon");

    /// <summary>Returns the program that these arguments are for; null where they are for this program.</summary>
    public static string? Of(string[] args)
    {
        var words = Words(args).Take(2).ToArray();
        return words is not [LabVerb, ..] ? null : words is [_, var verb] && Simulations.Contains(verb) ? "dmm-simulate" : "dmm-lab";
    }

    /// <summary>Replaces this process with the other program. Returns only by an exception.</summary>
    /// <exception cref="CommandException">The program is not there, or can't be started.</exception>
    public static void TakeOver(string program, string[] args)
    {
        var path = Places(program).FirstOrDefault(File.Exists) ?? throw CommandException.Failed(
            $"this verb is a program of its own, {program}, which is neither beside dmm ({AppContext.BaseDirectory}) nor in $PATH: "
            + (program == "dmm-lab" ? "scripts/build.sh builds it" : "'make simulate' builds it"));
        _ = Execute(path, [path, .. args, null]);
        throw CommandException.Failed($"{path} can't be started: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>Returns the arguments that are neither an option nor an option's value.</summary>
    private static IEnumerable<string> Words(string[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == CommandLine.SocketOption)
                i++;
            else if (!args[i].StartsWith('-'))
                yield return args[i];
        }
    }

    /// <summary>
    /// The paths where the program may be: beside this program, two folders above it (where scripts/build.sh puts it), and in $PATH.
    /// </summary>
    private static IEnumerable<string> Places(string program) =>
        new[] { AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "..", "..") }
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            .Select(folder => Path.GetFullPath(Path.Combine(folder, program)));

    [DllImport("libc", EntryPoint = "execv", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Execute(string path, string?[] arguments);
}
