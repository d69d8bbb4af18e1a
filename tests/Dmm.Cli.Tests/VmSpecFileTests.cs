using Dmm.Core;
using Dmm.Hocon;
using Dmm.Tests;

namespace Dmm.Cli.Tests;

public sealed class VmSpecFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_spec_is_read_with_its_paths_from_its_own_folder()
    {
        var spec = VmSpecFile.Load(_folder.Write(
            "specs/web.conf",
            """
            name = web
            min = 128M, boot = 256M, max = 2GiB
            shares = 2000
            cpus = 2
            kernel = ../images/vmlinuz
            initrd = /boot/guest.cpio.gz
            append = "console=ttyS0 quiet"
            network = user
            timeout = 2m
            channels = [{ name = org.qemu.guest_agent.0, socket = run/ga.sock }]
            """));

        Assert.Equal("web", spec.Name);
        Assert.Equal(MemorySize.FromMiB(128), spec.Min);
        Assert.Equal(MemorySize.FromMiB(256), spec.Boot);
        Assert.Equal(MemorySize.FromGiB(2), spec.Max);
        Assert.Equal(2000, spec.Shares);
        Assert.Equal(2, spec.Cpus);
        Assert.Equal(Path.Combine(_folder.Path, "images/vmlinuz"), spec.Kernel);
        Assert.Equal("/boot/guest.cpio.gz", spec.Initrd);
        Assert.Equal("console=ttyS0 quiet", spec.Append);
        Assert.Equal("user", spec.Network);
        Assert.Equal(TimeSpan.FromMinutes(2), spec.Timeout);
        Assert.Equal(
            new VmSpecChannel("org.qemu.guest_agent.0", Path.Combine(_folder.Path, "specs/run/ga.sock")), Assert.Single(spec.Channels));
        Assert.Null(spec.Disk);
    }

    [Fact]
    public void A_spec_may_be_JSON_with_nulls_and_sizes_as_texts()
    {
        var spec =
            VmSpecFile.Load(
                _folder.Write(
                    "web.json",
                    """{"name": "web", "min": "128MiB", "boot": "256MiB", "disk": "/d.qcow2", "disk-format": "qcow2", """
                    + "\"kernel\": null, \"shares\": null, \"channels\": []}"));

        Assert.Equal(MemorySize.FromMiB(128), spec.Min);
        Assert.Equal("/d.qcow2", spec.Disk);
        Assert.Equal("qcow2", spec.DiskFormat);
        Assert.Null(spec.Kernel);
        Assert.Null(spec.Shares);
        Assert.Null(spec.Max);
        Assert.Empty(spec.Channels);
    }

    [Theory]
    [InlineData("mni = 128M", "FILE, line 1, column 7: unknown key mni; did you mean min?")]
    [InlineData(
        "colour = blue",
        "FILE, line 1, column 10: unknown key colour; there are name, min, boot, max, shares, cpus, kernel, initrd, append, disk, "
            + "disk-format, network, channels, timeout, priority, boot-policy, restart, boot-check")]
    [InlineData("min = lots", "min in FILE is 'lots'; it must be a size such as 256MiB")]
    [InlineData("min = 512", "min in FILE is '512'; it must be a size such as 256MiB: 512 has no unit; did you mean 512M?")]
    [InlineData("{\"max\": 134217728}",
        "max in FILE is '134217728'; it must be a size such as 256MiB: 134217728 has no unit; did you mean 128M?")]
    [InlineData("boot = 1.5", "boot in FILE is '1.5'; it must be a size such as 256MiB: 1.5 has no unit; did you mean 1.5G?")]
    [InlineData("cpus = 1.5", "cpus in FILE is '1.5'; it must be a whole number")]
    [InlineData("network = bridge", "network in FILE is 'bridge'; it must be none or user")]
    [InlineData("disk-format = vmdk", "disk-format in FILE is 'vmdk'; it must be raw or qcow2")]
    [InlineData("timeout = 60", "timeout in FILE is '60'; it must be a number and a unit (ms, s, m, h, d), such as 500ms, 1.5s or 2m")]
    [InlineData("kernel = \"\"", "kernel in FILE is ''; it must be a path")]
    [InlineData("min { a = 1 }", "min in FILE is a section; it must be a size such as 256MiB")]
    [InlineData("channels = x", "channels in FILE is 'x'; it must be a list of sections such as [{ name = …, socket = … }]")]
    [InlineData("channels = [{ name = x, sock = y, socket = z }]",
        "FILE, line 1, column 32: unknown key channels[0].sock; did you mean channels[0].socket?")]
    [InlineData("channels = [{ name = x }]", "FILE: channels[0].socket is missing")]
    [InlineData("append = console=ttyS0", "FILE, line 1, column 17: '=' in a value without quotes; write the value in quotes")]
    public void A_bad_spec_is_one_line(string text, string line)
    {
        var path = _folder.Write("bad.conf", text);

        var refusal = Assert.Throws<SettingsException>(() => VmSpecFile.Load(path));

        Assert.Equal(line.Replace("FILE", path, StringComparison.Ordinal), Assert.Single(refusal.Faults));
    }
}
