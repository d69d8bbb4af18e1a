using Akka.Actor;
using Akka.Persistence;
using Dmm.Core;
using Dmm.Core.Hosts;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Hosts;

public sealed class HistoryStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    [Fact]
    public void Events_older_than_keep_are_deleted_after_a_snapshot_and_recovery_needs_none_of_them()
    {
        var settings = new HostSettings { Memory = MiB(2048), SnapshotEvery = 10, History = new(TimeSpan.FromHours(1), 1_000) };
        StartHost(settings);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        SetShares(45);
        Assert.Equal(1, Sequences()[0]);

        Clock.Advance(TimeSpan.FromHours(2));
        SetShares(25);
        var left = UntilSequences(s => s[0] > 20);
        Assert.True(left.Length >= 10, "what is young was deleted");
        Assert.Equal(Enumerable.Range((int)left[0], left.Length).Select(i => (long)i), left);

        KillHost();
        StartHost(settings);
        var status = Look();
        Assert.Equal(25, status.State.Vms[Vm].Policy.Shares);
        Assert.Equal(MiB(256), status.State.Vms[Vm].Promise.Granted);
    }

    private void SetShares(int times)
    {
        for (var i = 1; i <= times; i++)
        {
            Host.Tell(new HostProtocol.SetPolicy(Vm, null, null, i), TestActor);
            ExpectMsg<HostProtocol.Done>();
        }
    }

    /// <summary>The journal deletes asynchronously, so this waits.</summary>
    private long[] UntilSequences(Func<long[], bool> condition)
    {
        var sequences = Sequences();
        AwaitCondition(() => condition(sequences = Sequences()), TimeSpan.FromSeconds(20));
        return sequences;
    }

    private long[] Sequences()
    {
        var probe = CreateTestProbe();
        Persistence.Instance.Apply(Sys).JournalFor("").Tell(new ReplayMessages(1, long.MaxValue, long.MaxValue, "host", probe.Ref));
        List<long> sequences = [];
        while (probe.ReceiveOne(TimeSpan.FromSeconds(10)) is ReplayedMessage message)
            sequences.Add(message.Persistent.SequenceNr);
        return [.. sequences];
    }
}
