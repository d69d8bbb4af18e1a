using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Fluent;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnit;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace Dmm.Daemon.Tests;

/// <summary>Checks that the layers of docs/develop/architecture.md stay separate.</summary>
public sealed class LayerTests
{
    private const string Core = @"^Dmm\.Core(\..*)?$";

    private static readonly System.Reflection.Assembly[] Assemblies =
    [
        typeof(Core.Memory.Ledger).Assembly,
        typeof(Actors.Hosts.HostActor).Assembly,
        typeof(Clustering.ClusterNode).Assembly,
        typeof(Files.FileFacts).Assembly,
        typeof(Hypervisors.Qemu.QemuHypervisor).Assembly,
        typeof(Settings.DmmSettings).Assembly,
        typeof(Contracts.VmView).Assembly,
        typeof(Daemon.Hosting.DaemonApp).Assembly,
        typeof(Hocon.HoconText).Assembly,
        typeof(Commands.CommandLine).Assembly,
        typeof(Cli.Tree).Assembly,
        typeof(Lab.LabCommand).Assembly,
    ];

    private static readonly Architecture House = new ArchLoader().LoadAssemblies(Assemblies).Build();

    [Fact]
    public void Core_knows_the_base_library_alone()
    {
        Hold(Types().That().ResideInNamespaceMatching(Core).Should().NotDependOnAny(
            Types(includeReferenced: true).That()
                .ResideInNamespaceMatching(
                    @"^(Akka|Dmm\.(Actors|Clustering|Files|Hypervisors|Daemon|Hocon|Settings|Contracts|Commands|Cli|Lab)"
                    + @"|LinqToDB|Newtonsoft)(\..*)?$")));
        Assert.NotEmpty(Types().That().ResideInNamespaceMatching(Core).GetObjects(House));
    }

    /// <summary>A folder of Core can be read, and moved, without the folders that use it. The root is below all of them.</summary>
    [Fact]
    public void The_folders_of_Core_form_no_circle()
    {
        var uses = House.Types
            .Where(type => Folder(type) is not null)
            .SelectMany(type => type.Dependencies.Select(d => (From: Folder(type)!, To: Folder(d.Target), By: type.FullName)))
            .Where(use => use.To is not null && use.To != use.From)
            .ToLookup(use => use.From);

        // Remove each folder that uses none of the remaining folders; if none can be removed, the rest is a cycle.
        var left = uses.SelectMany(use => use).SelectMany(use => new[] { use.From, use.To! }).ToHashSet();
        while (left.RemoveWhere(folder => !uses[folder].Any(use => left.Contains(use.To!))) > 0)
        {
        }

        Assert.Empty(left.SelectMany(folder => uses[folder]).Where(use => left.Contains(use.To!)).Select(use => $"{use.By} uses {use.To}")
            .Distinct().Order(StringComparer.Ordinal));

        static string? Folder(IType type) =>
            type.Namespace?.FullName is { } space && space.StartsWith("Dmm.Core.", StringComparison.Ordinal) ? space : null;
    }

