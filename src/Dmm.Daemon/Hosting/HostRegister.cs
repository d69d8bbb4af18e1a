using System.Globalization;
using System.Text.Json;
using Dmm.Core;
using Dmm.Files;
using Dmm.Settings;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// The daemons of a host that promise its memory: a folder in which each keeps a file while it runs. No two may promise the same memory, so
/// a daemon that would is refused at its start. The file says which state folder, process and memory it is; a lock on it, which the kernel
/// releases when the process ends in whatever way, says that it runs. Who starts holds the folder's own lock meanwhile.
/// </summary>
public sealed class HostRegister : IDisposable
{
    private const string StartLock = "start.lock";
    private const string Prefix = "dmmd-";
    private const string Suffix = ".json";

    /// <summary>An entry has a path and two numbers.</summary>
    private const int MostBytes = 64 << 10;

    /// <summary>A start holds the lock for some milliseconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private const UnixFileMode ReadableByAll =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Daemons of several users keep files there, and each can remove only its own.</summary>
    private const UnixFileMode Sticky =
        UnixFileMode.StickyBit | ReadableByAll | UnixFileMode.UserExecute | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly List<string> _warnings = [];
    private FileStream? _entry;

    private HostRegister()
    {
    }

    /// <summary>What a person should know: files that are no daemon's, or why this daemon is not in the register.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Enters this daemon. With the simulation there is nothing to enter: its VMs take no memory of the host.</summary>
    /// <exception cref="StartException">Another daemon promises memory that this one would promise, too.</exception>
    public static HostRegister Enter(DmmSettings settings) => settings.Hypervisor == HypervisorKind.Simulation
        ? new()
        : Enter(settings.Host.Register, settings.StateDir, settings.Host.Memory, HostMemory.OfHost);

    /// <param name="memory">The memory that it governs; null: all of the host.</param>
    /// <param name="host">Tells the memory of the host; asked only where several daemons are to share it.</param>
    /// <exception cref="StartException">Another daemon promises memory that this one would promise, too.</exception>
    public static HostRegister Enter(string folder, string stateDir, MemorySize? memory, Func<MemorySize> host)
    {
        var register = new HostRegister();
        try
        {
            Make(folder);
            using var start = Lock(folder);
            register.Check(folder, stateDir, memory, host);
            register.Keep(folder, stateDir, memory);
        }
        catch (Exception fault) when (fault is UnauthorizedAccessException or IOException)
        {
            // A read-only system, or another user's folder. Such a host would otherwise have no daemon at all.
            register._warnings.Add(
                $"dmm.host.register {folder} can't be used: {fault.Message}; other daemons of this host do not see this one, so nothing "
                    + "keeps them from promising the same memory");
        }
        catch
        {
            register.Dispose();
            throw;
        }

        return register;
    }

    public void Dispose()
    {
        if (_entry is null)
            return;
        try
        {
            File.Delete(_entry.Name);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Without its lock it counts for nothing, and the next daemon removes it.
        }

        _entry.Dispose();
        _entry = null;
    }

    private static void Make(string folder)
    {
        if (FileFacts.Of(folder) is { } there)
        {
            if (there.Kind != FileKind.Folder)
                throw new StartException($"dmm.host.register is {folder}, which is {there.Name}; it must be a folder")
                {
                    ExitCode = ExitCodes.Usage,
                };
            return;
        }

        Directory.CreateDirectory(folder);
        // The mode of a new folder is cut by the umask.
        File.SetUnixFileMode(folder, Sticky);
    }

