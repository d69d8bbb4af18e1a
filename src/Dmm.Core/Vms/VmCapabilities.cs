namespace Dmm.Core.Vms;

/// <summary>What a VM can do, and what it lacks.</summary>
/// <param name="Balloon">It has a balloon.</param>
/// <param name="PluggableMax">The most that can be plugged beside base; zero where it can't be.</param>
/// <param name="BlockSize">The unit of plugging.</param>
/// <param name="Lacks">Each thing it lacks that DMM would use, in one line with what follows.</param>
public sealed record VmCapabilities(bool Balloon, MemorySize PluggableMax, MemorySize BlockSize, IReadOnlyList<string> Lacks)
{
    private readonly MemorySize? _extendableTo;

    /// <summary>How far <see cref="PluggableMax"/> can be raised while the VM runs; never below it.</summary>
    public MemorySize ExtendableTo
    {
        get => MemorySize.Max(PluggableMax, _extendableTo ?? MemorySize.Zero);
        init => _extendableTo = value;
    }

    /// <summary>The balloon may hold back what was plugged, too (DIMMs); otherwise boot memory and rescue DIMMs alone.</summary>
    public bool BalloonTakesPlugged { get; init; }

    /// <summary>What one rescue DIMM gives; zero where none can be given (any more).</summary>
    public MemorySize RescueSize { get; init; }

    /// <summary>
    /// Why what its balloon takes never comes back to the host, as can be seen beforehand; null where it does, as far as is known.
    /// </summary>
    public string? Keeps { get; init; }
}
