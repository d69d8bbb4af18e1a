using Dmm.Lab.Density;
using Dmm.Lab.Replay;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Tests.Replay;

/// <summary>
/// DMM's advantage on synthetic VMs to which nothing was fitted: it reaches nearly the result of perfect foresight, with less shortfall
/// than any peer.
/// </summary>
public sealed class AdvantageTests
{
    private static readonly TraceHost Host = new(SyntheticTraces.Make(60, TimeSpan.FromHours(12), seed: 11), new() { Seed = 7 });

    [Fact]
    public void Dmm_holds_nine_tenths_of_what_perfect_foresight_holds()
    {
        var figures = new DensityRun(Host, Host.SumOfMax.Scale(0.06), 0.001, orders: 3, new(), seed: 5, default)
            .Run(["dmm", "hyperv", LabLaw.Oracle], default);
        Assert.True(figures[0].OfOracle >= 0.9, $"{figures[0].Mean} of {figures[2].Mean}");
        Assert.True(figures[0].Mean > figures[1].Mean, $"{figures[0].Mean} and {figures[1].Mean}");
    }

    [Fact]
    public void Dmm_falls_short_by_half_of_any_peer_at_most_beyond_what_nobody_could_spare() => FallsShortByHalf(0.3, ofHyperv: 0.75);

    [Theory]
    [Trait(Category.Name, Category.Long)]
    [InlineData(0.1)]
    [InlineData(0.15)]
    public void So_it_does_on_a_tighter_host(double tightness) => FallsShortByHalf(tightness);

    /// <param name="ofHyperv">
    /// The bound for hyperv, which comes nearest where memory is seldom short, since it gets the exact need twice a second: 67 % at 30 %
    /// of the sum of all max, since there is then enough for its full shares.
    /// </param>
    private static void FallsShortByHalf(double tightness, double ofHyperv = 0.5)
    {
        var figures = new ReplayRun(Host, Host.SumOfMax.Scale(tightness), new(), 1)
            .Run([.. LabLaw.Names.Where(law => law != "static")], default);
        var (dmm, oracle) = (figures.Single(f => f.Law == "dmm"), figures.Single(f => f.Law == LabLaw.Oracle));
        Assert.All(
            figures.Where(f => f.Law is not ("dmm" or LabLaw.Oracle)),
            f => Assert.True(
                dmm.ShortfallRatio - oracle.ShortfallRatio <= (f.ShortfallRatio - oracle.ShortfallRatio) * (f.Law == "hyperv" ? ofHyperv
                    : 0.5),
                $"dmm {dmm.ShortfallRatio}, {f.Law} {f.ShortfallRatio}, oracle {oracle.ShortfallRatio}"));
    }

    /// <summary>
    /// The host has enough memory for all, so that the law alone decides what is left with the guests. The aim is half of any peer's
    /// shortfall. Here leaps are random, so that no history predicts them; on recorded VMs it is 39 % at most (docs/operate/results.md).
    /// A host that can leave more memory idle than is used needs no law.
    /// </summary>
    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void At_no_more_slack_dmm_falls_short_by_far_less_than_any_peer()
    {
        var curves = new ReplayRun(Host, Host.SumOfMax.Scale(0.5), new(), 1).Sweep(["dmm", "hyperv", "neon", "esx", "vpa"], default);
        var dmm = curves.Single(c => c.Law == "dmm").Points;
        var least = dmm.Min(p => p.SlackRatio);
        foreach (var (law, peer) in curves.Where(c => c.Law != "dmm")
            .SelectMany(c => c.Points.Where(p => p.SlackRatio >= least && p.SlackRatio <= 1).Select(p => (c.Law, p))))
        {
            var own = dmm.Where(p => p.SlackRatio <= peer.SlackRatio).Min(p => p.ShortfallRatio);
            Assert.True(
                own <= peer.ShortfallRatio * 0.65, $"dmm {own}, {law} at {peer.Value}: {peer.ShortfallRatio} with slack {peer.SlackRatio}");
        }
    }
}