    /// <exception cref="StartException">Another daemon has been starting for too long.</exception>
    private static FileStream Lock(string folder)
    {
        var path = Path.Combine(folder, StartLock);
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (FileFacts.At(path) is { Kind: not FileKind.Regular } other)
                throw new WrongFileException($"{path} is {other.Name}; a regular file is needed; check whose it is and remove it");
            try
            {
                // FileShare.None is an exclusive flock(2) on Linux, and needs no right to write.
                return File.Exists(path)
                    ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None)
                    : Create(path, FileShare.None);
            }
            catch (IOException fault) when (fault is not (FileNotFoundException or DirectoryNotFoundException or WrongFileException))
            {
                if (TimeProvider.System.GetElapsedTime(began) > Patience)
                    throw new StartException(
                        $"{path} has been locked for {Patience.TotalSeconds:0} s: another dmmd starts and does not get on; end it, and try "
                            + "again", fault);
                Thread.Sleep(Pause);
            }
        }
    }

    private static FileStream Create(string path, FileShare share)
    {
        var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, share);
        File.SetUnixFileMode(file.SafeFileHandle, ReadableByAll);
        return file;
    }

    private void Check(string folder, string stateDir, MemorySize? memory, Func<MemorySize> host)
    {
        List<Entry> others = [];
        foreach (var path in Directory.GetFileSystemEntries(folder).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(path);
            if (name == StartLock)
                continue;
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || !name.EndsWith(Suffix, StringComparison.Ordinal)
                || FileFacts.At(path) is not { Kind: FileKind.Regular })
                _warnings.Add($"{Echo.Of(path)} in dmm.host.register is no daemon's entry; it is left alone: remove it if nobody needs it");
            else if (Read(path) is { } other)
                others.Add(other);
        }

        Refuse(others, stateDir, memory, host);
    }

    /// <returns>The entry of a daemon that runs; null where none runs.</returns>
    private Entry? Read(string path)
    {
        try
        {
            var runs = IsHeld(path);
            if (Entry.Of(RegularFile.ReadBytes(path, MostBytes)) is { } entry)
            {
                if (runs)
                    return entry;
                File.Delete(path);
                return null;
            }

            if (runs)
                throw new StartException(
                    $"{path} is held by a process, so a daemon of this host runs, but what it says can't be read, so which memory it "
                        + "governs is not known; end that process (fuser names it)")
                {
                    ExitCode = ExitCodes.Usage,
                };
            _warnings.Add($"{path} is damaged, and no process holds it; it is left alone: remove it");
        }
        catch (FileNotFoundException)
        {
            // Its daemon has just ended.
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            _warnings.Add($"{path} can't be read or removed, so it does not count: {fault.Message}");
        }

        return null;
    }

    private static bool IsHeld(string path)
    {
        try
        {
            using var free = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (IOException fault) when (fault is not FileNotFoundException)
        {
            return true;
        }
    }

    /// <summary>Refuses a daemon that would promise memory that others promise.</summary>
    private static void Refuse(List<Entry> others, string stateDir, MemorySize? memory, Func<MemorySize> host)
    {
        if (others.Count == 0)
            return;
        const string WayOut = "stop one of them, or give each a size of its own for dmm.host.memory";
        if (others.Find(other => other.Memory is null) is { } all)
            throw Refusal($"{all} governs all memory of this host (its dmm.host.memory is auto); {WayOut}");
        if (memory is not { } mine)
            throw Refusal(
                $"dmm.host.memory is auto, which is all memory of this host, but {others[0]} governs {others[0].Memory} of it; {WayOut}");
        var theirs = others.Aggregate(MemorySize.Zero, (sum, other) => sum + other.Memory!.Value);
        var there = host();
        if (theirs + mine > there)
            throw Refusal(
                $"dmm.host.memory is {mine}, and {string.Join(", ", others.Select(other => $"{other} governs {other.Memory}"))}: together "
                    + $"more than the {there} that this host has; {there.MinusOrZero(theirs)} are left for {stateDir}");

        static StartException Refusal(string why) => new(why) { ExitCode = ExitCodes.Usage };
    }

    private void Keep(string folder, string stateDir, MemorySize? memory)
    {
        // A new name, which nobody can have put a link under. FileShare.Read is a shared flock(2): others can read the entry, and see that
        // it is held.
        _entry = Create(Path.Combine(folder, $"{Prefix}{Guid.NewGuid():N}{Suffix}"), FileShare.Read);
        _entry.Write(new Entry(stateDir, Environment.ProcessId, memory).Text());
        _entry.Flush();
    }

    /// <summary>What a daemon says of itself.</summary>
    /// <param name="Memory">Null: all of the host.</param>
    private sealed record Entry(string StateDir, int Pid, MemorySize? Memory)
    {
        public byte[] Text()
        {
            using var text = new MemoryStream();
            using (var json = new Utf8JsonWriter(text))
            {
                json.WriteStartObject();
                json.WriteString("stateDir", StateDir);
                json.WriteNumber("pid", Pid);
                if (Memory is { } memory)
                    json.WriteNumber("memoryBytes", memory.Bytes);
                else
                    json.WriteString("memoryBytes", "auto");
                json.WriteEndObject();
            }

            return text.ToArray();
        }

        /// <returns>Null where it is no entry.</returns>
        public static Entry? Of(byte[] text)
        {
            try
            {
                using var document = JsonDocument.Parse(text);
                var root = document.RootElement;
                var (folder, pid, memory) = (root.GetProperty("stateDir"), root.GetProperty("pid"), root.GetProperty("memoryBytes"));
                MemorySize? size = memory.ValueKind == JsonValueKind.String && memory.GetString() == "auto" ? null
                    : memory.GetInt64() is > 0 and var bytes ? new MemorySize(bytes)
                    : throw new FormatException("no memory");
                return folder.GetString() is { Length: > 0 } path && path[0] == '/' && pid.GetInt32() is > 0 and var process
                    ? new(path, process, size)
                    : null;
            }
            catch (Exception fault) when (fault is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
            {
                return null;
            }
        }

        public override string ToString() =>
            $"another dmmd, process {Pid.ToString(CultureInfo.InvariantCulture)} with dmm.state-dir {Echo.Of(StateDir)},";
    }
}
