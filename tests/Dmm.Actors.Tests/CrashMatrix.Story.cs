using System.Text;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation;
using Dmm.Simulation.Actors;

namespace Dmm.Actors.Tests;

public sealed partial class CrashMatrix
{
    /// <summary>A story with every event that a host's journal can have, and every call that its actors can make to a hypervisor.</summary>
    private sealed class Story
    {
        private static readonly VmId A = VmId.Parse("a"), B = VmId.Parse("b"), C = VmId.Parse("c"), D = VmId.Parse("d"),
        E = VmId.Parse("e"), F = VmId.Parse("f"), G = VmId.Parse("g");

        private readonly ScriptedHost _script;

        private Story(ScriptedHost script) => _script = script;

        /// <summary>Runs the story, with deaths or without.</summary>
        public static Lived Live(params (string Moment, int Nth, bool After)[] deaths)
        {
            var log = new HistoryLog(60);
            try
            {
                return SimulationThread.Run(() =>
                {
                    var script = new ScriptedHost(new(), log, deaths);
                    return new Lived(new Story(script).Tell(), script.Moments, script.AllDied);
                });
            }
            catch (InvalidOperationException amiss)
            {
                throw new Xunit.Sdk.XunitException(
                    $"deaths at {string.Join(", ", deaths)}: {amiss.Message}\n{string.Join('\n', log.Last)}");
            }
        }

        private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

        private ActorVm Real(VmId id) => _script.Host.World.Find(id) ?? throw new InvalidOperationException($"{id} does not run");

        private string Tell()
        {
            Create(A, min: 128, boot: 512, max: 2048);
            Create(B, min: 128, boot: 512, max: 1024);
            ABurstWhoseGuestTakesNothingPlugged();
            AMaxBeyondTheDevices();
            OneThatIsWantedNoMore();
            LetGoAndTakenUpAgain();
            LetGoAndGone();
            OneThatReturns();
            OneThatIsStoppedInVain();
            AMigrationThatIsGivenUp();
            OneWhoseProcessIsNotKnownAnyMore();
            OneThatIsEndedThoughItCanNotBeReached();
            AHostThatIsDrained();
            OneThatCostsMoreThanExpected();
            _script.Ask(new HostProtocol.StopVm(B, new(TimeSpan.FromSeconds(2), Kill: true)), "stop b",
                s => !s.State.Vms.TryGetValue(B, out var b) || b.Stop is not null);
            _script.UntilStatus("b is gone", s => !s.State.Vms.ContainsKey(B));
            return Rest();
        }

        private void Create(VmId id, long min, long boot, long max)
        {
            var spec = new VmSpec { Id = id, Policy = new(MiB(min), MiB(max)), Boot = MiB(boot) };
            _script.Ask(
                new AdmissionProtocol.CreateVm(spec, ActorWorld.Overhead, TimeSpan.FromMinutes(1), []), $"create {id}",
                s => s.State.Vms.ContainsKey(id) || s.State.Admissions.ContainsKey(id));
            UntilSettled(id);
        }

        private void ABurstWhoseGuestTakesNothingPlugged()
        {
            Real(A).Guest.Temper = GuestTemper.IgnoresPlug;
            // One DIMM is enough for the load, so that no further rescue is needed if its daemon was dead meanwhile.
            (Real(A).Wish, Real(A).TakeRate) = (MiB(560), MiB(400));
            _script.Until("a rescue DIMM saves it", () => Real(A).Guest.Base > MiB(512) && Real(A).Guest.Used == MiB(560));
            Real(A).Guest.Temper = GuestTemper.Ideal;
            UntilSettled(A);
            (Real(A).Wish, Real(A).TakeRate) = (MiB(900), MiB(50));
            _script.Until("it has what it needs", () => Real(A).Guest.Used == MiB(900));
            Real(A).Wish = MiB(24);
        }

        private void AMaxBeyondTheDevices()
        {
            var max = Real(A).Guest.Base + Real(A).PluggableMax + MiB(512);
            _script.Ask(new HostProtocol.SetPolicy(A, null, max, 500), "set a", s => s.State.Vms[A].Policy.Max == max);
            _script.Until("another device is there", () => Real(A).Guest.Base + Real(A).PluggableMax >= max);
        }

