using Dmm.Core;

namespace Dmm.Settings;

/// <summary>A size, or a fraction of a size that is known only later.</summary>
public readonly record struct Portion
{
    private readonly MemorySize _size;
    private readonly double? _fraction;

    private Portion(MemorySize size, double? fraction) => (_size, _fraction) = (size, fraction);

    public static Portion Fixed(MemorySize size) => new(size, null);

    /// <param name="fraction">0 to 1.</param>
    public static Portion Part(double fraction) => new(default, fraction);

    /// <summary>The size that this is of <paramref name="whole"/>; at most the whole.</summary>
    public MemorySize Of(MemorySize whole) => _fraction is { } fraction ? whole.Scale(fraction) : MemorySize.Min(_size, whole);
}
