namespace Dmm.Core.Vms;

/// <summary>What a VM can do, and what it lacks.</summary>
/// <param name="Balloon">The VM has a balloon.</param>
/// <param name="PluggableMax">The most that can be plugged beside base; zero where nothing can be.</param>
/// <param name="BlockSize">The unit of plugging.</param>
/// <param name="Lacks">The features that the VM lacks and DMM would use, each in one line with the consequences.</param>
public sealed record VmCapabilities(bool Balloon, MemorySize PluggableMax, MemorySize BlockSize, IReadOnlyList<string> Lacks)
{
    private readonly MemorySize? _extendableTo;

    /// <summary>How far <see cref="PluggableMax"/> can be raised while the VM runs; never below it.</summary>
    public MemorySize ExtendableTo
    {
        get => MemorySize.Max(PluggableMax, _extendableTo ?? MemorySize.Zero);
        init => _extendableTo = value;
    }

    /// <summary>Whether the balloon may also hold back plugged memory (DIMMs); otherwise only boot memory and rescue DIMMs.</summary>
    public bool BalloonTakesPlugged { get; init; }

    /// <summary>How its virtual CPUs run: <c>kvm</c> or <c>tcg</c> (emulated, many times slower); null where that is not known.</summary>
    public string? Accelerator { get; init; }

    /// <summary>The memory that one rescue DIMM gives; zero where none can be added (any more).</summary>
    public MemorySize RescueSize { get; init; }

    /// <summary>
    /// Why memory that the balloon takes never comes back to the host, where that can be seen beforehand; null where it does come back,
    /// as far as is known.
    /// </summary>
    public string? Keeps { get; init; }

    /// <summary>
    /// That is true of plugged memory as well: its pages are huge ones of a pool of the host's, which nobody else's pages come from.
    /// </summary>
    public bool KeepsPlugged { get; init; }

    /// <summary>
    /// Where the host itself holds the VM to its claim (a control group's path); null where it can't. <see cref="Unenforced"/> says why.
    /// </summary>
    public string? Group { get; init; }

    /// <summary>Why the host can't hold the VM to its claim, in one line; null where it can.</summary>
    public string? Unenforced { get; init; }
}
