namespace Dmm.Core.Hosts;

/// <summary>Texts for operators about the drain of a host.</summary>
public static class DrainWords
{
    /// <summary>What follows of an order to drain the host.</summary>
    public static string Begun(HostState state, Clocks now)
    {
        var drain = state.Drain!;
        var (asked, others) = (state.DrainsStill, state.Vms.Values.Count(vm => vm.Drain is null));
        var until = now.WallOf(drain.Until);
        return "the host takes no VM; "
            + (asked == 0 ? "none is asked to power down"
                : $"{Vms(asked)} asked to power down by {until:HH:mm:ss}; what runs then {(drain.Kill ? "is ended" : "runs on")}")
            + (others == 0 ? "" : $"; {others} that DMM did not start {(others == 1 ? "is" : "are")} not asked (--adopted)");
    }

    /// <summary>What has become of a drain of which nothing is waited for any more.</summary>
    public static string Done(HostState state) => state.MayRun == 0
        ? "the host is drained: no VM runs"
        : $"the host is drained, but {string.Join(", ", state.Vms.Select(vm => RunsOn(vm.Key, vm.Value)))}";

    /// <summary>What follows of the end of a drain.</summary>
    /// <param name="returns">How many VMs return.</param>
    /// <param name="runOn">How many VMs had been asked and still run.</param>
    public static string Ended(int returns, int runOn) =>
        $"the host is back in service; {(returns == 0 ? "no VM returns" : returns == 1 ? "1 VM returns" : $"{returns} VMs return")}"
        + (runOn == 0 ? "" : $"; {runOn} that had not powered down yet run{(runOn == 1 ? "s" : "")} on");

    /// <summary>Why a VM runs although its host is drained.</summary>
    public static string RunsOn(VmId id, VmRecord vm) => (vm.Drain, vm.Spec) switch
    {
        (null, null) => $"{id} runs: DMM did not start it, so it was not asked (--adopted)",
        // The journal was rebuilt meanwhile.
        (null, _) => $"{id} runs: it was not asked; 'dmm host drain' asks it",
        _ => $"{id} runs on: its guest did not power down in time",
    };

    private static string Vms(int count) => count == 1 ? "1 VM is" : $"{count} VMs are";
}
