using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>
/// A law as the lab runs it, and its rule of admission: what it counts a VM at when it decides whether the host holds one more.
/// </summary>
/// <param name="Create">Laws remember; each replay has its own.</param>
/// <param name="Claim">Bytes.</param>
internal sealed record LabLaw(string Name, Func<ILaw> Create, Func<VmPlan, long> Claim)
{
    /// <summary>The setting by which it trades shortfall for slack; null where it has none.</summary>
    public LawSafety? Safety { get; private init; }

    /// <summary>The value of that setting; null where it has none.</summary>
    public double? Value { get; private init; }

    /// <param name="period">DMM's own, where it is given; its peers' are theirs.</param>
    public ILaw CreateWith(TimeSpan? period)
    {
        var law = Create();
        return period is { } at && law is DmmLaw own ? new DmmLaw(own.Settings with { Period = at }) : law;
    }

    public const string Oracle = "oracle";

    /// <summary>
    /// The one that turns VMs away: each has all its memory from the start. The others can take every VM down to its min.
    /// </summary>
    private const string Static = "static";

    /// <summary>All that there are, in the order of tables; <see cref="Oracle"/> is none, it knows the future.</summary>
    public static IReadOnlyList<LabLaw> All { get; } =
        [.. LawCatalog.All.Select(law => Of(law, law.Safety?.Default))];

    /// <summary>The same law with another value of its safety setting.</summary>
    public LabLaw With(double value) => Of(LawCatalog.Get(Name), value);

    private static LabLaw Of(LawEntry law, double? value) =>
        new(law.Name, () => law.Create(value), law.Name == Static ? static vm => vm.Max.Bytes
            : static vm => vm.Min.Bytes)
        { Safety = law.Safety, Value = value };

    /// <exception cref="LabException">There is no such law.</exception>
    public static LabLaw Of(string name) =>
        All.FirstOrDefault(law => law.Name == name)
        ?? throw new LabException($"there is no law '{name}'; there are {string.Join(", ", Names)}");

    /// <summary>Every law's name, the oracle's last.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(law => law.Name), Oracle];

    /// <param name="text">Names, separated by commas, or <c>all</c>.</param>
    /// <exception cref="LabException">There is no such law.</exception>
    public static IReadOnlyList<string> Parse(string text) =>
        text == "all" ? Names
        : [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()
            .Select(name => name == Oracle ? name : Of(name).Name)];

    /// <summary>As every law that can take a VM down to its min admits.</summary>
    public static int AdmitByMin(IReadOnlyList<VmPlan> vms, long memory) =>
        new LabLaw(Oracle, null!, static vm => vm.Min.Bytes).Admit(vms, memory);

    /// <summary>The first VMs, in their order, whose claims the host holds; the first that does not fit ends it.</summary>
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
