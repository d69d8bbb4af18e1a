using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

public sealed class QemuWordsTests
{
    [Fact]
    public void The_last_lines_are_kept_whole() =>
        Assert.Equal("qemu: cause; qemu: end", QemuWords.Of("qemu: warning: old\nqemu: cause\nqemu: end\n", 25));

    [Fact]
    public void One_line_that_is_too_long_is_cut() => Assert.Equal("qemu: a lo…", QemuWords.Of("first\nqemu: a long line", 10));

    [Theory]
    [InlineData("-append root=/dev/vda db_password=hunter2 quiet: no", "-append root=/dev/vda db_password=*** quiet: no")]
    [InlineData("API_TOKEN=abc,x=1", "API_TOKEN=***,x=1")]
    [InlineData("could not open 'https://me:pass@host/d.img'", "could not open 'https://***@host/d.img'")]
    [InlineData("-object secret,id=s0: refused", "-object secret,id=s0: refused")]
    public void What_looks_like_a_secret_is_left_out(string said, string told) => Assert.Equal(told, QemuWords.Of(said, 600));

    [Theory]
    [InlineData("guest-shutdown", EndCause.PoweredDown)]
    [InlineData("host-qmp-quit", EndCause.PoweredDown)]
    [InlineData("host-signal", EndCause.Failed)]
    [InlineData("guest-panic", EndCause.Failed)]
    [InlineData(null, EndCause.Failed)]
    public void An_end_was_meant_or_it_was_not(string? reason, EndCause cause)
    {
        Assert.Equal(cause, EndReason.CauseOf(reason, VmRunState.Running));
        Assert.Equal(cause, EndReason.CauseOf(reason, VmRunState.Paused));
        Assert.Equal(EndCause.MigratedAway, EndReason.CauseOf(reason, VmRunState.MigratedAway));
        Assert.Equal(EndCause.MigratedAway, EndReason.CauseOf(reason, VmRunState.MigratingOut));
    }
}
