using Dmm.Actors.Events;
using Dmm.Core.Arbitration;

namespace Dmm.Actors.Hosts;

/// <summary>The journal's events in words for operators.</summary>
public static class HostHappenings
{
    public static Happening? Of(IHostEvent e) => e switch
    {
        VmRequested r => new(r.At, "vmRequested", r.Spec.Id, $"wanted with {r.Spec.Boot}, until {r.Deadline:HH:mm:ss}", To: r.Spec.Boot),
        LaunchBegun b => new(b.At, "launchBegun", b.Vm, $"{b.Reserved} set aside", To: b.Reserved),
        VmLaunched l => new(l.At, "vmLaunched", l.Vm, $"runs as process {l.Handle.Pid}", To: l.Handle.Base),
        AdmissionEnded a => new(a.At, "admission" + a.End, a.Vm, a.Why),
        VmAdopted a => new(a.At, "vmAdopted", a.Handle.Id, $"adopted with {a.Granted}", To: a.Granted),
        PolicySet p => new(p.At, "policySet", p.Vm, $"min {p.Policy.Min}, max {p.Policy.Max}, shares {p.Policy.Shares}"),
        OperatorTargetSet t => new(t.At, "operatorTargetSet", t.Vm, t.Target is { } s ? $"an operator wants {s}" : "DMM decides again", To: t.Target),
        PromisesChanged p => Of(p),
        StopAsked s => new(s.At, "stopAsked", s.Vm, $"an operator ends it, with {s.Grace.TotalSeconds:0.#} s to power down"),
        VmEnded d => new(d.At, "vmEnded", d.Vm, d.Why),
        VmForgotten f => new(f.At, "vmForgotten", f.Vm, "runs on without DMM"),
        _ => null,
    };

    private static Happening? Of(PromisesChanged p)
    {
        if (p.Changes.IsEmpty)
            return null;
        var text = string.Join("; ", p.Changes.Select(c => c.Target < c.Granted
            ? $"{c.Vm} shrinks from {c.Granted} to {c.Target}{Why(c.Ruling)}"
            : c.Granted < c.Was ? $"{c.Vm} has shrunk to {c.Granted}"
            : $"{c.Vm} may have {c.Granted}{Why(c.Ruling)}{(c.Urgent ? ", urgent" : "")}"));
        var only = p.Changes.Length == 1 ? p.Changes[0] : null;
        return new(p.At, "granted", only?.Vm, text, only?.Was ?? only?.Granted, only?.Target);
    }

    private static string Why(Ruling ruling) => ruling switch
    {
        Ruling.Demand => " as it demands",
        Ruling.GivesSlack => ": slack that others need",
        Ruling.GivesPast => ": used lately, not now",
        Ruling.FairShare => ": its fair share",
        _ => "",
    };
}
