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
        .LoadAssembliesIncludingDependencies(
            [
                typeof(Core.Memory.Ledger).Assembly,
                typeof(Actors.Hosts.HostActor).Assembly,
                typeof(Hypervisors.Qemu.QemuHypervisor).Assembly,
                typeof(Settings.DmmSettings).Assembly,
                typeof(Contracts.VmView).Assembly,
                typeof(Hosting.DaemonApp).Assembly,
            ],
            recursive: false)
        .Build();

    [Fact]
    public void Core_knows_the_base_library_alone()
    {
        Hold(Types().That().ResideInNamespaceMatching(Core).Should().NotDependOnAny(
            Types().That().ResideInNamespaceMatching(@"^(Akka|Dmm\.(Actors|Hypervisors|Daemon|Settings|Contracts|Cli)|LinqToDB|Newtonsoft)(\..*)?$")));
        Assert.NotEmpty(Types().That().ResideInNamespaceMatching(Core).GetObjects(House));
    }

    [Fact]
    public void Core_knows_no_clock_no_io_and_no_chance() =>
        Hold(Types().That().ResideInNamespaceMatching(Core).Should().NotDependOnAny(
            Types().That().ResideInNamespaceMatching(@"^System\.(IO|Net|Diagnostics\.Process)(\..*)?$")
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
            Types().That().ResideInNamespaceMatching(@"^(Dmm\.(Hypervisors|Daemon|Settings|Contracts|Cli)|Microsoft\.AspNetCore|System\.(IO|Net))(\..*)?$")));

    [Fact]
    public void Drivers_know_no_actors() =>
        Hold(Types().That().ResideInNamespaceMatching(@"^Dmm\.Hypervisors(\..*)?$").Should().NotDependOnAny(
            Types().That().ResideInNamespaceMatching(@"^(Akka|Dmm\.(Actors|Daemon|Settings|Contracts|Cli))(\..*)?$")));

    private static void Hold(IArchRule rule) => rule.Check(House);
}