        private void OneThatIsWantedNoMore()
        {
            // The VM's peers are asked, but no guest obeys. So they are trusted less and less, until no plan is left, and the VM waits.
            Pin(A, 1600);
            (Real(A).Wish, Real(A).TakeRate) = (MiB(1500), MiB(400));
            _script.Until("it uses what it has", () => Real(A).Guest.Used == MiB(1500));
            // A request that came before the host knows of it would find a plan, on memory that is used.
            _script.UntilStatus("the host knows that", s => s.Forecasts.TryGetValue(A, out var f) && f.Used >= MiB(1440));
            Real(A).Guest.Temper = Real(B).Guest.Temper = GuestTemper.Stubborn;
            var spec = new VmSpec { Id = C, Policy = new(MiB(512), MiB(1200)), Boot = MiB(1200) };
            _script.Ask(
                new AdmissionProtocol.CreateVm(spec, ActorWorld.Overhead, TimeSpan.FromMinutes(2), []), "create c",
                s => s.State.Admissions.ContainsKey(C));
            _script.UntilStatus("c's peers are asked", s => s.State.Admissions.TryGetValue(C, out var c)
                && c.State == AdmissionState.Shrinking);
            _script.UntilStatus("c waits", s => s.State.Admissions.TryGetValue(C, out var c) && c.State == AdmissionState.Waiting);
            Real(A).Wish = MiB(24);
            _script.Ask(new HostProtocol.StopVm(C, new(TimeSpan.Zero, Kill: true)), "cancel c", s => !s.State.Admissions.ContainsKey(C));
            _script.UntilStatus("c is wanted no more", s => s.State.Admissions.IsEmpty);
            Real(A).Guest.Temper = Real(B).Guest.Temper = GuestTemper.Ideal;
        }

        private void OneThatCostsMoreThanExpected()
        {
            Real(A).Costs(MiB(100), _script.Host.Clock.Moment);
            _script.UntilStatus("that is counted", s => s.State.Ledger.Claims[A].Overhead >= MiB(100));
        }

        private void LetGoAndTakenUpAgain()
        {
            Create(D, min: 128, boot: 256, max: 1024);
            _script.Ask(new HostProtocol.ForgetVm(D), "forget d", s => !s.State.Vms.ContainsKey(D));
            // The daemon's API does the same: the driver looks at the VM before the host is asked.
            var daemon = _script.Host.Daemon!;
            var looked = new LabHypervisor(_script.Host.World, daemon.Process).InspectAsync(D, "", CancellationToken.None);
            _script.Until("it has been looked at", () => looked.IsCompleted || _script.Host.Daemon != daemon);
            var handle = Real(D).Handle with { Owned = false };
            _script.Ask(
                () => new HostProtocol.AdoptVm(handle, new(MiB(128), MiB(1024)), Real(D).Guest.Sizes.Ceiling, ActorWorld.Overhead)
                {
                    ReadAt = _script.Host.Clock.Moment,
                },
                "adopt d",
                s => s.State.Vms.ContainsKey(D));
            UntilSettled(D);
        }

        private void LetGoAndGone()
        {
            Create(F, min: 128, boot: 128, max: 256);
            _script.Ask(new HostProtocol.ForgetVm(F), "forget f", s => !s.State.Vms.ContainsKey(F));
            _script.Host.World.End(F, "whoever rules it now ends it");
            _script.UntilStatus("that is seen", s => s.State.LetGo.IsEmpty);
        }

        /// <summary>A VM dies and returns by itself; it is stopped and does not return; it is started.</summary>
        private void OneThatReturns()
        {
            Create(E, min: 128, boot: 256, max: 512);
            _script.Ask(new HostProtocol.SetPolicy(E, null, null, null) { Restart = RestartPolicy.Always }, "set e",
                s => RestartOf(s, E) == RestartPolicy.Always);
            var first = Real(E);
            _script.Host.World.End(E, "it is killed");
            _script.Until("it is back", () => _script.Host.World.Find(E) is { } again && again != first);
            UntilSettled(E);
            _script.Ask(new HostProtocol.StopVm(E, new(TimeSpan.Zero, Kill: true)), "stop e", s => s.State.Resting.ContainsKey(E)
                || s.State.Vms[E].Unwanted);
            _script.UntilStatus("it rests", s => s.State.Resting.TryGetValue(E, out var rests) && rests.ReturnAt is null);
            _script.Wait(TimeSpan.FromMinutes(1));
            Assert.Null(_script.Host.World.Find(E));
            _script.Ask(new HostProtocol.StartVm(E, TimeSpan.FromMinutes(1)), "start e", s => !s.State.Resting.ContainsKey(E));
            UntilSettled(E);
        }

        private void OneThatIsStoppedInVain()
        {
            _script.Host.World.PowersDown = () => null;
            _script.Ask(new HostProtocol.StopVm(E, new(TimeSpan.FromSeconds(2), Kill: false)), "stop e in vain",
                s => s.State.Vms[E].Unwanted);
            _script.UntilStatus("that is given up", s => s.State.Vms[E] is { Unwanted: true, Stop: null });
            _script.Ask(new HostProtocol.StartVm(E, null), "e is wanted again", s => !s.State.Vms[E].Unwanted);
            UntilSettled(E);
            _script.Host.World.PowersDown = () => TimeSpan.FromSeconds(0.5);
        }

