using Dmm.Core.Admission;
using Dmm.Core.Events;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;

namespace Dmm.Core.Hosts;

/// <summary>Texts for operators about the journal's events.</summary>
public static class HostNotices
{
    public static Notice? Of(IHostEvent e) => e switch
    {
        JournalBegun j => new(j.At, "journalBegun", null, j.Why),
        VmRequested r => new(
            r.At, "vmRequested", r.Spec.Id,
            $"requested {(r.Tries is null ? "" : "again ")}with {r.Spec.Boot}, to start by {r.Deadline:HH:mm:ss}", To: r.Spec.Boot),
        AdmissionPlanned p => new(p.At, p.Plan.Late ? "admissionLate" : "admissionPlanned", p.Vm, AdmissionWords.Of(p.Plan)),
        AdmissionWaits w => new(w.At, "admissionWaits", w.Vm, w.Why),
        MemoryReserved m => new(m.At, "memoryReserved", m.Vm, $"{m.Size} set aside, {m.Boot} to boot with", To: m.Size),
        LaunchBegun b => new(b.At, "launchBegun", b.Vm, $"the hypervisor starts it; {b.Reserved} are set aside", To: b.Reserved),
        VmLaunched l => new(l.At, "vmLaunched", l.Vm, $"runs as process {l.Handle.Pid}", To: l.Handle.Base),
        AdmissionEnded a => new(a.At, "admission" + a.End, a.Vm, a.Why),
        VmAdopted a => new(a.At, "vmAdopted", a.Handle.Id, $"adopted with {a.Granted}", To: a.Granted),
        PolicySet p => new(p.At, "policySet", p.Vm, $"min {p.Policy.Min}, max {p.Policy.Max}, shares {p.Policy.Shares}"),
        OperatorTargetSet t =>
        new(t.At, "operatorTargetSet", t.Vm, t.Target is { } s ? $"an operator wants {s}" : "DMM decides again", To: t.Target),
        PromisesChanged p => Of(p),
        VmBooted b => new(b.At, "vmBooted", b.Vm, "its guest is up"),
        VmIdentified i => new(i.At, "vmIdentified", i.Vm, i.Handle.Pid is { } pid
            ? $"process {pid} was found to run it"
            : "its process is not known: its claim stays until DMM finds the process and sees that it has ended"),
        VmMigratedAway m =>
        new(m.At, "migratedAway", m.Vm,
            "its guest is being migrated to another process, or was: it is not created here again when this process ends"),
        VmMigrationUndone m => new(m.At, "migrationUndone", m.Vm, "it runs here again: its migration was cancelled, or was only to a file"),
        RestartSet r => new(r.At, "restartSet", r.Vm, $"restart {Words(r.Restart)}"),
        StopAsked { Kill: true, Grace.Ticks: 0 } s => new(s.At, "stopAsked", s.Vm, "an operator ends its process at once"),
        StopAsked s =>
        new(s.At, "stopAsked", s.Vm,
            $"an operator stops it: {s.Grace.TotalSeconds:0.#} s to power down{(s.Kill ? ", then its process is ended" : "")}"),
        StopGivenUp g =>
        new(g.At, "stopGivenUp", g.Vm, $"{g.Why} and it runs on: 'dmm vm stop {g.Vm} --kill' ends its process, --grace gives it longer"),
        StopWithdrawn w => new(w.At, "stopWithdrawn", w.Vm, "the order to stop it is withdrawn"),
        VmEnded { Cause: EndCause.NeverBooted } d => new(d.At, "bootFailed", d.Vm, d.Why),
        VmEnded { Cause: EndCause.MigratedAway } d => new(d.At, "vmEnded", d.Vm, $"{d.Why}; it is not created here again"),
        VmEnded d => new(d.At, "vmEnded", d.Vm, d.Why),
        VmRested { Cause: EndCause.NeverBooted, ReturnAt: { } at } r => new(
            r.At, "bootFailed", r.Spec.Id, $"{r.Why}; restart {Words(r.Spec.Restart)}: it returns at {at:HH:mm:ss}"),
        VmRested { Cause: EndCause.MigratedAway } r => new(
            r.At, "vmStopped", r.Spec.Id,
            $"{r.Why}; it is not created here again: 'dmm vm forget {r.Spec.Id}' makes DMM forget it; 'dmm vm start {r.Spec.Id} "
                + $"--force' starts it here, if its disk is in use nowhere else"),
        VmRested { Drained: true } r => new(
            r.At, "vmStopped", r.Spec.Id, $"{r.Why}; its host is drained: it returns with 'dmm host undrain'"),
        VmRested { ReturnAt: { } at } r =>
        new(r.At, "vmReturns", r.Spec.Id, $"{r.Why}; restart {Words(r.Spec.Restart)}: it returns at {at:HH:mm:ss}"),
        VmRested r => new(r.At, "vmStopped", r.Spec.Id, $"{r.Why}; it stays stopped until 'dmm vm start {r.Spec.Id}'"),
        VmForgotten f => new(f.At, "vmForgotten", f.Vm, "runs on without DMM"),
        LetGoEnded g => new(g.At, "letGoEnded", g.Vm, "no longer runs (DMM had forgotten it): its memory is free"),
        HostDrainBegun d => new(
            d.At, "hostDrain", null,
            $"the host takes no VM; its VMs are to power down by {d.Until:HH:mm:ss}, {(d.Kill ? "then they are ended" : "or run on")}; "
                + $"{(d.Stay ? "this stays until 'dmm host undrain'" : "'dmm host undrain' or a restart of the host ends this")}"),
        HostDrainEnded d => new(d.At, "hostUndrain", null, $"the host is back in service: {d.Why}"),
        _ => null,
    };

    private static Notice? Of(PromisesChanged p)
    {
        if (p.Changes.IsEmpty)
            return null;
        var text = string.Join("; ", p.Changes.Select(c => c.Target < c.Granted && c.Granted > c.Was
            ? $"{c.Vm} no longer has {c.Granted - c.Was!.Value} on lease{Why(c.Ruling)}"
            : c.Target < c.Granted
            ? $"{c.Vm} shrinks from {c.Granted} to {c.Target}{Why(c.Ruling)}"
            : c.Granted < c.Was ? $"{c.Vm} has shrunk to {c.Granted}"
            : $"{c.Vm} may have {c.Granted}{Why(c.Ruling)}{(c.Urgent ? ", urgent" : "")}"
                + $"{(c.Lease is { } lease ? $", and {lease} more when it is in need" : "")}"));
        var only = p.Changes.Length == 1 ? p.Changes[0] : null;
        return new(p.At, "granted", only?.Vm, text, only?.Was ?? only?.Granted, only?.Target);
    }

    public static string Words(RestartPolicy restart) =>
        restart == RestartPolicy.OnFailure ? "on-failure" : restart.ToString().ToLowerInvariant();

    private static string Why(Ruling ruling) => ruling switch
    {
        Ruling.Demand => " as it demands",
        Ruling.GivesSlack => ": slack that others need",
        Ruling.MakesRoom => ": it makes room for a new VM",
        Ruling.GivesPast => ": used lately, not now",
        Ruling.FairShare => ": its fair share",
        Ruling.Policy => ": by the law that dmm.policy names",
        Ruling.Limited => ": as much as its control group allows",
        _ => "",
    };
}
