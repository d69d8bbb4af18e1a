namespace Dmm.Demo.Reporting;

/// <summary>The kind of limit: whether <see cref="Check.Measured"/> has to be at least or at most <see cref="Check.Limit"/>.</summary>
public enum Bound
{
    AtLeast,
    AtMost,
}

/// <summary>One claim of the demo and its measured value, from the guests and from QEMU.</summary>
/// <param name="Measured">Null if it could not be measured, which fails the check.</param>
public sealed record Check(string Name, double? Measured, Bound Bound, double Limit, string Unit)
{
    public bool Passed => Measured is { } measured && (Bound == Bound.AtLeast ? measured >= Limit : measured <= Limit);

    public static Check AtLeast(string name, double? measured, double limit, string unit) =>
        new(name, Rounded(measured), Bound.AtLeast, limit, unit);

    public static Check AtMost(string name, double? measured, double limit, string unit) =>
        new(name, Rounded(measured), Bound.AtMost, limit, unit);

    private static double? Rounded(double? value) => value is { } v && double.IsFinite(v) ? Math.Round(v, 3) : null;
}
