using System.Text;
using CsCheck;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;

namespace Dmm.Hypervisors.Tests.Guest;

public sealed class GuestLineTests
{
    private static readonly MemorySize Limit = MemorySize.FromGiB(2);
    private static readonly Moment Now = Moment.Origin + TimeSpan.FromDays(1);

    [Fact]
    public void A_sample_is_read_whole()
    {
        var sample = Sample("""
            {"t":"sample","seq":17,"why":"low","memTotalKib":222617,"memFreeKib":1000,"memAvailableKib":2000,"anonKib":180,
             "unreclaimableKib":8500,"activeFileKib":1,"inactiveFileKib":2,"shmemKib":3,"swapTotalKib":4000000,"swapFreeKib":3999999,
             "refaults":4,"majorFaults":5,"swapIns":6,"swapOuts":7,"oomKills":8,"stallSomeUs":9,"stallFullUs":10,"later":{"unknown":[true]}}
            """);

        Assert.Equal(
            new GuestSample
            {
                At = Now,
                Source = SampleSource.Agent,
                MemTotal = MemorySize.FromKiB(222617),
                MemFree = MemorySize.FromKiB(1000),
                MemAvailable = MemorySize.FromKiB(2000),
                Anonymous = MemorySize.FromKiB(180),
                Unreclaimable = MemorySize.FromKiB(8500),
                ActiveFile = MemorySize.FromKiB(1),
                InactiveFile = MemorySize.FromKiB(2),
                Shmem = MemorySize.FromKiB(3),
                SwapTotal = MemorySize.FromKiB(4000000),
                SwapFree = MemorySize.FromKiB(3999999),
                Refaults = 4,
                MajorFaults = 5,
                SwapIns = 6,
                SwapOuts = 7,
                OomKills = 8,
                StallSomeMicroseconds = 9,
                StallFullMicroseconds = 10,
                Reason = SampleReason.LowMemory,
            },
            sample);
    }

    [Fact]
    public void A_guest_that_claims_more_than_it_can_have_is_cut_to_it()
    {
        var sample = Sample("""
            {"t":"sample","memTotalKib":9223372036854775807,"memFreeKib":9007199254740993,"memAvailableKib":5000000,"anonKib":99999999}
            """);

        Assert.Equal(Limit, sample.MemTotal);
        Assert.Equal(Limit, sample.MemFree);
        Assert.Equal(Limit, sample.MemAvailable);
        Assert.Equal(Limit, sample.Anonymous);
    }

    [Fact]
    public void No_part_is_larger_than_the_total()
    {
        var sample = Sample("""{"t":"sample","memTotalKib":1024,"memFreeKib":2048,"memAvailableKib":4096}""");

        Assert.Equal(MemorySize.FromMiB(1), sample.MemFree);
        Assert.Equal(MemorySize.FromMiB(1), sample.MemAvailable);
    }

    [Fact]
    public void A_hello_is_read_and_its_texts_are_short_and_printable()
    {
        var line = """
            {"t":"hello","protocol":1,"agent":"0.1.0","kernel":"6.1\u001b[31m","autoOnline":"online","onlinePolicy":"auto-movable",
             "autoMovableRatio":50,"memmapOnMemory":"Y","blockKib":131072,"memTotalKib":214320,"swapTotalKib":0,"virtioMem":true}
            """;

        var hello = Assert.IsType<GuestMessage.Hello>(Read(line)).Value;

        Assert.Equal("6.1?[31m", hello.Kernel);
        Assert.Equal(50, hello.AutoMovableRatio);
        Assert.Equal(MemorySize.FromMiB(128), hello.BlockSize);
        Assert.True(hello.VirtioMem);
        Assert.Null(hello.Psi);
        var endless = Assert.IsType<GuestMessage.Hello>(Read($$"""{"t":"hello","protocol":1,"kernel":"{{new string('k', 900)}}"}""")).Value;
        Assert.Equal(65, endless.Kernel!.Length);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"t\":7}")]
    [InlineData("{\"t\":\"sample\"}")]
    [InlineData("{\"t\":\"sample\",\"memTotalKib\":-1,\"memFreeKib\":1,\"memAvailableKib\":1}")]
    [InlineData("{\"t\":\"sample\",\"memTotalKib\":1.5,\"memFreeKib\":1,\"memAvailableKib\":1}")]
    [InlineData("{\"t\":\"sample\",\"memTotalKib\":\"100\",\"memFreeKib\":1,\"memAvailableKib\":1}")]
    [InlineData("{\"t\":\"hello\"}")]
    [InlineData("{\"t\":\"sample\",\"memTotalKib\":1,\"memFree")]
    [InlineData("{\"t\":\"x\",\"a\":[[[[[[1]]]]]]}")]
    public void What_is_no_line_of_the_protocol_is_refused(string line) => Assert.IsType<GuestMessage.Refused>(Read(line));

    [Fact]
    public void A_type_of_a_newer_agent_is_passed_over() => Assert.IsType<GuestMessage.Unknown>(Read("""{"t":"later"}"""));

    [Fact]
    public void Whatever_a_guest_writes_the_result_is_bounded() =>
        Gen.Select(Gen.Long, Gen.Long, Gen.Long, Gen.Long).Sample((total, free, available, swap) =>
        {
            var line = $$"""
                {"t":"sample","memTotalKib":{{total}},"memFreeKib":{{free}},"memAvailableKib":{{available}},"swapTotalKib":{{swap}},
                 "refaults":{{swap}}}
                """;
            return Read(line) is not GuestMessage.Sample { Value: var s }
                || (s.MemTotal <= Limit && s.MemFree <= s.MemTotal && s.MemAvailable <= s.MemTotal && s.Refaults >= 0);
        });

    [Fact]
    public void No_bytes_make_the_reader_throw() =>
        Gen.Byte.Array[0, 200].Sample(bytes => GuestLine.Read(bytes, Now, Limit) is not null);

    private static GuestMessage Read(string line) => GuestLine.Read(Encoding.UTF8.GetBytes(line), Now, Limit);

    private static GuestSample Sample(string line) => Assert.IsType<GuestMessage.Sample>(Read(line)).Value;
}
