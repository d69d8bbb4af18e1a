using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// A VM whose process is not known: no process is ended because of it, and none of its memory becomes free unless it is shown to be.
/// </summary>
public sealed class IdentityStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    [Fact]
    public void What_was_found_out_of_its_process_takes_the_place_of_what_an_earlier_release_believed()
    {
        var unsure = new UnsureHypervisor(Hypervisor) { Found = handle => handle with { Pid = null, PidStart = null } };
        AdoptOne(unsure, new(Vm, "simulation", MiB(256), "q", 4711, 1, "boot", Owned: false));
        Until("it is identified", s => s.State.Vms[Vm].Handle.Pid is null);
        Assert.Contains("is not known", Notices().Single(h => h.Kind == "vmIdentified").Text, StringComparison.Ordinal);

        KillHost();
        unsure.Found = handle => handle with { Pid = 815, PidStart = 2, Proved = true };
        StartHost(memoryMiB: 2048, hypervisor: unsure);
        Until("its process is known", s => s.State.Vms[Vm].Handle is { Pid: 815, Proved: true });
        KillHost();
        StartHost(memoryMiB: 2048, hypervisor: unsure);
        UntilRuns("vm");
        // A daemon that starts repeats notices that its predecessor may not have given.
        Assert.Equal(2, Notices().Where(h => h.Kind == "vmIdentified").Select(h => h.Text).Distinct().Count());
    }

    [Fact]
    public void An_order_to_end_one_that_can_not_be_shown_to_be_gone_keeps_its_claim_and_says_so()
    {
        var unsure = new UnsureHypervisor(Hypervisor) { Found = handle => handle, EndFault = "nothing shows that it is gone" };
        AdoptOne(unsure, new(Vm, "simulation", MiB(256), "q", null, null, "boot", Owned: false));
        UntilRuns("vm");
        Host.Tell(new HostProtocol.StopVm(Vm, new(TimeSpan.Zero, Kill: true)), TestActor);
        ExpectMsg<HostProtocol.Done>();

        var status = Until("it is said", s => s.Reports[Vm] is { Stopping: true, Why: { } why }
            && why.Contains("nothing shows that it is gone; its claim stands", StringComparison.Ordinal));

        Until("it was tried a few times", _ => unsure.Ended > 3);
        Assert.True(status.State.Ledger.Claims[Vm].Size >= MiB(256));
        Assert.Single(Notices(), h => h.Kind == "notEnded");
        Assert.DoesNotContain(Notices(), h => h.Kind == "actorRestarted");
        unsure.EndFault = null;
        Until("it is gone", s => s.State.Vms.IsEmpty);
    }

    private void AdoptOne(UnsureHypervisor unsure, VmHandle handle)
    {
        StartHost(memoryMiB: 2048, hypervisor: unsure);
        Hypervisor.LaunchAsync(Spec("vm", 128, 256, 512), default).ContinueWith(_ => { }, TaskScheduler.Default);
        Until("it runs", _ => Hypervisor.Guest(Vm) is not null);
        Host.Tell(new HostProtocol.AdoptVm(handle, new(MiB(128), MiB(512)), MiB(256), MiB(32)) { ReadAt = MomentNow }, TestActor);
        ExpectMsg<HostProtocol.Done>();
    }

    private sealed class UnsureHypervisor(IHypervisor inner) : PassingHypervisor(inner)
    {
        private VmHandle? _asked;

        /// <summary>The result of looking for a VM's process.</summary>
        public required Func<VmHandle, VmHandle> Found { get; set; }

        public string? EndFault { get; set; }

        public int Ended { get; private set; }

        public override Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
        {
            _asked = handle;
            return base.ConnectAsync(handle, observe, cancellation);
        }

        protected override IVirtualMachine Of(VmId id, IVirtualMachine vm) => new Unsure(this, vm, Found(_asked!));

        private sealed class Unsure(UnsureHypervisor owner, IVirtualMachine inner, VmHandle found) : PassingVm(inner)
        {
            public override VmHandle Identity => found;

            public override Task EndAsync(CancellationToken cancellation)
            {
                owner.Ended++;
                return owner.EndFault is { } fault ? Task.FromException(new HypervisorException(fault)) : base.EndAsync(cancellation);
            }
        }
    }
}
