using System.Diagnostics;

namespace Dmm.Daemon.Tests.Clusters;

/// <summary>A test that needs network namespaces of its own; it is skipped, with the reason, where they can't be made.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NetworkFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Obstacle = new(Try);

    public NetworkFactAttribute() => Skip = Obstacle.Value;

    private static string? Try()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("unshare", ["--net", "ip", "link", "add", "try0", "type", "bridge"])
            {
                RedirectStandardError = true,
            })!;
            var error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? null : $"network namespaces can't be made here: {error.Trim()}";
        }
        catch (System.ComponentModel.Win32Exception fault)
        {
            return $"network namespaces can't be made here: {fault.Message}";
        }
    }
}
