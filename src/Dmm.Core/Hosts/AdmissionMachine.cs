using System.Collections.Immutable;
using Dmm.Core.Admission;

namespace Dmm.Core.Hosts;

/// <summary>
/// The state of the line of VMs to come. None of it is persisted: the requests stand in the host's journal, and arrive with the host's
/// picture.
/// </summary>
public sealed record Admissions
{
    /// <summary>The host's last picture of itself, requests and their plans included; null before the first.</summary>
    public Host? Host { get; init; }

    /// <summary>Requests that are being written to the journal, and who asked.</summary>
    public ImmutableDictionary<VmId, (object Asker, AdmissionProtocol.CreateVm Request)> Asked { get; init; } =
        ImmutableDictionary<VmId, (object Asker, AdmissionProtocol.CreateVm Request)>.Empty;

    /// <summary>Requests that are being cancelled, and who asked for that.</summary>
    public ImmutableDictionary<VmId, object> Cancelling { get; init; } = ImmutableDictionary<VmId, object>.Empty;

    /// <summary>The number of VMs that wait for their memory.</summary>
    public int Waiting => Asked.Count + (Host?.State.Admissions.Values.Count(a => a.State.Seeks() && !Asked.ContainsKey(a.Spec.Id)) ?? 0);
}

/// <summary>
/// The machine of the line of VMs to come. It decides which VM is next, which peers shrink for it and by how much
/// (<see cref="AdmissionLine"/>), the bound of the line, and deadlines. Pure. It decides on a picture of the host. The host takes a step
/// only while its state is still that of the picture, so a decision made here can never promise memory that is not there.
/// </summary>
public sealed class AdmissionMachine(AdmissionSettings settings)
{
    /// <summary>At most this many steps are asked for at once. Other messages to the host get their turn between two batches.</summary>
    public const int Batch = 16;

    public (Admissions Next, ImmutableArray<AdmissionEffect> Effects) Decide(
        Admissions line, IAdmissionCommand command, object asker, Clocks now)
    {
        var effects = ImmutableArray.CreateBuilder<AdmissionEffect>();
        var next = command switch
        {
            AdmissionProtocol.CreateVm create => Create(line, create, asker, now, effects),
            AdmissionProtocol.Cancel cancel => Cancel(line, cancel.Vm, asker, effects),
            AdmissionProtocol.DryRun dryRun => Foresee(line, dryRun, asker, now, effects),
            AdmissionProtocol.HostIs picture => Look(line with { Host = picture.Host }, now, effects),
            AdmissionProtocol.Recorded recorded => Recorded(line, recorded.Vm, effects),
            AdmissionProtocol.RecordRefused refused => Refused(line, refused, effects),
            AdmissionProtocol.NotGivenUp not => NotGivenUp(line, not, effects),
            AdmissionProtocol.Finished finished => Finished(line, finished, effects),
            AdmissionProtocol.DeadlineCame => Expire(line, now, effects),
            _ => throw new ArgumentOutOfRangeException(nameof(command), command, "not a command of the line of VMs to come"),
        };
        return (next, effects.ToImmutable());
    }

    private Admissions Create(
        Admissions line, AdmissionProtocol.CreateVm create, object asker, Clocks now, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        var vm = create.Spec.Id;
        if (line.Asked.ContainsKey(vm) || line.Host?.State.Admissions.ContainsKey(vm) == true)
        {
            Refuse(effects, asker, HostProtocol.RefusalKind.Conflict, $"{vm} is being created already; use another name");
            return line;
        }

        if (settings.Full(line.Waiting) is { } full)
        {
            Refuse(effects, asker, HostProtocol.RefusalKind.Refused, full);
            return line;
        }

        var deadline = now.Now + (create.Timeout ?? settings.Deadline);
        effects.Add(new AdmissionEffect.AskHost(new HostProtocol.RecordRequest(create.Spec, create.Overhead, create.ImageNeeds, deadline)));
        return line with { Asked = line.Asked.SetItem(vm, (asker, create)) };
    }

    private static Admissions Recorded(Admissions line, VmId vm, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        if (line.Asked.TryGetValue(vm, out var asked))
            effects.Add(
                new AdmissionEffect.Reply(
                    asked.Asker, new HostProtocol.Done(vm, "accepted: it starts as soon as its memory is free", asked.Request.Notes)));
        return line with { Asked = line.Asked.Remove(vm) };
    }

