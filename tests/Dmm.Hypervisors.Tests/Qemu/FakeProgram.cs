namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>A shell script in QEMU's place.</summary>
internal static class FakeProgram
{
    /// <summary>
    /// Writes a program with this body. <c>$PIDFILE</c> is where QEMU would write its pid; <c>daemon</c> starts, as QEMU does, a process
    /// of a session of its own with the same arguments, and writes its pid there. That one starts no process: a child is its double,
    /// arguments and all, until it has become another program.
    /// </summary>
    public static string Write(TestFolder folder, string body)
    {
        var shell = body.Contains("daemon", StringComparison.Ordinal) ? Shell(folder) : "bash";
        var forever = folder.In("forever");
        var path = folder.File(
            "qemu",
            $$"""
            #!/bin/bash
            while [ "$1" != "-pidfile" ] && [ $# -gt 0 ]; do shift; done
            PIDFILE="$2"
            daemon() {
                [ -p "{{forever}}" ] || mkfifo "{{forever}}"
                setsid {{shell}} -c 'echo $$ > "$2"; exec 0<> "{{forever}}" 1>&- 2>&-; read' fake -pidfile "$PIDFILE" &
                while [ ! -s "$PIDFILE" ]; do read -t 0.01 <> "{{forever}}"; done
                return 0
            }
            {{body}}
            """);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>A shell whose program's file is called as QEMU's is, so that it is taken for one.</summary>
    public static string Shell(TestFolder folder)
    {
        var path = folder.In("qemu-system-fake");
        if (!File.Exists(path))
            File.Copy("/bin/bash", path);
        return path;
    }
}
