using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Hosts.HostUnderTest;

namespace Dmm.Core.Tests.Hosts;

/// <summary>Tests every refusal that an operator can get: its kind, what it names, and that no event is written.</summary>
public sealed class HostRefusalTests
{
    private readonly HostUnderTest _host = new(settings: new() { Memory = MiB(4096), Admission = new() { OvercommitMaxRatio = 2 } });

    public HostRefusalTests()
    {
        _host.Run(Spec("web"));
        _host.Adopt("theirs");
        _host.Report("theirs", 512);
        _host.Run(Spec("stopped") with { Restart = RestartPolicy.Always }, pid: 101);
        _host.Say(new HostProtocol.StopVm(Id("stopped"), new(TimeSpan.Zero, true)));
        _host.Say(new VmProtocol.Ended(Id("stopped"), "it was ended", EndCause.Failed));
        _host.Run(Spec("moved") with { Restart = RestartPolicy.Always }, pid: 102);
        _host.Say(new VmProtocol.Ended(Id("moved"), "it is gone", EndCause.MigratedAway));
        _host.Adopt("loose", pid: 301);
        _host.Say(new HostProtocol.ForgetVm(Id("loose")));
    }

    /// <summary>DMM may have made it larger between the reading and the moment in which it let it go.</summary>
    [Fact]
    public void A_vm_that_was_governed_when_its_devices_were_read_is_read_again()
    {
        var read = _host.Now.Now;
        _host.Time += TimeSpan.FromSeconds(1);
        _host.Say(new HostProtocol.ForgetVm(Id("theirs")));

        var refused = Assert.IsType<HostProtocol.Refused>(_host.Adopt("theirs", readAt: read));
        Assert.True(refused.Soon);
        Assert.Null(_host.Host.NoLeasesUntil);
        Assert.Contains("may have changed since they were read", refused.Why, StringComparison.Ordinal);
        Assert.IsType<HostProtocol.Done>(_host.Adopt("theirs"));
    }

    /// <summary>A host's machine that starts anew does not know when the one before it let a VM go.</summary>
    [Fact]
    public void One_that_was_read_before_the_hosts_actor_started_anew_is_read_again()
    {
        _host.Say(new HostProtocol.ForgetVm(Id("theirs")));
        var read = _host.Now.Now;
        _host.Time += TimeSpan.FromSeconds(1);
        _host.Restart("this");

        Assert.True(Assert.IsType<HostProtocol.Refused>(_host.Adopt("theirs", readAt: read)).Soon);
    }

    public static TheoryData<string, IHostCommand, HostProtocol.RefusalKind, string> Wishes => new()
    {
        {
            "a name that runs",
            Request(Spec("web")),
            HostProtocol.RefusalKind.Conflict,
            "there is a VM web on this host already; use another name"
        },
        {
            "a name that is remembered",
            Request(Spec("stopped")),
            HostProtocol.RefusalKind.Conflict,
            "which does not run: 'dmm vm start stopped'"
        },
        {
            "a name of one that was forgotten",
            Request(Spec("loose")),
            HostProtocol.RefusalKind.Conflict,
            "which DMM was told to forget, still runs; use another name"
        },
        {
            "too much max",
            Request(Spec("big", max: 8000)),
            HostProtocol.RefusalKind.Refused,
            "dmm.admission.overcommit-max-ratio allows 2 times"
        },
        { "a min that never fits", Request(Spec("big", min: 3900, boot: 4000, max: 4090)), HostProtocol.RefusalKind.Refused, "big" },
        {
            "a process that is governed",
            Adoption("again", pid: 100),
            HostProtocol.RefusalKind.Conflict,
            "process 100 is governed as web already"
        },
        { "a name in use", Adoption("web", pid: 302), HostProtocol.RefusalKind.Conflict, "there is a VM web on this host already" },
        {
            "another under a forgotten name",
            Adoption("loose", pid: 303),
            HostProtocol.RefusalKind.Conflict,
            "which DMM was told to forget, still runs; use another name"
        },
        { "more than is free", Adoption("huge", ceiling: 4000, pid: 304), HostProtocol.RefusalKind.Refused, "huge can become 3.91 GiB" },
        {
            "a min that is not there",
            Adoption("needy", min: 3900, max: 4000, pid: 305),
            HostProtocol.RefusalKind.Refused,
            "min 3.81 GiB can't be guaranteed"
        },
        { "bounds that cross", Set("web", min: 2000), HostProtocol.RefusalKind.Refused, "web: " },
        {
            "a restart policy of theirs",
            Set("theirs", restart: RestartPolicy.Always),
            HostProtocol.RefusalKind.Refused,
            "somebody else started it"
        },
        { "beyond its devices", Set("web", max: 8500), HostProtocol.RefusalKind.Refused, "web: " },
        { "a max beyond the bound", Set("web", max: 7500), HostProtocol.RefusalKind.Refused, "overcommit-max-ratio" },
        { "a min beyond the host", Set("web", min: 3990, max: 4000), HostProtocol.RefusalKind.Refused, "can't be guaranteed" },
        { "bounds of one that rests", Set("stopped", min: 2000), HostProtocol.RefusalKind.Refused, "stopped: " },
        {
            "outside its policy",
            new HostProtocol.ResizeVm(Id("web"), MiB(2000)),
            HostProtocol.RefusalKind.Refused,
            "is outside its policy, min 128 MiB to max 1 GiB"
        },
        {
            "resize one that rests",
            new HostProtocol.ResizeVm(Id("stopped"), MiB(256)),
            HostProtocol.RefusalKind.Conflict,
            "'dmm vm start stopped' starts it"
        },
        {
            "resize nobody",
            new HostProtocol.ResizeVm(Id("nobody"), MiB(256)),
            HostProtocol.RefusalKind.NotFound,
            "there is no VM nobody on this host"
        },
        { "set nobody", Set("nobody", max: 300), HostProtocol.RefusalKind.NotFound, "there is no VM nobody on this host" },
        {
            "stop nobody",
            new HostProtocol.StopVm(Id("nobody"), new(TimeSpan.Zero, true)),
            HostProtocol.RefusalKind.NotFound,
            "'dmm vm list'"
        },
        { "forget nobody", new HostProtocol.ForgetVm(Id("nobody")), HostProtocol.RefusalKind.NotFound, "'dmm vm list'" },
        { "start nobody", new HostProtocol.StartVm(Id("nobody"), null), HostProtocol.RefusalKind.NotFound, "'dmm vm list'" },
        { "start one that runs", new HostProtocol.StartVm(Id("web"), null), HostProtocol.RefusalKind.Conflict, "web runs already" },
        {
            "start one that went away",
            new HostProtocol.StartVm(Id("moved"), null),
            HostProtocol.RefusalKind.Refused,
            "'dmm vm start moved --force' starts it here"
        },
        { "dry run of a name in use", DryRun(Spec("web")), HostProtocol.RefusalKind.Conflict, "there is a VM web on this host already" },
        { "dry run of too much", DryRun(Spec("big", max: 8000)), HostProtocol.RefusalKind.Refused, "overcommit-max-ratio" }
    };

