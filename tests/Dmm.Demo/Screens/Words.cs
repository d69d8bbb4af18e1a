using System.Globalization;
using Dmm.Demo.Reporting;

namespace Dmm.Demo.Screens;

/// <summary>The format of figures on both screens.</summary>
public static class Words
{
    public static string Clock(TimeSpan at) => string.Create(CultureInfo.InvariantCulture, $"{at.TotalSeconds,6:0.0} s");

    public static string Figure(double? value) =>
        value is { } v ? v.ToString(Math.Abs(v) < 10 ? "0.##" : "#,0", CultureInfo.InvariantCulture) : "not measured";

    public static string Measured(Check check) => $"{Figure(check.Measured)} {check.Unit}".TrimEnd();

    public static string Limit(Check check) => $"{(check.Bound == Bound.AtLeast ? "≥" : "≤")} {Figure(check.Limit)}";

    public static string Guest(Sample s) =>
        $"{s.Vm} {s.Qemu.Actual.Bytes >> 20} MiB (plugged {s.Qemu.Plugged.Bytes >> 20}, ballooned {s.Qemu.Ballooned.Bytes >> 20}, "
        + $"load {(s.Load is { } load ? (load.HeldKib >> 10).ToString(CultureInfo.InvariantCulture) : "–")})";
}
