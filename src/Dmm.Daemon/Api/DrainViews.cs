using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;

namespace Dmm.Daemon.Api;

/// <summary>The daemon's views of the drain of its host, and the request for one.</summary>
public static class DrainViews
{
    /// <summary>How long guests have where nobody says so.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <exception cref="SpecException">The deadline is not from 0 to an hour, or 0 s without an order to end what runs then.</exception>
    public static HostProtocol.DrainHost Read(DrainHostRequest request)
    {
        var kill = request.Kill ?? false;
        if (request.DeadlineSeconds is { } seconds && !(seconds is >= 0 and <= 3_600))
            throw new SpecException($"the deadline is {seconds} s; it must be from 0 to an hour");
        if (request.DeadlineSeconds == 0 && !kill)
            throw new SpecException(
                "the deadline is 0 s, which gives no guest time to power down; give them longer, or ask for their processes to be ended "
                    + "(--kill)");
        return new(request.DeadlineSeconds is { } s ? TimeSpan.FromSeconds(s) : Deadline, kill)
        {
            Stay = request.Stay ?? false,
            Adopted = request.Adopted ?? false,
        };
    }

    public static IResult Answer(object outcome, Clocks now) => outcome is HostProtocol.HostDone done
        ? Answers.Json(new HostDoneView(done.Text, Of(done.Status, now)))
        : Answers.Of(outcome);

    /// <returns>Null while the host is in service.</returns>
    public static DrainView? Of(HostProtocol.Status status, Clocks now) => status.State.Drain is not { } drain ? null : new(
        now.WallOf(drain.Since), now.WallOf(drain.OrderedAt), now.WallOf(drain.Until), drain.Kill, drain.Stay, status.State.MayRun,
        status.State.DrainsStill,
        [.. VmsOf(status).OrderBy(vm => vm.Vm, StringComparer.Ordinal)]);

    private static IEnumerable<DrainedVmView> VmsOf(HostProtocol.Status status)
    {
        foreach (var (id, vm) in status.State.Vms)
        {
            yield return vm.Drain == VmDrain.Asked
                ? new(id.Name, "stopping", status.Reports.GetValueOrDefault(id)?.Why)
                : new(id.Name, vm.Drain is null ? "notAsked" : "runsOn", DrainWords.RunsOn(id, vm));
        }

        foreach (var (id, _) in status.State.Admissions.Where(a => a.Value.State == AdmissionState.Launching))
            yield return new(id.Name, "launching", "its launch was under way; it is asked to power down as soon as it runs");
        foreach (var (id, vm) in status.State.Resting.Where(vm => vm.Value.Drained))
            yield return new(id.Name, "ended", vm.Why);
    }
}
