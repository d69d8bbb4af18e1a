namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>A shell script in place of QEMU.</summary>
internal static class FakeProgram
{
    /// <summary>
    /// Writes a program with this body. <c>$PIDFILE</c> is the file into which QEMU would write its pid. <c>daemon</c> starts a process
    /// in a session of its own with the same arguments, as QEMU does, and writes its pid there. That process starts no other: a child has
    /// the same arguments until it has become another program, and would be taken for QEMU too.
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

    /// <summary>A shell whose program file is named like QEMU's, so that it is taken for QEMU.</summary>
    public static string Shell(TestFolder folder)
    {
        var path = folder.In("qemu-system-fake");
        if (!File.Exists(path))
            File.Copy("/bin/bash", path);
        return path;
    }
}