    private static Admissions Refused(
        Admissions line, AdmissionProtocol.RecordRefused refused, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        if (line.Asked.TryGetValue(refused.Vm, out var asked))
            effects.Add(new AdmissionEffect.Reply(asked.Asker, refused.Refusal));
        return line with { Asked = line.Asked.Remove(refused.Vm) };
    }

    /// <summary>
    /// Finds the steps that follow from the state of the host. Each is decided on the state that the one before it leads to.
    /// </summary>
    private static Admissions Look(Admissions line, Clocks now, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        var host = line.Host!;
        var (state, steps) = (host.State, ImmutableArray.CreateBuilder<QueueMove>());
        while (steps.Count < Batch && HostAdmissions.Next(state, host, now.Now) is { } step)
        {
            steps.Add(step);
            state = state.Apply(HostAdmissions.EventOf(step, state, now.Wall), now);
        }

        // Also without steps: the host sends its next picture only after an answer to this one.
        effects.Add(new AdmissionEffect.AskHost(new HostProtocol.TakeSteps(steps.ToImmutable(), host.Version)));
        return Expire(line, now, effects);
    }

    private static Admissions Expire(Admissions line, Clocks now, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        foreach (var (vm, admission) in line.Host?.State.Admissions.Where(a => a.Value.State.Seeks() && a.Value.Deadline <= now.Now) ?? [])
            effects.Add(new AdmissionEffect.AskHost(new HostProtocol.GiveUp(vm, AdmissionEnd.Expired, "")));
        // A timer may fire a little early.
        Wake(line, now, effects);
        return line;
    }

    private static void Wake(Admissions line, Clocks now, ImmutableArray<AdmissionEffect>.Builder effects) =>
        effects.Add(new AdmissionEffect.WakeAt(
        line.Host?.State.Admissions.Values.Where(a => a.State.Seeks() && a.Deadline > now.Now).Min(a => (Moment?)a.Deadline)));

    private static Admissions Cancel(Admissions line, VmId vm, object asker, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        if (line.Cancelling.ContainsKey(vm))
        {
            Refuse(effects, asker, HostProtocol.RefusalKind.Conflict, $"{vm} is being cancelled already");
            return line;
        }

        effects.Add(new AdmissionEffect.AskHost(new HostProtocol.GiveUp(vm, AdmissionEnd.Cancelled, "cancelled by its operator")));
        return line with { Cancelling = line.Cancelling.SetItem(vm, asker) };
    }

    private static Admissions NotGivenUp(Admissions line, AdmissionProtocol.NotGivenUp not, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        if (line.Cancelling.TryGetValue(not.Vm, out var asker))
            Refuse(effects, asker, HostProtocol.RefusalKind.Conflict, $"{not.Vm}: {not.Why}; stop it once it runs");
        return line with { Cancelling = line.Cancelling.Remove(not.Vm) };
    }

    private static Admissions Finished(
        Admissions line, AdmissionProtocol.Finished finished, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        var vm = finished.Vm;
        if (line.Cancelling.TryGetValue(vm, out var asker))
        {
            effects.Add(new AdmissionEffect.Reply(asker, finished.End switch
            {
                AdmissionEnd.Cancelled => new HostProtocol.Done(vm, "its creation was cancelled", []),
                { } end =>
                new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{vm} has {end.ToString().ToLowerInvariant()} meanwhile"),
                null => new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{vm} runs; stop it"),
            }));
        }

        return line with { Cancelling = line.Cancelling.Remove(vm) };
    }

    private Admissions Foresee(
        Admissions line, AdmissionProtocol.DryRun dryRun, object asker, Clocks now, ImmutableArray<AdmissionEffect>.Builder effects)
    {
        var (asked, host) = (dryRun.Asked, dryRun.Host);
        var full = settings.Full((line with { Host = host }).Waiting);
        effects.Add(new AdmissionEffect.Reply(
            asker,
            HostRefusals.OfDryRun(host.State, asked.Spec, full, host.Settings)
                ?? (object)HostAdmissions.Foresee(host, asked, asked.Timeout ?? settings.Deadline, now.Now)));
        return line with { Host = host };
    }

    private static void Refuse(ImmutableArray<AdmissionEffect>.Builder effects, object asker, HostProtocol.RefusalKind kind, string why) =>
        effects.Add(new AdmissionEffect.Reply(asker, new HostProtocol.Refused(kind, why)));
}