    [Theory]
    [MemberData(nameof(Wishes))]
    public void What_may_not_be_is_refused_with_its_reason_and_nothing_is_written(
        string what, IHostCommand wish, HostProtocol.RefusalKind kind, string says)
    {
        var written = _host.Journal.Count;

        var answer = _host.Say(wish);

        var refused = answer is AdmissionProtocol.RecordRefused { Refusal: var r } ? r : Assert.IsType<HostProtocol.Refused>(answer);
        Assert.True(refused.Kind == kind, $"{what}: {refused}");
        Assert.Contains(says, refused.Why, StringComparison.Ordinal);
        Assert.Equal(written, _host.Journal.Count);
    }

    [Fact]
    public void A_start_of_one_that_went_away_is_followed_where_it_is_forced()
    {
        Assert.IsType<HostProtocol.Done>(_host.Say(new HostProtocol.StartVm(Id("moved"), null) { Force = true }));
        Assert.Contains(Id("moved"), _host.Host.State.Admissions.Keys);
        Assert.Equal(
            HostProtocol.RefusalKind.Conflict, Assert.IsType<HostProtocol.Refused>(_host.Say(new HostProtocol.StartVm(Id("moved"), null)))
                .Kind);
    }

    [Fact]
    public void A_full_queue_is_said_in_a_dry_run()
    {
        var host = new HostUnderTest(settings: new() { Memory = MiB(1024), Admission = new() { Queue = 1 } });
        host.Run(Spec("all", min: 800, boot: 900, max: 1000));
        host.Request(Spec("waits", boot: 200));

        Assert.Contains(
            "dmm.admission.queue", Assert.IsType<HostProtocol.Refused>(host.Say(DryRun(Spec("next", boot: 200)))).Why,
            StringComparison.Ordinal);
    }

    private static HostProtocol.RecordRequest Request(VmSpec spec) =>
        new(spec, MemorySize.Zero, MemorySize.Zero, Moment.Origin + TimeSpan.FromDays(2));

    private static HostProtocol.DryRunVm DryRun(VmSpec spec) => new(spec, MemorySize.Zero, MemorySize.Zero, null);

    private static HostProtocol.AdoptVm Adoption(string vm, int pid, long ceiling = 512, long min = 128, long max = 1024) =>
        new(Handle(vm, pid, owned: false), new(MiB(min), MiB(max)), MiB(ceiling), MemorySize.Zero)
        {
            ReadAt = Moment.Origin + TimeSpan.FromDays(2),
        };

    private static HostProtocol.SetPolicy Set(string vm, long? min = null, long? max = null, RestartPolicy? restart = null) =>
        new(Id(vm), min is { } a ? MiB(a) : null, max is { } b ? MiB(b) : null, null) { Restart = restart };
}
