using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Dmm.Files;
using Dmm.Hocon;
using Dmm.Settings;

namespace Dmm.Daemon.Tests;

/// <summary>
/// Whatever is at the path of a setting stays as it is, except a dead socket at the path of the daemon's own socket. An error is reported
/// in one line, with the documented exit code.
/// </summary>
public sealed class StandingTests
{
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(1);

    public static TheoryData<Thing> Things =>
        [.. Enum.GetValues<Thing>().Where(thing => thing != Thing.Device || Standing.MayMakeDevices)];

    [Theory]
    [MemberData(nameof(Things))]
    public void The_socket_takes_no_place_but_that_of_a_dead_one(Thing thing)
    {
        using var standing = new Standing(thing);
        var settings = new SocketSection(standing.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite, null);
        if (thing is Thing.Nothing or Thing.DeadSocket)
        {
            using (ControlSocket.Bind(settings))
                Assert.Equal((FileKind.Socket, settings.Mode), Now());
            Assert.Null(FileFacts.At(standing.Path));
            return;
        }

        var fault = Assert.Throws<StartException>(() => ControlSocket.Bind(settings));
        Assert.Equal(standing.Before, standing.Picture());
        Assert.Equal(
            thing is Thing.LiveSocket or Thing.HeldSocket or Thing.DatagramSocket ? ExitCodes.Failed : ExitCodes.Usage, fault.ExitCode);
        OneLine(fault, standing.Path);

        (FileKind, UnixFileMode)? Now() => FileFacts.At(standing.Path) is { } facts ? (facts.Kind, facts.Mode) : null;
    }

    [Theory]
    [MemberData(nameof(Things))]
    public void The_journal_is_a_regular_file_or_none_yet(Thing thing)
    {
        using var standing = new Standing(thing, "journal.db");
        if (thing is Thing.Nothing or Thing.Empty or Thing.DanglingLink)
        {
            // A daemon that is killed while it creates its journal leaves an empty file.
            JournalStore.Open(standing.Path, Busy, TimeProvider.System).Dispose();
            return;
        }

        var fault = Assert.Throws<StartException>(() => JournalStore.Open(standing.Path, Busy, TimeProvider.System));
        Assert.Equal(standing.Before, standing.Picture());
        Assert.Equal(thing is Thing.Regular or Thing.LinkToFile ? ExitCodes.JournalCorrupt : ExitCodes.Usage, fault.ExitCode);
        OneLine(fault, standing.Path);
    }

    [Theory]
    [MemberData(nameof(Things))]
    public void The_state_folder_is_a_folder_or_none_yet(Thing thing)
    {
        using var standing = new Standing(thing);
        if (thing is Thing.Nothing or Thing.Folder)
        {
            StateDirectory.Hold(standing.Path).Dispose();
            return;
        }

        var fault = Assert.Throws<StartException>(() => StateDirectory.Hold(standing.Path));
        Assert.Equal(standing.Before, standing.Picture());
        Assert.Equal(thing == Thing.DanglingLink ? ExitCodes.Failed : ExitCodes.Usage, fault.ExitCode);
        OneLine(fault, standing.Path);
    }

    [Theory]
    [MemberData(nameof(Things))]
    public void The_lock_in_the_state_folder_is_a_regular_file_or_none_yet(Thing thing)
    {
        using var standing = new Standing(thing, "dmmd.lock");
        var folder = Path.GetDirectoryName(standing.Path)!;
        if (thing is Thing.Nothing or Thing.Regular or Thing.Empty)
        {
            StateDirectory.Hold(folder).Dispose();
            return;
        }

        var fault = Assert.Throws<StartException>(() => StateDirectory.Hold(folder));
        Assert.Equal(standing.Before, standing.Picture());
        Assert.Equal(ExitCodes.Usage, fault.ExitCode);
        OneLine(fault, standing.Path);
    }

    [Theory]
    [MemberData(nameof(Things))]
    public void Settings_are_read_from_a_regular_file_alone(Thing thing)
    {
        using var standing = new Standing(thing);
        if (thing == Thing.Empty)
        {
            DmmSettings.Load(standing.Path);
            return;
        }

        var fault = Assert.Throws<SettingsException>(() => DmmSettings.Load(standing.Path));
        Assert.Equal(standing.Before, standing.Picture());
        var line = Assert.Single(fault.Faults);
        Assert.DoesNotContain('\n', line);
        Assert.Contains(standing.Path, line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_database_of_another_program_gets_no_tables_of_ours()
    {
        using var standing = new Standing(Thing.Nothing, "places.sqlite");
        using (var other = JournalFile.Open(standing.Path, Busy))
            other.Run("create table bookmarks (id integer primary key, url text)");
        var before = standing.Picture();

        var fault = Assert.Throws<StartException>(() => JournalStore.Open(standing.Path, Busy, TimeProvider.System));

        Assert.Equal(before, standing.Picture());
        Assert.Equal(ExitCodes.Usage, fault.ExitCode);
        Assert.Contains("a database of another program (it has a table bookmarks", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_socket_has_its_rights_before_anybody_can_connect()
    {
        using var standing = new Standing(Thing.Nothing);
        var settings = new SocketSection(standing.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead
            | UnixFileMode.GroupWrite, null);
        using var control = ControlSocket.Bind(settings);
        Assert.Equal(settings.Mode, FileFacts.At(standing.Path)!.Value.Mode);
        using var client = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        var fault =
            Assert.Throws<System.Net.Sockets.SocketException>(
                () => client.Connect(new System.Net.Sockets.UnixDomainSocketEndPoint(standing.Path)));
        Assert.Equal(System.Net.Sockets.SocketError.ConnectionRefused, fault.SocketErrorCode);
    }

    [Fact]
    public void At_the_end_only_the_socket_itself_is_removed_not_what_took_its_place()
    {
        using var standing = new Standing(Thing.Nothing);
        using (ControlSocket.Bind(new(standing.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite, null)))
        {
            File.Delete(standing.Path);
            File.WriteAllText(standing.Path, "another's by now");
        }

        Assert.Equal("another's by now", File.ReadAllText(standing.Path));
    }

    [Fact]
    public void A_group_that_is_not_there_is_a_setting_that_can_not_be()
    {
        using var standing = new Standing(Thing.DeadSocket);
        var fault =
            Assert.Throws<StartException>(
                () => ControlSocket.Bind(new(standing.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite, "no-such-group")));
        Assert.Equal(ExitCodes.Usage, fault.ExitCode);
        Assert.StartsWith("dmm.socket-group is 'no-such-group'; there is no such group", fault.Message);
        Assert.Equal(standing.Before, standing.Picture());
        Assert.Equal(0u, ControlSocket.GroupOf("root"));
    }

    private static void OneLine(StartException fault, string path)
    {
        Assert.DoesNotContain('\n', fault.Message);
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
    }
}
