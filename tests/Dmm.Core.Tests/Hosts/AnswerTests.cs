using Dmm.Core.Hosts;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Hosts;

/// <summary>The target that a VM's report confirms.</summary>
public sealed class AnswerTests
{
    private static readonly MemorySize Size = MemorySize.FromMiB(960);
    private static readonly Promise Promised = new(Size, Size);

    /// <summary>
    /// The simulation's seed 9, step 6795: the targets were 960 MiB, then 976, then 960 again, and the answer to the first 960 was taken
    /// for one to the last.
    /// </summary>
    [Fact]
    public void An_answer_to_an_earlier_target_of_the_same_size_is_no_answer()
    {
        Assert.Null(HostDispatch.Answer(Report(heard: 7), Last(number: 9), Promised)!.Target);
        Assert.Equal(Size, HostDispatch.Answer(Report(heard: 9), Last(number: 9), Promised)!.Target);
    }

    /// <summary>
    /// The simulation's seed 3, step 106851: an actor started anew and heard a target that was sent before its start was known. When both
    /// sides counted by themselves, their counts differed for ever.
    /// </summary>
    [Fact]
    public void A_target_sent_before_an_actors_start_was_known_does_not_spoil_its_later_answers()
    {
        Assert.Null(HostDispatch.Answer(Report(heard: 9), null, Promised)!.Target);
        Assert.Null(HostDispatch.Answer(Report(heard: 9), Last(number: 10), Promised)!.Target);
        Assert.Equal(Size, HostDispatch.Answer(Report(heard: 10), Last(number: 10), Promised)!.Target);
    }

    private static VmProtocol.Report Report(long heard) =>
        new(VmId.Parse("a"), VmPhase.Settled, null, null, new(Size, Size, Size)) { Heard = heard };

    private static Told Last(long number) => new(new(Size, MemorySize.FromMiB(64), Size, false), number);
}
