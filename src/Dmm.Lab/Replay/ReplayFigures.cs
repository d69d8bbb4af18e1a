namespace Dmm.Lab.Replay;

/// <summary>The results of a law in a replay; docs/use/lab.md explains each figure.</summary>
/// <param name="ShortfallRatio">∫ max(0, need − actual) ÷ ∫ need, over all VMs.</param>
/// <param name="ShortfallTimeRatio">The part of VM-time with any shortfall.</param>
/// <param name="SlackRatio">∫ max(0, actual − need) ÷ ∫ need.</param>
/// <param name="MovedRatio">Bytes moved ÷ ∫ need in byte-hours: how many times per hour the used memory is moved.</param>
/// <param name="ResizesPerVmHour">Targets that were set, per VM and hour.</param>
/// <param name="Jain">Jain's index under contention, 0 to 1.</param>
/// <param name="Admitted">The VMs that the law's admission rule let in; the figures are theirs.</param>
/// <param name="Seconds">The seconds that the computation took.</param>
public sealed record ReplayFigures(
    string Law,
    double ShortfallRatio,
    double ShortfallTimeRatio,
    double SlackRatio,
    double MovedRatio,
    double ResizesPerVmHour,
    double Jain,
    int Admitted,
    double Seconds)
{
    internal static ReplayFigures Of(
        string law, IReadOnlyList<ReplayVm> vms, double simulatedSeconds, double jain, int admitted, double seconds)
    {
        double shortfall = 0, shortSeconds = 0, slack = 0, need = 0, moved = 0;
        long resizes = 0;
        foreach (var vm in vms)
        {
            shortfall += vm.ShortfallByteSeconds;
            shortSeconds += vm.ShortSeconds;
            slack += vm.SlackByteSeconds;
            need += vm.NeedByteSeconds;
            moved += vm.MovedBytes;
            resizes += vm.Resizes;
        }

        var vmSeconds = vms.Count * simulatedSeconds;
        return new(
            law, Ratio(shortfall, need), Ratio(shortSeconds, vmSeconds), Ratio(slack, need), Ratio(moved, need / 3600),
            Ratio(resizes, vmSeconds / 3600), jain, admitted, seconds);
    }

    internal static double Ratio(double part, double whole) => whole > 0 ? part / whole : 0;
}
