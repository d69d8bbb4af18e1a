using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Admission;

/// <summary>Helpers that build hosts, peers and requests; sizes in MiB.</summary>
internal static class Requests
{
    public static readonly Moment Noon = Moment.Origin + TimeSpan.FromDays(1);

    public static readonly MemorySize Step = MiB(16);

    public static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    public static Peer Peer(
        string name, long held, long want, long? shrinkTo = null, long? need = null, long min = 128, int shares = 1000, double harm = 0,
        long? spare = null, ShrinkHistory? mover = null) =>
        new(
            new(VmId.Parse(name), MiB(min), MiB(100_000), shares, MiB(held), MiB(want), MiB(shrinkTo ?? want), false, true)
            {
                Need = MiB(need ?? want),
                Harm = harm,
                TakenTo = MiB(spare is { } mib ? held - mib : min),
            },
            mover ?? new(), Heard: true);

    public static AdmissionRecord Asked(
        string name, long boot, long number, long min = 128, int priority = VmSpec.DefaultPriority, bool early = false,
        double seconds = 60) =>
        new(
            new()
            {
                Id = VmId.Parse(name),
                Policy = new(MiB(min), MiB(100_000)),
                Boot = MiB(boot),
                Priority = priority,
                BootPolicy = early
                ? BootPolicy.Early : BootPolicy.Full
            },
            MiB(32), Noon, Noon + TimeSpan.FromSeconds(seconds), null)
        { Number = number };

    /// <summary>A ledger with these VMs, and this much free memory.</summary>
    public static Ledger Ledger(IEnumerable<Peer> peers, long free)
    {
        var held = peers.Aggregate(MemorySize.Zero, static (sum, peer) => sum + peer.Bid.Held + MiB(32));
        return peers.Aggregate(
            new Ledger(held + MiB(free), MemorySize.Zero),
            static (ledger, peer) => ledger.TakeIn(peer.Bid.Vm, new(peer.Bid.Held, peer.Bid.Held, MiB(32))));
    }

    public static AdmissionLine Line(IReadOnlyList<Peer> peers, long free, params AdmissionRecord[] admissions) =>
        Line(Ledger(peers, free), peers, admissions);

    public static AdmissionLine Line(
        Ledger ledger, IReadOnlyList<Peer> peers, IEnumerable<AdmissionRecord> admissions, int launches = 16) => new(
        ledger, admissions, peers,
        AdmissionRules.Room(ledger, peers.ToDictionary(peer => peer.Bid.Vm, peer => new VmPolicy(peer.Bid.Min, peer.Bid.Max))),
        new(8, launches, Step, 4), lawDecides: false);

    public static string Text(RoomPlan plan) =>
        string.Join(" ", plan.From.Select(part => $"{part.Vm}:{part.From.Mebibytes}-{part.To.Mebibytes}:{part.Kind}"));

    /// <summary>A peer that was seen to give a certain size in a certain time.</summary>
    public static ShrinkHistory Moved(long mib, double seconds, int times = 8)
    {
        var (mover, now) = (new ShrinkHistory(), Noon);
        for (var i = 0; i < times; i++)
        {
            mover = mover.Observe(MiB(mib + 1000), MiB(1000), VmPhase.Shrinking, now);
            now = now + TimeSpan.FromSeconds(seconds);
            mover = mover.Observe(MiB(1000), MiB(1000), VmPhase.Settled, now);
        }

        return mover;
    }

    public static ShrinkHistory Stuck(int times)
    {
        var mover = new ShrinkHistory();
        for (var i = 0; i < times; i++)
        {
            mover = mover.Observe(MiB(1000), MiB(500), VmPhase.Shrinking, Noon);
            mover = mover.Observe(MiB(1000), MiB(500), VmPhase.Stuck, Noon + TimeSpan.FromSeconds(5));
        }

        return mover;
    }
}
