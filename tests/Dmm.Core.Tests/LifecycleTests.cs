using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests;

public sealed class LifecycleTests
{
    private static readonly Moment Now = Moment.Origin + TimeSpan.FromDays(1);
    private static readonly ReturnSettings Settings = new();
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(RestartPolicy.OnFailure, EndCause.Failed, true)]
    [InlineData(RestartPolicy.OnFailure, EndCause.PoweredDown, false)]
    [InlineData(RestartPolicy.OnFailure, EndCause.NeverBooted, true)]
    [InlineData(RestartPolicy.OnFailure, EndCause.HostRestarted, true)]
    [InlineData(RestartPolicy.OnFailure, EndCause.Stopped, false)]
    [InlineData(RestartPolicy.Always, EndCause.Failed, true)]
    [InlineData(RestartPolicy.Always, EndCause.PoweredDown, true)]
    [InlineData(RestartPolicy.Always, EndCause.NeverBooted, true)]
    [InlineData(RestartPolicy.Always, EndCause.HostRestarted, true)]
    [InlineData(RestartPolicy.Always, EndCause.Stopped, false)]
    public void A_vm_with_a_restart_policy_is_remembered_and_returns_as_it_says(RestartPolicy policy, EndCause cause, bool returns)
    {
        var rest = Returns.After(policy, cause, unwanted: false, tries: 1, Short, Settings, Now);
        Assert.NotNull(rest);
        Assert.Equal(returns, rest.ReturnAt is not null);
    }

    [Fact]
    public void A_vm_without_one_is_forgotten_however_it_ends() =>
        Assert.All(Enum.GetValues<EndCause>(), cause => Assert.Null(Returns.After(RestartPolicy.Never, cause, false, 1, Short, Settings, Now)));

    [Fact]
    public void A_vm_that_was_stopped_stays_so_even_if_it_is_killed_in_the_end() =>
        Assert.Equal(new Rest(null, 0), Returns.After(RestartPolicy.Always, EndCause.Failed, unwanted: true, 3, Short, Settings, Now));

    [Fact]
    public void A_first_creation_that_never_ran_is_over() =>
        Assert.Null(Returns.After(RestartPolicy.Always, EndCause.NeverBooted, false, tries: null, ran: null, Settings, Now));

    [Fact]
    public void Each_return_waits_twice_as_long_up_to_a_bound_until_it_ran_well()
    {
        var waits = new List<double>();
        int? tries = null;
        for (var i = 0; i < 11; i++)
        {
            var rest = Returns.After(RestartPolicy.OnFailure, EndCause.Failed, false, tries, Short, Settings, Now)!;
            waits.Add((rest.ReturnAt!.Value - Now).TotalSeconds);
            tries = rest.Tries;
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300], waits);
        var after = Returns.After(RestartPolicy.OnFailure, EndCause.Failed, false, tries, Settings.CalmAfter, Settings, Now);
        Assert.Equal(new Rest(Now + TimeSpan.FromSeconds(1), 1), after);
    }

    [Fact]
    public void A_host_that_restarts_is_no_fault_of_its_vms() =>
        Assert.Equal(new Rest(Now, 3), Returns.After(RestartPolicy.OnFailure, EndCause.HostRestarted, false, 3, Short, Settings, Now));

    [Fact]
    public void Only_a_guest_that_is_to_speak_is_given_up_for_its_silence()
    {
        var deadline = TimeSpan.FromSeconds(120);
        Assert.Null(BootWatch.Verdict(BootCheck.Heard, deadline - TimeSpan.FromSeconds(1), deadline));
        Assert.Contains("within 120 s", BootWatch.Verdict(BootCheck.Heard, deadline, deadline), StringComparison.Ordinal);
        Assert.Null(BootWatch.Verdict(BootCheck.None, deadline * 10, deadline));
    }

    [Fact]
    public void The_sum_of_maxes_is_bounded_with_figures()
    {
        var (vm, guests) = (VmId.Parse("web"), MemorySize.FromGiB(8));
        Assert.Null(Overcommit.Refusal(vm, MemorySize.FromGiB(8), MemorySize.FromGiB(8), guests, 2));
        Assert.Null(Overcommit.Refusal(vm, MemorySize.FromGiB(800), MemorySize.FromGiB(8), guests, 0));
        Assert.Equal(
            "web: with max 10 GiB the sum of all max would be 18 GiB, 2.25 times the 8 GiB for guests; dmm.admission.overcommit-max-ratio allows 2 times, so max can be 8 GiB at most",
            Overcommit.Refusal(vm, MemorySize.FromGiB(10), MemorySize.FromGiB(8), guests, 2));
    }
}
