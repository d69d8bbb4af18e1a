namespace Dmm.Lab.Replay;

/// <summary>
/// A VM's shortfall by what it waited for, byte-seconds. Up to its target, what is short is on its way: granted and moving, or waiting for
/// others to give. What is short above its target the law has not heard of, or has decided.
/// </summary>
internal sealed class ShortfallCauses
{
    /// <summary>Need rose and the law has not looked since.</summary>
    public double Hearing { get; private set; }

    /// <summary>The law has looked and wants less for it than it needs.</summary>
    public double Deciding { get; private set; }

    /// <summary>The law wants it to have this, and others have not given it yet.</summary>
    public double Waiting { get; private set; }

    /// <summary>Granted, and not there yet.</summary>
    public double Moving { get; private set; }

    /// <summary>
    /// Counts a stretch on which need and memory move in lines, from the VM's values to these; nothing else of it has changed on the way.
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

    /// <summary>The integral of the positive part of a line.</summary>
    private static double Positive(double from, double to, double seconds) =>
        from <= 0 && to <= 0 ? 0
        : from >= 0 && to >= 0 ? (from + to) * 0.5 * seconds
        : Math.Max(from, to) * 0.5 * seconds * (Math.Max(from, to) / Math.Abs(from - to));
}
