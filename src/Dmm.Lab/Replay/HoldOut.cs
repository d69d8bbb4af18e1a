using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>
/// Splits VMs into those for fitting and those for reporting, because the figures of VMs that a law was fitted on say little.
/// </summary>
internal static class HoldOut
{
    /// <param name="text">The VMs to report on: a part such as 0.3 or 30%, drawn by the seed, or names, separated by commas.</param>
    /// <exception cref="LabException">The text is neither, or one side would be empty.</exception>
    public static (IReadOnlyList<VmTrace> Fit, IReadOnlyList<VmTrace> Report) Split(IReadOnlyList<VmTrace> vms, string text, ulong seed)
    {
        var held = Part(text) is { } part ? Drawn(vms, part, seed) : Named(vms, text);
        var (fit, report) = (vms.Where(vm => !held.Contains(vm.Name)).ToList(), vms.Where(vm => held.Contains(vm.Name)).ToList());
        return fit.Count > 0 && report.Count > 0
            ? (fit, report)
            : throw new LabException(
                $"--holdout {text} leaves {fit.Count} VMs to fit on and {report.Count} to report on; each must be at least 1");
    }

    private static double? Part(string text)
    {
        var number = text.EndsWith('%') ? text[..^1] : text;
        return double.TryParse(number, System.Globalization.NumberStyles.AllowDecimalPoint, null, out var part)
            && (text.EndsWith('%') ? part /= 100 : part) < 1 ? part : null;
    }

    private static HashSet<string> Drawn(IReadOnlyList<VmTrace> vms, double part, ulong seed)
    {
        var chance = new SeededRandom(seed);
        return [.. vms.Select(vm => (vm.Name, Draw: chance.Next())).OrderBy(vm => vm.Draw).Take((int)Math.Round(vms.Count * part))
            .Select(vm => vm.Name)];
    }

    private static HashSet<string> Named(IReadOnlyList<VmTrace> vms, string text)
    {
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (var name in names)
        {
            if (!vms.Any(vm => vm.Name == name))
                throw new LabException(
                    $"--holdout names '{name}', which is not among the traces; it must be a part such as 0.3, or names of VMs, "
                        + $"separated by commas");
        }

        return [.. names];
    }
}
