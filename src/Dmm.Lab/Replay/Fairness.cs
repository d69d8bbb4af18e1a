namespace Dmm.Lab.Replay;

/// <summary>
/// Jain's index of the part that VMs get of their weighted max-min fair share (Jain, Chiu, Hawe: DEC-TR-301, 1984). It is averaged over
/// those moments of a time grid in which the VMs together need more than the host has, or one of them is short. 1: all get the same
/// part; 1/n: one of n VMs gets everything.
/// </summary>
internal sealed class Fairness(long memory, ReplayVm[] vms)
{
    private readonly double[] _level = new double[vms.Length];
    private readonly int[] _order = new int[vms.Length];
    private double _sum;
    private long _looks;

    /// <summary>The average; 1 where there was never contention.</summary>
    public double Index => _looks == 0 ? 1 : _sum / _looks;

    /// <summary>Adds the VMs' present state to the average. All VMs must have been advanced to now.</summary>
    public void Look()
    {
        double need = 0;
        var isShort = false;
        foreach (var vm in vms)
        {
            need += vm.Need;
            isShort |= vm.Short;
        }

        if (!isShort && need <= memory)
            return;
        double shares = 0;
        for (var i = 0; i < vms.Length; i++)
        {
            (_level[i], _order[i]) = (vms[i].Need / vms[i].Shares, i);
            shares += vms[i].Shares;
        }

        Array.Sort(_level, _order);
        double rest = memory, sum = 0, squares = 0;
        var count = 0;
        foreach (var i in _order)
        {
            var vm = vms[i];
            var fair = Math.Min(vm.Need, rest * vm.Shares / shares);
            shares -= vm.Shares;
            rest -= fair;
            if (fair <= 0)
                continue;
            var got = Math.Min(vm.Actual, vm.Need) / fair;
            (sum, squares, count) = (sum + got, squares + (got * got), count + 1);
        }

        if (count == 0)
            return;
        _sum += squares > 0 ? sum * sum / (count * squares) : 1;
        _looks++;
    }
}
