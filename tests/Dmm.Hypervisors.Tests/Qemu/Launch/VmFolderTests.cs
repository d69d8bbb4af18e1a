using System.Diagnostics;
using System.Net.Sockets;
using Dmm.Core.Vms;
using Dmm.Files;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

/// <summary>Tests which files are deleted when a VM is gone, and which are not.</summary>
public sealed class VmFolderTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_channel_that_another_process_answers_by_now_and_what_is_no_socket_stay()
    {
        var folder = new VmFolder(_folder.In("vm"));
        var (live, file, link, gone) = (_folder.In("live"), _folder.In("precious"), _folder.In("link"), _folder.In("gone"));
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(live));
        listener.Listen();
        File.WriteAllText(file, "keep me");
        File.CreateSymbolicLink(link, live);
        folder.Create([new VmChannel("a", live), new VmChannel("b", file), new VmChannel("c", link), new VmChannel("d", gone)]);

        folder.Remove();

        Assert.Equal(FileKind.Socket, FileFacts.At(live)?.Kind);
        Assert.Equal("keep me", File.ReadAllText(file));
        Assert.Equal(FileKind.SymbolicLink, FileFacts.At(link)?.Kind);
        Assert.False(Directory.Exists(folder.Path));
    }

    [Fact]
    public void The_folder_of_a_VM_s_sockets_is_its_owner_s_alone_also_where_it_was_there()
    {
        var folder = new VmFolder(_folder.In("vm"));
        Directory.CreateDirectory(folder.Path);
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);

        folder.Create([]);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder.Path));
    }

    [Fact]
    public void A_pid_file_that_is_a_pipe_or_a_folder_tells_no_pid_and_hangs_nobody()
    {
        var folder = new VmFolder(_folder.In("vm"));
        folder.Create([]);
        using (var made = Process.Start("mkfifo", folder.PidFile))
            made.WaitForExit();
        Assert.Null(folder.ReadPid());
        File.Delete(folder.PidFile);
        Directory.CreateDirectory(folder.PidFile);
        Assert.Null(folder.ReadPid());
        Directory.Delete(folder.PidFile);
    }
}
