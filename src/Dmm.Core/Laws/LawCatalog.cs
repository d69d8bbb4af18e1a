using System.Collections.Immutable;

namespace Dmm.Core.Laws;

/// <summary>The laws by name: first DMM's own, then the one that manages nothing, then the peers' laws.</summary>
public static class LawCatalog
{
    public static ImmutableArray<LawEntry> All { get; } =
    [
        new("dmm", "working set, forecast and headroom; shares under contention; reacts to pressure", "this project",
            new("what guests keep beyond use: headroom, from 0.3 on past use too, from 0.7 on what is idle", DmmLaw.DefaultIdle,
                [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.29, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.67, 0.68, 0.69, 0.7, 0.8, 0.9, 0.95, 1]),
                DmmLaw.Leaving),
        new("static", "no management: every VM holds its maximum", "none", null, _ => new StaticLaw()),
        new("proxmox", "fills 80 % of the host by shares, 100 MiB a VM every 10 s; balloon only", "Proxmox VE, PVE/AutoBalloon.pm",
            new("host memory in use", ProxmoxLaw.DefaultHostUse, [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1]),
            value => new ProxmoxLaw(value)),
        new("mom", "5 % steps every 10 s, down while less than 20 % of the host is free, else up; balloon only",
            "oVirt MOM, doc/balloon.rules",
            new("free part of a guest", MomLaw.DefaultGuestFree, [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6]), value => new MomLaw(value)),
        new("squeezed", "the same part of each VM's range from min to max, blind to need", "XenServer squeezed, lib/squeeze.ml", null,
            _ => new SqueezedLaw()),
        new("hyperv", "demand and 20 % at once, removal every 5 min, weights under contention", "Hyper-V Dynamic Memory, documentation",
            new("buffer", HypervLaw.DefaultBuffer, [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1]), value => new HypervLaw(value)),
        new("esx", "shares with a tax of 75 % on idle memory, every 15 s; four host states", "Waldspurger, OSDI 2002",
            new("tax on idle memory", EsxLaw.DefaultTax, [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]), value => new EsxLaw(value)),
        new("vpa", "90th percentile of daily peaks and 15 %, half-life 24 h", "Kubernetes Vertical Pod Autoscaler, pkg/recommender",
            new("margin", VpaLaw.DefaultMargin, [0, 0.05, 0.1, 0.15, 0.25, 0.5, 1]), value => new VpaLaw(value)),
        new("neon", "use ÷ 0.75 in compute units every 5 s, up at once, down after five minutes",
            "Neon autoscaling, pkg/agent/core/goalcu.go",
            new("use of memory", NeonLaw.DefaultTarget, [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]), value => new NeonLaw(value)),
    ];

    /// <exception cref="ArgumentException">There is no law of that name.</exception>
    public static LawEntry Get(string name) =>
        All.FirstOrDefault(law => law.Name == name)
        ?? throw new ArgumentException(
            $"There is no law \"{name}\"; there are {string.Join(", ", All.Select(law => law.Name))}.", nameof(name));

    /// <summary>Creates a new law that has learnt nothing yet.</summary>
    /// <param name="safety">The law's safety setting; null: the law's own default.</param>
    /// <exception cref="ArgumentException">There is no law of that name, or it has no such setting.</exception>
    public static ILaw Create(string name, double? safety = null) => Get(name).Create(safety);
}

/// <summary>An entry of the catalog: a law that can be created.</summary>
/// <param name="Name">The name as in <c>dmm.policy</c>.</param>
/// <param name="Summary">The rule in one line.</param>
/// <param name="Source">Where the rule is published.</param>
/// <param name="Safety">The setting by which the law trades shortfall for slack; null where it has none.</param>
public sealed record LawEntry(string Name, string Summary, string Source, LawSafety? Safety, Func<double, ILaw> Make)
{
    /// <inheritdoc cref="LawCatalog.Create"/>
    public ILaw Create(double? safety = null) =>
        safety is null || Safety is not null
            ? Make(safety ?? Safety?.Default ?? 0)
            : throw new ArgumentException($"The law {Name} has no safety setting, so {safety} can't be its value.", nameof(safety));
}

/// <summary>The setting of a law by which it trades shortfall for slack.</summary>
/// <param name="Meaning">The meaning of the setting, for people.</param>
/// <param name="Default">The value that the peer itself uses by default.</param>
/// <param name="Values">Values over which a curve may be drawn, in rising order.</param>
public sealed record LawSafety(string Meaning, double Default, ImmutableArray<double> Values);
