namespace Dmm.Lab.Replay;

/// <summary>
/// Compares laws at equal slack. For each point of another law's curve over its safety setting, it takes DMM's point with the least
/// shortfall among those with no more slack. The reason: a law that leaves more memory idle falls short by less without being better.
/// </summary>
internal static class EqualSlack
{
    public const string Own = "dmm";

    /// <param name="curves">The laws' curves; DMM's must be among them.</param>
    public static IReadOnlyList<EqualSlackFigures> Of(IReadOnlyList<SafetyCurve> curves)
    {
        var own = curves.Single(curve => curve.Law == Own).Points;
        return
        [
            .. curves.Where(curve => curve.Law != Own).SelectMany(curve => curve.Points.Select(point =>
            {
                var best = own.Where(p => p.SlackRatio <= point.SlackRatio).OrderBy(p => p.ShortfallRatio).ThenBy(p => p.SlackRatio)
                    .FirstOrDefault();
                return new EqualSlackFigures(
                    curve.Law, point.Value, point.SlackRatio, point.ShortfallRatio, best?.Value, best?.SlackRatio, best?.ShortfallRatio);
            })),
        ];
    }

    public static void Show(LabScreen screen, IReadOnlyList<EqualSlackFigures> figures) =>
        screen.Table(
            ["law", "setting", "slack", "its shortfall", "DMM's", "of it", "DMM's setting", "DMM's slack"],
            figures.Select(f => (IReadOnlyList<string>)
            [
                f.Law, $"{f.Value}", $"{f.SlackRatio:0 %}", $"{f.ShortfallRatio:0.00000 %}", f.OwnShortfallRatio is { } own
                ? $"{own:0.00000 %}" : "none",
                f.OwnShortfallRatio is { } part && f.ShortfallRatio > 0 ? $"{part / f.ShortfallRatio:0 %}" : "", $"{f.OwnValue}",
                $"{f.OwnSlackRatio:0 %}",
            ]));
}

/// <summary>One point of another law's curve, and DMM's best point with no more slack.</summary>
/// <param name="Value">The value of the law's safety setting.</param>
/// <param name="OwnValue">The value of DMM's setting. It and the following are null where all of DMM's points leave more idle.</param>
public sealed record EqualSlackFigures(
    string Law, double Value, double SlackRatio, double ShortfallRatio, double? OwnValue, double? OwnSlackRatio, double? OwnShortfallRatio);
