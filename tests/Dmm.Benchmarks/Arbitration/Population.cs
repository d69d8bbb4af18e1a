using Dmm.Core;
using Dmm.Core.Planning;

namespace Dmm.Benchmarks.Arbitration;

/// <summary>The relation of the memory to what the VMs want.</summary>
public enum Regime
{
    /// <summary>Every VM gets what it wants, and idle memory stays: nothing is sorted.</summary>
    Enough,

    /// <summary>A third of the VMs want more; about half of the others' slack must be taken for it, the largest first.</summary>
    Slack,

    /// <summary>Nine in ten VMs want more, and no memory is free: fair shares, weighed by measured harm.</summary>
    Contention,

    /// <summary>
    /// Half of the VMs want all they may have; the others give all they can spare, and it is not enough: the arbiter runs all of its
    /// steps.
    /// </summary>
    Drained,
}

/// <summary>
/// The VMs of a mixed host, the same each time. Among those that want more, one in twenty is in need; one in seven of all VMs is harmed.
/// </summary>
public sealed class Population
{
    private static readonly int[] Shares = [500, 1000, 1000, 2000];

    public Population(int vms, Regime regime)
    {
        var random = new Random(1);
        Bids = new Bid[vms];
        for (var i = 0; i < vms; i++)
        {
            var min = random.Next(128, 1025);
            var max = min + random.Next(512, 8193);
            var held = random.Next(min, max + 1);
            var grows = regime switch
            {
                Regime.Contention => random.Next(10) > 0,
                Regime.Drained => random.Next(2) == 0,
                _ => random.Next(3) == 0,
            };
            var want = !grows ? random.Next(min, held + 1)
                : regime == Regime.Drained ? max
                : held + random.Next(((max - held) / 2) + 1);
            Bids[i] = new(
                VmId.Parse($"vm-{i:00000}"), MemorySize.FromMiB(min), MemorySize.FromMiB(max), Shares[random.Next(Shares.Length)],
                MemorySize.FromMiB(held),
                MemorySize.FromMiB(want), MemorySize.FromMiB(Math.Max(want, random.Next(want, Math.Max(want, held) + 1))), grows
                && random.Next(20) == 0, true)
            {
                Need = MemorySize.FromMiB(Math.Max(min, want - (want / 16) - 64)),
                Harm = random.Next(7) == 0 ? random.NextDouble() * 0.3 : 0,
                // A part of what is needed is cache, or not there yet.
                TakenTo = MemorySize.FromMiB(Math.Max(min, Math.Min(held, want) * 3 / 4)),
            };
        }

        var (allHeld, allWanted) = (Bids.Sum(b => b.Held.Bytes), Bids.Sum(b => MemorySize.Max(b.Held, b.Want).Bytes));
        Budget = new(regime == Regime.Enough ? allWanted / 10 * 11 : allHeld);
    }

    public Bid[] Bids { get; }

    /// <summary>The memory for all VMs together.</summary>
    public MemorySize Budget { get; }
}
