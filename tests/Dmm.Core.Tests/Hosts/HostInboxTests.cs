using CsCheck;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Hosts;

public sealed class HostInboxTests
{
    private static readonly IHostCommand Steps = new HostProtocol.TakeSteps([], 1);
    private static readonly IHostCommand Plan = new HostCommand.Plan();

    private readonly HostInbox<int> _inbox = new();

    [Fact]
    public void A_guest_in_need_and_the_plan_that_follows_come_before_the_line()
    {
        Put(Steps, new HostProtocol.StartVm(Id("c"), null), Urgent("a", 512), Plan);
        Assert.Equal([Urgent("a", 512), Plan, new HostProtocol.StartVm(Id("c"), null), Steps], TakeAll());
    }

    [Fact]
    public void Who_is_in_need_again_and_again_does_not_keep_others_out()
    {
        for (var i = 0; i < 100; i++)
            Put(Plan);
        Put(Steps, new HostProtocol.StartVm(Id("c"), null));
        var all = TakeAll();
        Assert.InRange(all.IndexOf(Steps), 0, (2 * HostInbox<int>.InARow) + 1);
        Assert.Equal(102, all.Count);
    }

    /// <summary>
    /// Within a rank, a later command overtakes an earlier one only if both are reports of two VMs, or urgent forecasts of two VMs; and
    /// of each VM the newest is handled.
    /// </summary>
    [Fact]
    public void Nothing_overtakes_but_one_vms_report_anothers() => Orders.Sample(
        kinds =>
        {
            // Samples run in parallel, so each has an inbox of its own.
            var (inbox, taken) = (new HostInbox<int>(), new List<IHostCommand>());
            var sent = kinds.Select((kind, i) => Numbered(kind, i + 1)).ToArray();
            foreach (var command in sent)
                inbox.Put(command, 0);
            while (inbox.TryTake(out var command, out _))
                taken.Add(command);
            var at = taken.Select(command => Array.FindIndex(sent, s => ReferenceEquals(s, command))).ToList();
            for (var later = 0; later < at.Count; later++)
            {
                for (var sooner = 0; sooner < later; sooner++)
                {
                    if (at[sooner] < at[later] || IsCall(sent[at[sooner]]) != IsCall(sent[at[later]]))
                        continue;
                    Assert.True(
                        Subject(sent[at[sooner]]) is { } one && Subject(sent[at[later]]) is { } other && one != other
                        && sent[at[sooner]].GetType() == sent[at[later]].GetType(),
                        $"{sent[at[sooner]]} was heard before {sent[at[later]]}, which was said before it");
                }
            }

            foreach (var subject in sent.Select(c => (Subject(c), c.GetType())).Where(s => s.Item1 is not null).Distinct())
            {
                var newest = sent.Last(c => (Subject(c), c.GetType()) == subject);
                Assert.Contains(newest, taken);
            }
        },
        iter: 2_000);

    private static readonly Gen<char[]> Orders = Gen.Char["abABsto"].Array[1, 14];

    private static IHostCommand Numbered(char kind, int number) => kind switch
    {
        'a' or 'b' => Report($"{kind}", number),
        'A' or 'B' => Cry($"{char.ToLowerInvariant(kind)}", number),
        't' => new PredictorProtocol.Forecasts([], Tick: true),
        's' => new HostMonitorProtocol.Blind($"{number}"),
        _ => new HostProtocol.StartVm(Id("c"), null),
    };

    private static bool IsCall(IHostCommand command) => command is PredictorProtocol.Forecasts;

    private static VmId? Subject(IHostCommand command) => command switch
    {
        VmProtocol.Report report => report.Vm,
        PredictorProtocol.Forecasts { Items: [var only] } => only.Vm,
        _ => null,
    };

    [Fact]
    public void Of_one_vms_reports_the_newest_counts_and_each_keeps_its_place_among_what_else_is_said()
    {
        var launched = new VmProtocol.Launched(Id("a"), new(Id("a"), "simulation", MiB(1), "", 1, 0, "", Owned: true));
        Put(Report("a", 1), Report("b", 1), Report("a", 2), launched, Report("a", 3), Report("a", 4),
            new VmProtocol.Ended(Id("a"), "", EndCause.Failed));
        Assert.Equal(
            [Report("a", 2), Report("b", 1), launched, Report("a", 4), new VmProtocol.Ended(Id("a"), "", EndCause.Failed)],
            TakeAll());
        Put(Report("a", 5), Report("a", 6));
        Assert.Equal([Report("a", 6)], TakeAll());
    }

    [Fact]
    public void What_was_read_of_a_process_is_not_lost_with_an_older_report()
    {
        HeldMemory read = new(MiB(7), Moment.Origin), later = new(MiB(8), Moment.Origin);
        Put(Report("a", 1) with { Resident = read }, Report("a", 2) with { Heard = 9 });
        Assert.Equal([Report("a", 2) with { Heard = 9, Resident = read }], TakeAll());
        Put(Report("a", 1) with { Resident = read }, Report("a", 2) with { Resident = later });
        Assert.Equal([Report("a", 2) with { Resident = later }], TakeAll());
    }

    [Fact]
    public void Of_one_vms_cries_the_newest_counts()
    {
        Put(Urgent("a", 300), Urgent("b", 300), Urgent("a", 400));
        Assert.Equal([Urgent("a", 400), Urgent("b", 300)], TakeAll());
        Put(Urgent("a", 500));
        Assert.Equal([Urgent("a", 500)], TakeAll());
    }

    [Fact]
    public void Beats_that_were_missed_are_one()
    {
        var beat = new HostCommand.Beat();
        Put(beat, Plan, beat, beat);
        Assert.Equal([beat, Plan], TakeAll());
        Put(beat);
        Assert.Equal([beat], TakeAll());
    }

    [Fact]
    public void Each_answer_goes_to_who_asked()
    {
        _inbox.Put(Steps, 1);
        _inbox.Put(Plan, 2);
        Assert.True(_inbox.TryTake(out var first, out var asker) && first == Plan && asker == 2);
        Assert.True(_inbox.TryTake(out var second, out asker) && second == Steps && asker == 1);
        Assert.False(_inbox.TryTake(out _, out _));
    }

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static VmId Id(string id) => VmId.Parse(id);

    private static readonly Dictionary<(string Vm, long Demand), PredictorProtocol.Forecasts> Cries = [];

    /// <summary>Returns the same object for the same figures, so that it is equal to itself.</summary>
    private static PredictorProtocol.Forecasts Urgent(string vm, long demand)
    {
        if (!Cries.TryGetValue((vm, demand), out var cry))
            Cries[(vm, demand)] = cry = Cry(vm, demand);
        return cry;
    }

    private static PredictorProtocol.Forecasts Cry(string vm, long demand) =>
        new([new Forecast(Id(vm), MiB(1), MiB(demand), MiB(1), Urgent: true, Moment.Origin)], Tick: false);

    private static VmProtocol.Report Report(string vm, long mib) =>
        new(Id(vm), VmPhase.Settled, null, new(MiB(mib), default, default, default, default), null);

    private void Put(params IHostCommand[] commands)
    {
        foreach (var command in commands)
            _inbox.Put(command, 0);
    }

    private List<IHostCommand> TakeAll()
    {
        var all = new List<IHostCommand>();
        while (_inbox.TryTake(out var command, out _))
            all.Add(command);
        Assert.Equal(0, _inbox.Count);
        return all;
    }
}
