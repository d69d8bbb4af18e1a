using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Dmm.Core;

/// <summary>
/// An amount of memory, never negative. Sizes are never passed as bare numbers: a mistaken unit can bring down a host. Sums are checked,
/// because a ledger that wraps is worse than one that stops; so every figure must be bounded where it enters the system. A subtraction that
/// would go below zero throws; <see cref="MinusOrZero"/> gives zero instead. Conversions (<see cref="FromBytes"/>, <see cref="Scale"/>,
/// <see cref="RoundUp"/>) saturate: guests influence those figures, and no guest may stop the daemon.
/// </summary>
public readonly record struct MemorySize : IComparable<MemorySize>
{
    private const long Kibi = 1L << 10;
    private const long Mebi = 1L << 20;
    private const long Gibi = 1L << 30;
    private const long Tebi = 1L << 40;

    private static readonly (string Suffix, long Unit)[] Units =
    [
        ("kib", Kibi), ("mib", Mebi), ("gib", Gibi), ("tib", Tebi),
        ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
        ("k", Kibi), ("m", Mebi), ("g", Gibi), ("t", Tebi), ("b", 1),
    ];

    /// <param name="bytes">Zero or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bytes"/> is negative.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MemorySize(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = bytes;
    }

    public static MemorySize Zero => default;

    /// <summary>
    /// 1 PiB: no machine has more, and a sum of thousands of such sizes does not overflow. A figure from a guest or a person is cut to
    /// this, or refused, before it is added to anything.
    /// </summary>
    public static MemorySize MostThereIs => new(Tebi << 10);

    public long Bytes { get; }

    public bool IsZero => Bytes == 0;

    public double Mebibytes => Bytes / (double)Mebi;

    public static MemorySize FromKiB(long kib) => new(checked(kib * Kibi));

    public static MemorySize FromMiB(long mib) => new(checked(mib * Mebi));

    public static MemorySize FromGiB(long gib) => new(checked(gib * Gibi));

    /// <summary>The nearest whole number of bytes at or below <paramref name="bytes"/>; negative and NaN become zero.</summary>
    public static MemorySize FromBytes(double bytes) =>
        !(bytes > 0) ? Zero : bytes >= long.MaxValue ? new(long.MaxValue) : new((long)bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MemorySize operator +(MemorySize a, MemorySize b) => new(checked(a.Bytes + b.Bytes));

    /// <exception cref="OverflowException">The result would be negative.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MemorySize operator -(MemorySize a, MemorySize b) =>
        a.Bytes >= b.Bytes ? new(a.Bytes - b.Bytes) : throw new OverflowException($"{a} − {b} is below zero");

    public static bool operator <(MemorySize a, MemorySize b) => a.Bytes < b.Bytes;

    public static bool operator >(MemorySize a, MemorySize b) => a.Bytes > b.Bytes;

    public static bool operator <=(MemorySize a, MemorySize b) => a.Bytes <= b.Bytes;

    public static bool operator >=(MemorySize a, MemorySize b) => a.Bytes >= b.Bytes;

    public static MemorySize Min(MemorySize a, MemorySize b) => a.Bytes <= b.Bytes ? a : b;

    public static MemorySize Max(MemorySize a, MemorySize b) => a.Bytes >= b.Bytes ? a : b;

    /// <summary><c>this − other</c>, or zero where that would be negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MemorySize MinusOrZero(MemorySize other) => Bytes > other.Bytes ? new(Bytes - other.Bytes) : Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MemorySize Clamp(MemorySize low, MemorySize high) => Max(low, Min(this, high));

    /// <summary>This size times <paramref name="factor"/> (zero or more), rounded down to whole bytes.</summary>
    public MemorySize Scale(double factor) => FromBytes(Bytes * factor);

    /// <summary>The largest multiple of <paramref name="block"/> (more than zero) that is not above this size.</summary>
    public MemorySize RoundDown(MemorySize block) => new(Bytes / block.Bytes * block.Bytes);

    /// <summary>
    /// The smallest multiple of <paramref name="block"/> (more than zero) that is not below this size. If a <c>long</c> can't hold that,
    /// the largest multiple that it can hold.
    /// </summary>
    public MemorySize RoundUp(MemorySize block)
    {
        var down = RoundDown(block);
        return down == this || down.Bytes > long.MaxValue - block.Bytes ? down : new(down.Bytes + block.Bytes);
    }

    public int CompareTo(MemorySize other) => Bytes.CompareTo(other.Bytes);

    /// <summary>
    /// Reads a size as people write it: a decimal number and a unit. <c>K M G T</c> and <c>KiB MiB GiB TiB</c> are powers of 1024,
    /// <c>KB MB GB TB</c> powers of 1000 (as virsh reads them), <c>B</c> is bytes; case does not matter. Only 0 needs no unit: 512 could
    /// mean bytes or mebibytes, and a guarantee of 512 bytes is none.
    /// </summary>
    /// <exception cref="FormatException">The text is not a size; the message says what was found and what would be right.</exception>
    public static MemorySize Parse(string text) =>
        TryParse(text, out var size)
            ? size
            : throw new FormatException(
                $"'{Echo.Of(text)}' is not a memory size; write a number and a unit, such as 256M or 1.5GiB{UnitFault(text)}");

    /// <inheritdoc cref="Parse"/>
    /// <returns>False where the text is not a size; <see cref="UnitFault"/> says whether only its unit is missing.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out MemorySize size)
    {
        size = default;
        var number = text?.Trim() ?? "";
        var (unit, hasUnit) = (1L, false);
        foreach (var (suffix, factor) in Units)
        {
            if (number.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                number = number[..^suffix.Length].TrimEnd();
                (unit, hasUnit) = (factor, true);
                break;
            }
        }

        if (!TryNumber(number, out var value) || value > long.MaxValue / unit || (!hasUnit && value != 0))
            return false;
        size = new((long)(value * unit));
        return true;
    }

    /// <summary>
    /// What to add to the error where the text is a size without its unit: what was most likely meant, such as
    /// <c>: 512 has no unit; did you mean 512M?</c>. A number from 2^20 is taken for bytes, which only programs write; a smaller one for
    /// mebibytes, or for gibibytes where it has decimals.
    /// </summary>
    /// <returns>Null where a unit is not what is missing.</returns>
    public static string? UnitFault(string? text)
    {
        var number = text?.Trim() ?? "";
        if (!TryNumber(number, out var value) || value == 0)
            return null;
        if (value > long.MaxValue)
            return null;
        var shown = Echo.Of(number);
        var meant = value >= Mebi ? new MemorySize((long)value).ToExactText()
            : number.Contains('.', StringComparison.Ordinal) ? $"{shown}G"
            : $"{shown}M";
        return $": {shown} has no unit; did you mean {meant}?";
    }

    /// <summary>A text that <see cref="Parse"/> reads as this same size: a whole number and the largest unit that divides it.</summary>
    public string ToExactText()
    {
        var (unit, suffix) = Bytes switch
        {
            0 => (1L, ""),
            _ when Bytes % Tebi == 0 => (Tebi, "T"),
            _ when Bytes % Gibi == 0 => (Gibi, "G"),
            _ when Bytes % Mebi == 0 => (Mebi, "M"),
            _ when Bytes % Kibi == 0 => (Kibi, "K"),
            _ => (1L, "B"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{Bytes / unit}{suffix}");
    }

    private static bool TryNumber(string text, out decimal value) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);

    /// <summary>A text for people: up to two decimals and a binary unit, such as <c>1.5 GiB</c>.</summary>
    public override string ToString()
    {
        var (value, unit) = Bytes switch
        {
            >= Tebi => (Bytes / (double)Tebi, "TiB"),
            >= Gibi => (Bytes / (double)Gibi, "GiB"),
            >= Mebi => (Bytes / (double)Mebi, "MiB"),
            >= Kibi => (Bytes / (double)Kibi, "KiB"),
            _ => (Bytes, "B"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {unit}");
    }
}
