namespace Dmm.Lab.Replay;

/// <summary>
/// A VM's shortfall in byte-seconds, split by what it waited for. The part up to its target is on its way: granted and moving, or
/// waiting for other VMs to give. For the part above its target, the law has either not heard of the need or decided against it.
/// </summary>
internal sealed class ShortfallCauses
{
    /// <summary>Need rose, and the law has not looked since.</summary>
    public double Hearing { get; private set; }

    /// <summary>The law has looked and wants less for it than it needs.</summary>
    public double Deciding { get; private set; }

    /// <summary>The law wants it to have this memory, but other VMs have not given it yet.</summary>
    public double Waiting { get; private set; }

    /// <summary>The memory is granted, but has not arrived.</summary>
    public double Moving { get; private set; }

    /// <summary>
    /// Adds a period in which need and memory move in lines, from the VM's values to the given ones. Nothing else of the VM changes in
    /// it.
    /// </summary>
    public void Add(ReplayVm vm, double need, double actual, double seconds)
    {
        var grows = vm.Target >= vm.Actual;
        double held = grows ? Math.Min(vm.Held, vm.Target) : 0, target = grows ? vm.Target : 0;
        var whole = Positive(vm.Need - vm.Actual, need - actual, seconds);
        var ungranted = Positive(vm.Need - Math.Max(held, vm.Actual), need - Math.Max(held, actual), seconds);
        var unwanted = Positive(vm.Need - Math.Max(target, vm.Actual), need - Math.Max(target, actual), seconds);
        Moving += whole - ungranted;
        Waiting += ungranted - unwanted;
        if (vm.Heard)
            Deciding += unwanted;
        else
            Hearing += unwanted;
    }

    /// <summary>Returns the integral of the positive part of a line.</summary>
    private static double Positive(double from, double to, double seconds) =>
        from <= 0 && to <= 0 ? 0
        : from >= 0 && to >= 0 ? (from + to) * 0.5 * seconds
        : Math.Max(from, to) * 0.5 * seconds * (Math.Max(from, to) / Math.Abs(from - to));
}
