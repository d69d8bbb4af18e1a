using Dmm.Core.Admission;
using Dmm.Core.Lifecycle;

namespace Dmm.Core.Hosts;

/// <summary>How far a drain has come with one VM.</summary>
public enum VmDrain
{
    /// <summary>It was asked to power down.</summary>
    Asked,

    /// <summary>Its guest did not power down in time, and was not to be killed: it runs on.</summary>
    RunsOn,
}

/// <summary>The host is out of service: it takes no VMs, and those that it had were asked to power down.</summary>
/// <param name="Since">When the first order came.</param>
/// <param name="OrderedAt">When the last order came.</param>
/// <param name="Until">The deadline of all VMs.</param>
/// <param name="Kill">Whether the process of a VM that still runs then is ended; otherwise it runs on.</param>
/// <param name="Stay">Whether it stays over a restart of the host.</param>
/// <param name="BootId">The boot of the host in which it was ordered last; null where that can't be told.</param>
public sealed record DrainRecord(Moment Since, Moment OrderedAt, Moment Until, bool Kill, bool Stay, string? BootId)
{
    /// <summary>The order that each VM gets. All have the same deadline, whenever they hear of it.</summary>
    public StopOrder Order => new(Until - OrderedAt, Kill) { By = Until };

    /// <summary>True where a restart of the host ends it, and this boot is another one.</summary>
    public bool EndsIn(string boot) => !Stay && BootId is { } its && its != boot;
}

public sealed partial record HostState
{
    /// <summary>Null while the host is in service.</summary>
    public DrainRecord? Drain { get; init; }

    /// <summary>VMs that run, or may run because their launch has begun.</summary>
    public int MayRun => Vms.Count + Launching;

    /// <summary>The VMs of a drain whose end is still waited for.</summary>
    public int DrainsStill => Drain is null ? 0 : Vms.Values.Count(vm => vm.Drain == VmDrain.Asked) + Launching;

    private int Launching => Admissions.Values.Count(a => a.State == AdmissionState.Launching);

    /// <summary>
    /// Returns the order by which the VM is to end; null where it is not to end. During a drain it is the drain's, unless its operator
    /// wants it ended sooner.
    /// </summary>
    public StopOrder? StopOf(VmRecord vm, Moment now) =>
        vm.Drain != VmDrain.Asked || Drain?.Order is not { } drain ? vm.Stop
        : vm.Stop is { Kill: true } own && own.Grace <= drain.GraceFrom(now) ? own
        : drain;

    private HostState Drained(HostDrainBegun d, Clocks now) => this with
    {
        Drain = new(
            Drain?.Since ?? now.MomentOf(d.Since ?? d.At), now.MomentOf(d.At), now.MomentOf(d.Until, d.At), d.Kill, d.Stay, d.BootId),
        Vms = Vms.SetItems(d.Vms.Where(Vms.ContainsKey).Select(id => KeyValuePair.Create(id, Vms[id] with { Drain = VmDrain.Asked }))),
    };

    private HostState Undrained(Moment now) => this with
    {
        Drain = null,
        Vms = Vms.SetItems(Vms.Where(vm => vm.Value.Drain is not null)
            .Select(vm => KeyValuePair.Create(vm.Key, vm.Value with { Drain = null }))),
        Resting = Resting.SetItems(Resting.Where(vm => vm.Value.Drained)
            .Select(vm => KeyValuePair.Create(vm.Key, vm.Value with { Drained = false, ReturnAt = now }))),
    };

    private IEnumerable<IHostEvent> CondenseDrain(Clocks clocks)
    {
        if (Drain is not { } drain)
            yield break;
        yield return new HostDrainBegun(
            clocks.WallOf(drain.OrderedAt), clocks.WallOf(drain.Until), drain.Kill, drain.Stay, drain.BootId,
            [.. Vms.Where(vm => vm.Value.Drain is not null).Select(vm => vm.Key)])
        {
            Since = clocks.WallOf(drain.Since),
        };
        foreach (var (id, vm) in Vms.Where(vm => vm.Value.Drain == VmDrain.RunsOn))
        {
            yield return new StopGivenUp(clocks.Wall, id, "");
            // Its operator has stopped it since.
            if (vm.Stop is { } own)
                yield return new StopAsked(clocks.Wall, id, own.Grace) { Kill = own.Kill };
        }
    }
}
