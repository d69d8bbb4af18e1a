using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;

namespace Dmm.Core.Tests.Lifecycle;

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
    public void A_vm_without_one_is_forgotten_however_it_ends_by_itself() =>
        Assert.All(
            Enum.GetValues<EndCause>().Except([EndCause.Drained]),
            cause => Assert.Null(Returns.After(RestartPolicy.Never, cause, false, 1, Short, Settings, Now)));

    [Fact]
    public void A_vm_that_a_drain_ended_is_remembered_under_every_policy_and_waits_no_longer_than_before() =>
        Assert.All(
            Enum.GetValues<RestartPolicy>(),
            policy => Assert.Equal(new Rest(null, 1), Returns.After(policy, EndCause.Drained, false, 1, Short, Settings, Now)));

    [Fact]
    public void A_vm_that_was_stopped_stays_so_even_if_it_is_killed_in_the_end() =>
        Assert.Equal(new Rest(null, 0), Returns.After(RestartPolicy.Always, EndCause.Failed, unwanted: true, 3, Short, Settings, Now));

    [Fact]
    public void A_vm_whose_first_life_ends_before_it_is_heard_of_returns_as_its_policy_says()
    {
        Assert.Equal(
            new Rest(Now + TimeSpan.FromSeconds(1), 1),
            Returns.After(RestartPolicy.Always, EndCause.NeverBooted, false, tries: null, ran: null, Settings, Now));
        Assert.Null(Returns.After(RestartPolicy.Never, EndCause.NeverBooted, false, tries: null, ran: null, Settings, Now));
    }

    [Theory]
    [InlineData(RestartPolicy.OnFailure)]
    [InlineData(RestartPolicy.Always)]
    public void A_vm_that_was_migrated_away_is_remembered_and_never_created_here_again_by_itself(RestartPolicy policy) =>
        Assert.Equal(new Rest(null, 0), Returns.After(policy, EndCause.MigratedAway, false, 3, Short, Settings, Now));

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

    [Theory]
    [InlineData(BootCheck.Heard, false, BootVerdict.Say)]
    [InlineData(BootCheck.Heard, true, BootVerdict.Say)]
    [InlineData(BootCheck.Strict, false, BootVerdict.End)]
    [InlineData(BootCheck.Strict, true, BootVerdict.Say)]
    [InlineData(BootCheck.None, false, BootVerdict.Wait)]
    [InlineData(BootCheck.None, true, BootVerdict.Wait)]
    public void Only_one_that_never_booted_in_any_life_is_ended_for_silence_and_only_where_that_was_asked_for(
        BootCheck check, bool everBooted, BootVerdict late)
    {
        var deadline = TimeSpan.FromSeconds(120);
        Assert.Equal(BootVerdict.Wait, BootWatch.Verdict(check, everBooted, deadline - TimeSpan.FromSeconds(1), deadline));
        Assert.Equal(late, BootWatch.Verdict(check, everBooted, deadline, deadline));
    }

    [Fact]
    public void What_is_said_of_a_silent_guest_names_what_was_not_heard_and_with_how_little_it_was_started()
    {
        var deadline = TimeSpan.FromSeconds(20);
        var words = BootWatch.Words(
            BootVerdict.Say, false, deadline, channel: true, balloon: false, (MemorySize.FromMiB(160), MemorySize.FromMiB(700)));
        Assert.StartsWith(
            "nothing was heard from its guest within 20 s in which it ran (dmm.vm.boot-deadline): its agent sent nothing, it has no "
                + "balloon",
            words, StringComparison.Ordinal);
        Assert.Contains("started early with 160 MiB of the 700 MiB", words, StringComparison.Ordinal);
        Assert.EndsWith("it runs on and keeps its memory", words, StringComparison.Ordinal);
        Assert.EndsWith(
            "it is ended; its console may say why", BootWatch.Words(BootVerdict.End, false, deadline, true, true, null),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_clock_of_what_runs_counts_nothing_while_it_stands()
    {
        var clock = default(RunClock);
        Assert.Equal(TimeSpan.Zero, clock.Read(Now));
        clock = clock.Started(Now).Started(Now + TimeSpan.FromSeconds(5)).Stopped(Now + TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), clock.Read(Now + TimeSpan.FromHours(1)));
        clock = clock.Started(Now + TimeSpan.FromHours(1)).Stopped(Now + TimeSpan.FromHours(1) + TimeSpan.FromSeconds(3))
            .Stopped(Now + TimeSpan.FromHours(2));
        Assert.Equal(TimeSpan.FromSeconds(13), clock.Read(Now + TimeSpan.FromHours(3)));
        Assert.Equal(TimeSpan.FromSeconds(13), clock.Started(Now + TimeSpan.FromHours(4)).Read(Now + TimeSpan.FromHours(3)));
    }

    [Fact]
    public void The_sum_of_maxes_is_bounded_with_figures()
    {
        var (vm, guests) = (VmId.Parse("web"), MemorySize.FromGiB(8));
        Assert.Null(Overcommit.Refusal(vm, MemorySize.FromGiB(8), MemorySize.FromGiB(8), guests, 2));
        Assert.Null(Overcommit.Refusal(vm, MemorySize.FromGiB(800), MemorySize.FromGiB(8), guests, 0));
        Assert.Equal(
            "web: with max 10 GiB the sum of all max would be 18 GiB, 2.25 times the 8 GiB for guests; "
                + "dmm.admission.overcommit-max-ratio allows 2 times, so max can be 8 GiB at most",
            Overcommit.Refusal(vm, MemorySize.FromGiB(10), MemorySize.FromGiB(8), guests, 2));
    }
}