    /// <summary>One type reads the clocks that are passed to it, so that all parts read them in the same way.</summary>
    [Fact]
    public void Core_knows_no_clock_no_io_and_no_chance() =>
        Hold(Types().That().ResideInNamespaceMatching(Core).And().DoNotHaveFullName("Dmm.Core.Clocks").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^System\.(IO|Net|Diagnostics\.Process)(\..*)?$")
                .Or().HaveFullNameMatching(
                    @"^System\.(TimeProvider|Random|Diagnostics\.Stopwatch|Environment|Console|"
                    + @"Threading\.(Thread|Timer|PeriodicTimer))$")));

    /// <summary>
    /// All decisions use the monotonic clock. In Core only these know the wall clock: <c>Clocks</c>, which converts one into the other;
    /// the code that distinguishes the hours of the day; the journal's events and the records of models; and the texts for people. An
    /// interval between two wall-clock times is computed nowhere else.
    /// </summary>
    [Fact]
    public void Core_knows_the_walls_time_only_for_hours_of_the_day_for_the_journal_and_for_people() =>
        Assert.Equal(
            [
                "Dmm.Core.Admission.AdmissionWords", "Dmm.Core.Clocks", "Dmm.Core.Demand.DemandModel", "Dmm.Core.Demand.DemandModels",
                "Dmm.Core.Demand.IDemandModel", "Dmm.Core.Demand.ModelRecord",
                "Dmm.Core.Demand.Seasons", "Dmm.Core.Laws.DmmLaw", "Dmm.Core.Machines.VmTurn",
            ],
            House.Types
                .Where(type => Regex.IsMatch(type.FullName, @"^Dmm\.Core\.(?!(Events|Explaining|Hosts|Journals)\.)"))
                .Where(type => type.Dependencies.Any(d => d.Target.FullName is "System.DateTimeOffset" or "System.DateTime"))
                .Select(type => type.FullName.Split('+', '/')[0])
                .Distinct()
                .Order(StringComparer.Ordinal));

    /// <summary>
    /// The history's own times go forward with the monotonic clock; a person asks for events and decisions by the wall clock.
    /// </summary>
    [Fact]
    public void Core_reckons_in_the_walls_time_only_where_it_turns_one_clock_into_the_other() =>
        Assert.Equal(
            [
                "Dmm.Core.Clocks", "Dmm.Core.Demand.Seasons", "Dmm.Core.Events.EventBook", "Dmm.Core.Explaining.DecisionLog",
                "Dmm.Core.Explaining.ExplanationText",
                "Dmm.Core.Journals.History", "Dmm.Core.Laws.DmmLaw",
            ],
            Calls("Dmm.Core", @"^System\.(DateTimeOffset|DateTime)$", @"^(op_|Subtract|Add[A-Z(]|CompareTo)")
                .Select(caller => caller.Split('+', '/')[0])
                .Distinct()
                .Order(StringComparer.Ordinal));

    /// <summary>
    /// The clocks are read in one place, Core's <c>Clocks</c>: Akka's <c>Scheduler.Now</c> is wall-clock time, and .NET's own clocks have
    /// another source than the drivers'.
    /// </summary>
    [Fact]
    public void The_actor_shell_reads_no_clock_by_itself() =>
        Assert.Empty(Calls("Dmm.Actors", @"^System\.(DateTime|DateTimeOffset)$", @"^get_(Now|UtcNow|Today)\(\)$")
            .Concat(Calls("Dmm.Actors", @"^System\.TimeProvider$", @"^(GetUtcNow|GetTimestamp|GetLocalNow|GetElapsedTime)\("))
            .Concat(Calls("Dmm.Actors", @"^Akka\.Actor\.ITimeProvider$", "^get_"))
            .Concat(Calls(
                "Dmm.Actors", @"^System\.(Environment|Diagnostics\.Stopwatch)$",
                "^(get_TickCount|get_TickCount64|GetTimestamp|StartNew)\\(")));

    /// <summary>
    /// A wait, an age or a deadline that is computed from times of day is wrong by the amount by which somebody sets the host's clock.
    /// </summary>
    [Fact]
    public void Drivers_and_daemon_take_the_walls_time_for_people_and_for_the_journal_alone() =>
        Assert.Equal(
            ["Dmm.Daemon.Api.Explanations", "Dmm.Daemon.Journals.JournalStore", "Dmm.Hypervisors.Simulation.SimulatedHypervisor"],
            new[] { "Dmm.Hypervisors", "Dmm.Daemon" }
                .SelectMany(
                    name => Calls(
                        name, @"^System\.(DateTime|DateTimeOffset|TimeProvider)$", @"^(get_(Now|UtcNow|Today)\(\)|Get(UtcNow|LocalNow)\()"))
                .Select(call => call.Split('+', '/')[0])
                .Distinct()
                .Order(StringComparer.Ordinal));

    [Fact]
    public void Core_never_asks_what_time_it_is()
    {
        var callers = House.Types
            .Where(type => type.Assembly.Name.StartsWith("Dmm.Core", StringComparison.Ordinal))
            .SelectMany(type => type.Members)
            .SelectMany(member => member.MemberDependencies.OfType<MethodCallDependency>()
                .Select(d => (Member: member.FullName, d.TargetMember)))
            .Where(call => call.TargetMember.DeclaringType.FullName is "System.DateTime" or "System.DateTimeOffset"
                && call.TargetMember.Name is "get_Now()" or "get_UtcNow()" or "get_Today()")
            .Select(call => call.Member);
        Assert.Empty(callers);
    }

    [Fact]
    public void The_actor_shell_knows_no_edge() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Actors(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That()
                .ResideInNamespaceMatching(
                    @"^(Dmm\.(Clustering|Files|Hypervisors|Daemon|Hocon|Settings|Contracts|Commands|Cli|Lab)"
                    + @"|Microsoft\.AspNetCore|System\.(IO|Net))(\..*)?$")));

    /// <summary>
    /// What another node sends reaches the cluster's own actors alone: they know neither those of the host nor its drivers.
    /// </summary>
    [Fact]
    public void The_cluster_knows_no_actor_of_the_host_and_no_driver() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Clustering(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That()
                .ResideInNamespaceMatching(
                    @"^(Dmm\.(Actors|Hypervisors|Daemon|Hocon|Settings|Contracts|Commands|Cli|Lab)|Microsoft\.AspNetCore)(\..*)?$")));

    [Fact]
    public void Drivers_know_no_actors() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Hypervisors(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That()
                .ResideInNamespaceMatching(@"^(Akka|Dmm\.(Actors|Clustering|Daemon|Hocon|Settings|Contracts|Commands|Cli|Lab))(\..*)?$")));

    [Fact]
    public void The_daemon_knows_no_command() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.(Daemon|Hocon|Settings|Contracts)(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^Dmm\.(Commands|Cli|Lab)(\..*)?$")));

    /// <summary>
    /// A command is small and quick: it does not depend on Akka or a driver, and only the lab depends on the plotting library.
    /// </summary>
    [Fact]
    public void Commands_know_neither_actors_nor_drivers() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.(Commands|Cli|Lab)(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That()
                .ResideInNamespaceMatching(@"^(Akka|Dmm\.(Actors|Clustering|Daemon|Settings|Hypervisors)|Microsoft\.AspNetCore)(\..*)?$")));

    [Fact]
    public void Dmm_itself_does_not_draw() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.(Commands|Cli)(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^(ScottPlot|Dmm\.Lab)(\..*)?$")));

    /// <summary>
    /// A name means one thing, and no file needs an alias. Each program has a <c>Program</c> outside the namespaces; the compiler's own
    /// types are nobody's.
    /// </summary>
    [Fact]
    public void No_two_types_share_a_name()
    {
        var types = Assemblies.SelectMany(assembly => assembly.GetTypes())
            .Where(type => !type.IsNested && type.Namespace?.StartsWith("Dmm.", StringComparison.Ordinal) == true
                && !type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false))
            .ToList();
        Assert.True(types.Count > 300, $"only {types.Count} types were looked at");
        Assert.Empty(types.GroupBy(type => type.Name).Where(same => same.Count() > 1)
            .Select(same => string.Join(", ", same.Select(type => type.FullName))));
    }

    /// <summary>
    /// Types outside the project are not loaded, only seen where they are used: a rule that forbids a dependency must find it all the
    /// same.
    /// </summary>
    [Theory]
    [InlineData(@"^Dmm\.Actors(\..*)?$", @"^Akka(\..*)?$")]
    [InlineData(@"^Dmm\.Hypervisors(\..*)?$", @"^System\.IO(\..*)?$")]
    [InlineData(@"^Dmm\.Daemon(\..*)?$", @"^Microsoft\.AspNetCore(\..*)?$")]
    public void A_rule_that_does_not_hold_is_found_to_be_broken(string who, string whom) =>
        Assert.False(Types().That().ResideInNamespaceMatching(who).Should()
            .NotDependOnAny(Types(includeReferenced: true).That().ResideInNamespaceMatching(whom)).HasNoViolations(House));

    /// <summary>The types of an assembly that call a matching member.</summary>
    private static IEnumerable<string> Calls(string assembly, string type, string member) => House.Types
        .Where(t => t.FullName.StartsWith(assembly + ".", StringComparison.Ordinal))
        .Where(t => t.Members.SelectMany(m => m.MemberDependencies).OfType<MethodCallDependency>().Any(call =>
            Regex.IsMatch(call.TargetMember.DeclaringType.FullName, type) && Regex.IsMatch(call.TargetMember.Name, member)))
        .Select(t => t.FullName);

    private static void Hold(IArchRule rule) => rule.Check(House);
}
