using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>A shell script in place of QEMU.</summary>
internal static class FakeProgram
{
    /// <summary>
    /// Writes a program with this body. <c>$PIDFILE</c> is the file into which QEMU would write its pid. <c>serve</c> becomes, in the same
    /// process, a program that is taken for QEMU and has its pid file; it runs until it is ended. It starts no other process: a child has
    /// the same arguments until it has become another program, and would be taken for QEMU too. <see cref="GreetAsync"/> answers for it.
    /// </summary>
    public static string Write(TestFolder folder, string body)
    {
        var shell = body.Contains("serve", StringComparison.Ordinal) ? Shell(folder) : "bash";
        var forever = folder.In("forever");
        var path = folder.File(
            "qemu",
            $$"""
            #!/bin/bash
            while [ "$1" != "-pidfile" ] && [ $# -gt 0 ]; do shift; done
            PIDFILE="$2"
            serve() {
                [ -p "{{forever}}" ] || mkfifo "{{forever}}"
                exec {{shell}} -c 'echo $$ > "$2"; exec 0<> "{{forever}}"; read' fake -pidfile "$PIDFILE"
            }
            {{body}}
            """);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>Greets at the VM's control socket once its program has its pid file, as QEMU does when the VM is set up.</summary>
    public static async Task<FakeQmpServer> GreetAsync(VmFolder folder)
    {
        await Eventually.UntilAsync(() => folder.ReadPid() is not null, "the program");
        return new FakeQmpServer(
            folder.Control,
            async connection =>
            {
                await connection.GreetAsync();
                await connection.BeSilentAsync();
            });
    }

    /// <summary>A shell whose program file is named like QEMU's, so that it is taken for QEMU.</summary>
    public static string Shell(TestFolder folder)
    {
        var path = folder.In("qemu-system-fake");
        if (!File.Exists(path))
            File.Copy("/bin/bash", path);
        return path;
    }
}
