using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Dmm.Simulation.Actors;
using Xunit.Abstractions;

namespace Dmm.Simulation.Tests;

/// <summary>
/// Many VMs are requested at once on a host that has room for only some of them: the whole actor system of a host, on virtual time.
/// </summary>
public sealed class ManyAtOnceTests(ITestOutputHelper output)
{
    /// <summary>The boot size and the overhead of each VM.</summary>
    private static readonly MemorySize Each = MemorySize.FromMiB(256) + ActorWorld.Overhead;

    private static VmId Id(int n) => VmId.Parse($"vm{n:0000}");

    [Fact]
    public void Those_that_there_is_room_for_run_the_rest_wait_or_are_refused_and_follow_as_others_end() =>
        AskForMany(asked: 40, fitting: 12);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void So_they_do_when_a_thousand_are_asked_for() => AskForMany(asked: 1_000, fitting: 300);

    private void AskForMany(int asked, int fitting)
    {
        var log = new HistoryLog(60);
        SimulationThread.Run(() =>
        {
            var settings = new DaemonSettings
            {
                Host = new()
                {
                    Memory = Each.Scale(fitting) + MemorySize.FromMiB(200),
                    Reserve = MemorySize.FromMiB(100),
                    Admission = new() { Deadline = TimeSpan.FromHours(1), Queue = asked, Launches = 16 },
                },
            };
            var script = new ScriptedHost(settings, log);
            var began = script.Host.Clock.Now;
            var (taken, refused) = (new List<int>(), new List<string>());
            script.UntilStatus("a daemon is there", _ => true);
            for (var n = 0; n < asked; n++)
            {
                var (name, spec) =
                    (n, new VmSpec
                    {
                        Id = Id(n),
                        Policy = new(MemorySize.FromMiB(256), MemorySize.FromMiB(512)),
                        Boot = MemorySize.FromMiB(256),
                    });
                script.Host.Daemon!.Ask(new AdmissionProtocol.CreateVm(spec, ActorWorld.Overhead, null, []), $"create {name}", answer =>
                {
                    if (answer is HostProtocol.Refused no)
                        refused.Add(no.Why);
                    else
                        taken.Add(name);
                });
            }

            script.UntilStatus($"{fitting} run", s => taken.Count + refused.Count == asked && s.State.Vms.Count == fitting
                && s.State.Admissions.Values.All(a => a.State == AdmissionState.Waiting));
            output.WriteLine($"{taken.Count} taken, {refused.Count} refused, {script.Host.Clock.Now - began} of virtual time");
            Assert.All(refused, why => Assert.Contains("with every peer at its min this host has room for", why));
            Assert.Equal(taken.Take(fitting), Running());
            Assert.Equal(taken.Count - fitting, script.Status.State.Admissions.Count);
            Assert.True(taken.Count >= fitting + 3, "too few wait for this test to mean anything");

            foreach (var n in taken.Take(3))
                script.Ask(new HostProtocol.StopVm(Id(n), new(TimeSpan.Zero, Kill: true)), $"stop {n}",
                    s => !s.State.Vms.ContainsKey(Id(n)));
            script.UntilStatus("three of the queue run", s => s.State.Vms.Count == fitting && !s.State.Vms.ContainsKey(Id(taken[0]))
                && s.State.Vms.ContainsKey(Id(taken[fitting + 2])));
            Assert.Equal(taken.Skip(3).Take(fitting), Running());
            Assert.All(script.Host.World.Running, vm => Assert.True(vm.Guest.Sizes.Actual >= MemorySize.FromMiB(256)));

            IEnumerable<int> Running() =>
                script.Status.State.Vms.Keys.Select(id => int.Parse(id.Name[2..], System.Globalization.CultureInfo.InvariantCulture));
            return 0;
        });
    }
}
