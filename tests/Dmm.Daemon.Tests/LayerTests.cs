using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Fluent;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnit;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace Dmm.Daemon.Tests;

/// <summary>Holds the layers of docs/architecture.md apart.</summary>
public sealed class LayerTests
{
    private const string Core = @"^Dmm\.Core(\..*)?$";

    private static readonly Architecture House = new ArchLoader()
        .LoadAssemblies(
            [
                typeof(Core.Memory.Ledger).Assembly,
                typeof(Actors.Hosts.HostActor).Assembly,
                typeof(Files.FileFacts).Assembly,
                typeof(Hypervisors.Qemu.QemuHypervisor).Assembly,
                typeof(Settings.DmmSettings).Assembly,
                typeof(Contracts.VmView).Assembly,
                typeof(Hosting.DaemonApp).Assembly,
                typeof(Lab.ISimulation).Assembly,
            ])
        .Build();

    [Fact]
    public void Core_knows_the_base_library_alone()
    {
        Hold(Types().That().ResideInNamespaceMatching(Core).Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^(Akka|Dmm\.(Actors|Files|Hypervisors|Daemon|Settings|Contracts|Cli|Lab)|LinqToDB|Newtonsoft)(\..*)?$")));
        Assert.NotEmpty(Types().That().ResideInNamespaceMatching(Core).GetObjects(House));
    }

    [Fact]
    public void Core_knows_no_clock_no_io_and_no_chance() =>
        Hold(Types().That().ResideInNamespaceMatching(Core).Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^System\.(IO|Net|Diagnostics\.Process)(\..*)?$")
                .Or().HaveFullNameMatching(@"^System\.(TimeProvider|Random|Diagnostics\.Stopwatch|Environment|Console|Threading\.(Thread|Timer|PeriodicTimer))$")));

    [Fact]
    public void Core_never_asks_what_time_it_is()
    {
        var callers = House.Types
            .Where(type => type.Assembly.Name.StartsWith("Dmm.Core", StringComparison.Ordinal))
            .SelectMany(type => type.Members)
            .SelectMany(member => member.MemberDependencies.OfType<MethodCallDependency>().Select(d => (Member: member.FullName, d.TargetMember)))
            .Where(call => call.TargetMember.DeclaringType.FullName is "System.DateTime" or "System.DateTimeOffset"
                && call.TargetMember.Name is "get_Now()" or "get_UtcNow()" or "get_Today()")
            .Select(call => call.Member);
        Assert.Empty(callers);
    }

    [Fact]
    public void The_actor_shell_knows_no_edge() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Actors(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^(Dmm\.(Files|Hypervisors|Daemon|Settings|Contracts|Cli|Lab)|Microsoft\.AspNetCore|System\.(IO|Net))(\..*)?$")));

    [Fact]
    public void Drivers_know_no_actors() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Hypervisors(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^(Akka|Dmm\.(Actors|Daemon|Settings|Contracts|Cli|Lab))(\..*)?$")));

    [Fact]
    public void The_daemon_knows_no_lab() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.(Daemon|Settings|Contracts)(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^Dmm\.Lab(\..*)?$")));

    [Fact]
    public void The_lab_knows_core_actors_and_drivers_alone() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Lab(\..*)?$").Should().NotDependOnAny(
            Types(includeReferenced: true).That().ResideInNamespaceMatching(@"^(Dmm\.(Daemon|Settings|Contracts|Cli)|Microsoft\.AspNetCore)(\..*)?$")));

    /// <summary>What lies outside the house is not loaded, only seen where it is used: a rule that forbids what is used must find it.</summary>
    [Theory]
    [InlineData(@"^Dmm\.Actors(\..*)?$", @"^Akka(\..*)?$")]
    [InlineData(@"^Dmm\.Hypervisors(\..*)?$", @"^System\.IO(\..*)?$")]
    [InlineData(@"^Dmm\.Daemon(\..*)?$", @"^Microsoft\.AspNetCore(\..*)?$")]
    public void A_rule_that_does_not_hold_is_found_to_be_broken(string who, string whom) =>
        Assert.False(Types().That().ResideInNamespaceMatching(who).Should().NotDependOnAny(Types(includeReferenced: true).That().ResideInNamespaceMatching(whom)).HasNoViolations(House));

    private static void Hold(IArchRule rule) => rule.Check(House);
}
