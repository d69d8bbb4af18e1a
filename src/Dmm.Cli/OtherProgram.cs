using System.CommandLine;
using System.Runtime.InteropServices;
using Dmm.Commands;

namespace Dmm.Cli;

/// <summary>
/// Verbs that are programs of their own, as with git and kubectl: <c>dmm lab</c> brings what a host's operator never needs. Such a program
/// takes this one's place, with the same arguments, so that signals and exit codes are its own.
/// </summary>
internal static class OtherProgram
{
    private const string LabVerb = "lab";

    /// <summary>They prove DMM, and come with its sources alone.</summary>
    private static readonly string[] Simulations = ["simulate", "campaign"];

    /// <summary>For the tree of verbs; never entered.</summary>
    public static Command Lab() => new(LabVerb, "The workbench: DMM's law against others, and DMM's soundness; needs no daemon");

    /// <summary>The program that these arguments are for; null where they are this one's own.</summary>
    public static string? Of(string[] args)
    {
        var words = Words(args).Take(2).ToArray();
        return words is not [LabVerb, ..] ? null : words is [_, var verb] && Simulations.Contains(verb) ? "dmm-simulate" : "dmm-lab";
    }

    /// <summary>Does not return where the other program begins.</summary>
    /// <exception cref="CommandException">It is not there, or can't be started.</exception>
    public static void TakeOver(string program, string[] args)
    {
        var path = Places(program).FirstOrDefault(File.Exists) ?? throw CommandException.Failed(
            $"this verb is a program of its own, {program}, which is neither beside dmm ({AppContext.BaseDirectory}) nor in $PATH: "
            + (program == "dmm-lab" ? "scripts/build.sh makes it" : "'make simulate' makes it"));
        _ = Execute(path, [path, .. args, null]);
        throw CommandException.Failed($"{path} can't be started: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>What is neither an option nor an option's value.</summary>
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

    /// <summary>Beside this program; in the folder of scripts above it, where scripts/build.sh puts them; in the path.</summary>
    private static IEnumerable<string> Places(string program) =>
        new[] { AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "..", "..") }
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            .Select(folder => Path.GetFullPath(Path.Combine(folder, program)));

    [DllImport("libc", EntryPoint = "execv", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Execute(string path, string?[] arguments);
}
