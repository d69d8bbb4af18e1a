using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>
/// A law as the lab runs it, with its admission rule: the size at which it counts a VM when it decides whether the host holds one more.
/// </summary>
/// <param name="Create">Makes an instance. Laws have a state, so each replay needs its own.</param>
/// <param name="Claim">The size that a VM counts with, in bytes.</param>
internal sealed record LabLaw(string Name, Func<ILaw> Create, Func<VmPlan, long> Claim)
{
    /// <summary>The setting that trades shortfall for slack; null where the law has none.</summary>
    public LawSafety? Safety { get; private init; }

    /// <summary>The value of that setting; null where it has none.</summary>
    public double? Value { get; private init; }

    /// <param name="period">DMM's planning period, where it is given. Peers keep their own.</param>
    public ILaw CreateWith(TimeSpan? period)
    {
        var law = Create();
        return period is { } at && law is DmmLaw own ? new DmmLaw(own.Settings with { Period = at }) : law;
    }

    public const string Oracle = "oracle";

    /// <summary>The only law that refuses VMs: each has its max from the start. The others can take every VM down to its min.</summary>
    private const string Static = "static";

    /// <summary>All laws, in the order of the tables, without <see cref="Oracle"/>, which is not a law: it knows the future.</summary>
    public static IReadOnlyList<LabLaw> All { get; } =
        [.. LawCatalog.All.Select(law => Of(law, law.Safety?.Default))];

    /// <summary>Returns the same law with another value of its safety setting.</summary>
    public LabLaw With(double value) => Of(LawCatalog.Get(Name), value);

    private static LabLaw Of(LawEntry law, double? value) =>
        new(law.Name, () => law.Create(value), law.Name == Static ? static vm => vm.Max.Bytes
            : static vm => vm.Min.Bytes)
        { Safety = law.Safety, Value = value };

    /// <exception cref="LabException">There is no such law.</exception>
    public static LabLaw Of(string name) =>
        All.FirstOrDefault(law => law.Name == name)
        ?? throw new LabException($"there is no law '{name}'; there are {string.Join(", ", Names)}");

    /// <summary>The names of all laws; the oracle's is last.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(law => law.Name), Oracle];

    /// <param name="text">Names, separated by commas, or <c>all</c>.</param>
    /// <exception cref="LabException">There is no such law.</exception>
    public static IReadOnlyList<string> Parse(string text) =>
        text == "all" ? Names
        : [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()
            .Select(name => name == Oracle ? name : Of(name).Name)];

    /// <summary>The admission of every law that can take a VM down to its min.</summary>
    public static int AdmitByMin(IReadOnlyList<VmPlan> vms, long memory) =>
        new LabLaw(Oracle, null!, static vm => vm.Min.Bytes).Admit(vms, memory);

    /// <summary>
    /// Returns how many of the VMs, in their order, the host holds by their claims. It stops at the first that does not fit.
    /// </summary>
    public int Admit(IReadOnlyList<VmPlan> vms, long memory)
    {
        var admitted = 0;
        foreach (var vm in vms)
        {
            memory -= Claim(vm);
            if (memory < 0)
                break;
            admitted++;
        }

        return admitted;
    }
}
