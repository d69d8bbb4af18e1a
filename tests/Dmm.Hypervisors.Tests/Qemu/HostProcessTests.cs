using System.Diagnostics;
using Dmm.Hypervisors.Qemu;

namespace Dmm.Hypervisors.Tests.Qemu;

public sealed class HostProcessTests
{
    /// <summary>A launch becomes one program after another, and a look between two of them must not see none.</summary>
    [Fact]
    public async Task A_process_is_known_by_its_arguments_while_it_becomes_another_program()
    {
        const string Again = "exec /bin/sh -c \"$1\" again \"$1\" -pidfile /one";
        using var restless = Process.Start("/bin/sh", ["-c", Again, "again", Again, "-pidfile", "/one"]);
        try
        {
            var process = HostProcess.Find(restless.Id)!;

            Assert.All(Enumerable.Range(0, 5_000), look => Assert.True(process.Has("-pidfile", "/one"), $"look {look}"));
        }
        finally
        {
            restless.Kill();
            await restless.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task A_process_that_has_ended_has_no_arguments()
    {
        using var ended = Process.Start("/bin/true");
        await ended.WaitForExitAsync();

        Assert.Empty(new HostProcess(ended.Id, 1).Arguments());
    }
}
