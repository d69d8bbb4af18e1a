using Dmm.Core;

namespace Dmm.Lab.Traces;

/// <summary>
/// Invented VMs for tests and trials: most of them idle, with days and nights, bursts, level shifts, and some that are off for a while.
/// They are not a measurement: real traces show how laws compare.
/// </summary>
public static class SyntheticTraces
{
    private const long Start = 1_372_629_600;
    private const int Interval = 300;

    public static IReadOnlyList<VmTrace> Make(int vms, TimeSpan length, ulong seed)
    {
        var chance = new SeededRandom(seed);
        return [.. Enumerable.Range(1, vms).Select(i => Vm($"{i}", length, chance.Split()))];
    }

    private static VmTrace Vm(string name, TimeSpan length, SeededRandom chance)
    {
        var maxMib = 512 << chance.Below(6);
        var levelMib = maxMib * (0.02 + (0.2 * Part(chance)));
        var daily = chance.OneIn(2) ? 0.5 * Part(chance) : 0;
        var phase = chance.Below(24);
        var rows = (int)(length.TotalSeconds / Interval) + 1;
        var (seconds, used) = (new List<int>(rows), new List<uint>(rows));
        int burst = 0, off = 0;
        var burstMib = 0.0;
        for (var k = 0; k < rows; k++)
        {
            if (chance.OneIn(400))
                levelMib = maxMib * (0.02 + (0.3 * Part(chance)));
            if (burst == 0 && chance.OneIn(100))
                (burst, burstMib) = (1 + chance.Below(6), maxMib * Part(chance));
            if (off == 0 && chance.OneIn(2000))
                off = 1 + chance.Below(100);
            var hour = ((k * Interval / 3600) + phase) % 24;
            var need = levelMib * (1 + (daily * Math.Sin(hour * Math.PI / 12))) * (0.9 + (0.2 * Part(chance)));
            need = Math.Min(maxMib, burst > 0 ? Math.Max(need, burstMib) : need);
            // While a VM is off, half of its rows are zero and half are missing.
            if (off == 0 || off % 2 == 0)
            {
                seconds.Add(k * Interval);
                used.Add(off > 0 ? 0 : (uint)(need * 1024));
            }

            (burst, off) = (Math.Max(0, burst - 1), Math.Max(0, off - 1));
        }

        return new(name, Start, [.. seconds], [.. used], MemorySize.FromMiB(maxMib));
    }

    private static double Part(SeededRandom chance) => (chance.Next() >> 11) * (1.0 / (1UL << 53));
}