        private void AMigrationThatIsGivenUp()
        {
            _script.Host.World.Turn(Real(E), VmRunState.MigratingOut);
            _script.UntilStatus("it may run elsewhere", s => s.State.Vms[E].MigratedAway);
            _script.Host.World.Turn(Real(E), VmRunState.Running);
            _script.UntilStatus("it runs here again", s => !s.State.Vms[E].MigratedAway);
            UntilSettled(E);
        }

        private void OneWhoseProcessIsNotKnownAnyMore()
        {
            Real(D).Unsure = true;
            Break(D);
            _script.UntilStatus("that is written down", s => s.State.Vms[D].Handle.Pid is null);
            UntilSettled(D);
        }

        private void OneThatIsEndedThoughItCanNotBeReached()
        {
            Create(G, min: 128, boot: 128, max: 256);
            Real(G).Unreachable = true;
            Break(G);
            _script.Ask(new HostProtocol.StopVm(G, new(TimeSpan.Zero, Kill: true)), "end g", s => !s.State.Vms.TryGetValue(G, out var g)
                || g.Stop is not null);
            _script.UntilStatus("g is gone", s => !s.State.Vms.ContainsKey(G));
            Assert.Null(_script.Host.World.Find(G));
        }

        /// <summary>All VMs that DMM started power down, and return whatever their restart policy; an adopted one runs on.</summary>
        private void AHostThatIsDrained()
        {
            _script.Ask(new HostProtocol.DrainHost(TimeSpan.FromMinutes(1), Kill: false), "drain", s => s.State.Drain is not null);
            _script.UntilStatus("they are gone", s => s.State.DrainsStill == 0);
            Assert.Equal([D], _script.Status.State.Vms.Keys);
            _script.Wait(TimeSpan.FromSeconds(30));
            Assert.Equal([D], _script.Host.World.Running.Select(vm => vm.Id));
            _script.Ask(new HostProtocol.UndrainHost(), "undrain", s => s.State.Drain is null);
            foreach (var id in new[] { A, B, E })
                UntilSettled(id);
        }

        private void Break(VmId id)
        {
            Real(id).Tell(new Dmm.Core.Ports.VmObservation.ConnectionLost("simulated: it broke"));
            Real(id).Break();
        }

        private static RestartPolicy? RestartOf(HostProtocol.Status status, VmId id) =>
            status.State.Vms.GetValueOrDefault(id)?.Spec?.Restart;

        private void Pin(VmId id, long mib)
        {
            _script.Ask(new HostProtocol.ResizeVm(id, MiB(mib)), $"resize {id}", s => s.State.Vms[id].OperatorTarget == MiB(mib));
            _script.Until($"{id} has {mib} MiB", () => Ladder.Distance(Real(id).Guest.Sizes.Actual, MiB(mib)) <= MiB(2));
        }

        private void UntilSettled(VmId id) => _script.UntilStatus(
            $"{id} is settled",
            s => s.State.Vms.TryGetValue(id, out var vm) && s.Reports.TryGetValue(id, out var report)
            && report is { Phase: VmPhase.Settled, Why: null }
                && Ladder.Distance(Real(id).Guest.Sizes.Actual, vm.Promise.Target) <= MiB(2));

        /// <summary>The state once all is at rest, in words that can be compared.</summary>
        private string Rest()
        {
            Pin(A, 800);
            Pin(D, 300);
            Pin(E, 300);
            string? amiss = null;
            _script.Until("all is at rest", () => _script.Host.Daemon?.Status is { } status
                && _script.Host.Clock.Now - _script.Host.WrittenAt > TimeSpan.FromSeconds(5)
                && (amiss = ActorInvariants.Settled(status, _script.Host.World)) is null);
            Assert.Null(amiss);
            var (state, text) = (_script.Status.State, new StringBuilder());
            foreach (var (id, vm) in state.Vms)
            {
                var claim = Timeless(state.Ledger.Claims[id]);
                text.AppendLine($"{id}: {vm.Policy}, {vm.Promise}, operator's {vm.OperatorTarget}, {vm.Spec?.Boot}, {claim}");
            }

            foreach (var real in _script.Host.World.Running)
                text.AppendLine($"{real.Id} runs: {real.Guest.Sizes.Actual} of {real.Guest.Base} and {real.PluggableMax}");
            return text.Append($"free {state.Ledger.Free}, reserved {state.Ledger.Reserved}").ToString();
        }

        /// <summary>A daemon that died takes longer, so what it reads is read later.</summary>
        private static Claim Timeless(Claim claim) => claim with { Read = claim.Read with { At = default }, UnprovenAt = default };

        internal sealed record Lived(string End, IReadOnlyDictionary<(string Moment, bool After), int> Moments, bool AllDied);
    }
}
