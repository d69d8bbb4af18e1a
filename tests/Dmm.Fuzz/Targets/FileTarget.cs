using System.Text;
using Dmm.Cli;
using Dmm.Core;
using Dmm.Hocon;
using Dmm.Settings;

namespace Dmm.Fuzz.Targets;

/// <summary>
/// A file that a person wrote, in HOCON: the daemon's settings, or the spec of a VM. Either it is read, or it is refused by a
/// <see cref="SettingsException"/> whose lines can be shown on a terminal.
/// </summary>
internal sealed class FileTarget : IFuzzTarget
{
    /// <summary>A message quotes the file's name, a key or a value, and says what would be right.</summary>
    private const int MostMessage = 4_096;

    private readonly byte[][] _samples;
    private readonly Mutator _mutator;
    private readonly Action<string> _read;
    private readonly DirectoryInfo _folder;
    private readonly string _path;

    private FileTarget(string[] samples, string[] tokens, Action<string> read)
    {
        _samples = [.. samples.Select(Encoding.UTF8.GetBytes)];
        _mutator = new(_samples, [.. tokens.Select(Encoding.UTF8.GetBytes)]);
        _read = read;
        // Files in memory, where there are such: a million of them are written.
        _folder = Directory.CreateDirectory(
            Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"dmm-fuzz-{Guid.NewGuid():N}"));
        _path = Path.Combine(_folder.FullName, "f.conf");
    }

    public int LiveEvery => 0;

    public static FileTarget Settings() => new(
        [
            "dmm { hypervisor = simulation, state-dir = \"/s\", host { memory = 2GiB, reserve = 8MiB }, simulation.boot-time = 1s }\n",
            "# a comment\ndmm.host.memory = 75%\ndmm.plan { period = 1s, step = 16MiB, dead-band = 0.02 }\n",
            "{ \"dmm\": { \"policy\": \"mom\", \"events\": { \"keep\": 100 }, \"socket\": { \"mode\": \"660\" } } }\n",
            "dmm { qemu { binary = qemu-system-x86_64, append = \"\"\"quiet \"x\" \"\"\" } // why\n}\nakka { loglevel = INFO }\n",
            "akka { actor { debug { receive = on } }, loggers = [\"Akka.Event.DefaultLogger\"] }\ndmm.vm.stop-grace = 90s\n",
            "dmm.history { keep = 30d, most = 250000 }\ndmm.journal.busy-timeout = 5s\ndmm.http { port = 9090, address = \"127.0.0.1\" }\n",
        ],
        [
            "dmm.", "dmm { ", "akka { ", "host { ", "memory = ", "75%", "1.5s", "99999999999999999999GiB", "-1MiB", "36501d",
            "[1, [2, [3]]]",
            "akka.remote", "akka.actor.provider = remote", "\"a.b\".c = 1\n", "= null\n", "a = ${b}\n", "include \"x\"\n",
            "0.0000000000000001d",
        ],
        static path =>
        {
            HoconText.ParseFile(path);
            DmmSettings.Load(path);
        });

    public static FileTarget Specs() => new(
        [
            "name = web, min = 256MiB, boot = 512MiB, max = 8GiB, disk = web.qcow2, disk-format = qcow2, network = none\n",
            "{ \"name\": \"db\", \"min\": \"1GiB\", \"boot\": \"1GiB\", \"max\": \"4GiB\", \"kernel\": \"/boot/k\", \"shares\": 1 }\n",
            "name = a\nmin = 128M\nboot = 256M\nmax = 1G\nchannels = [{ name = org.x, socket = \"x.sock\" }, { name = y, socket = /y }]\n",
            "name = b, timeout = 2m, priority = 9, boot-policy = early, restart = on-failure, boot-check = strict, cpus = 4\n",
        ],
        [
            "name = ", "min = ", "channels = [", "{ name = x, socket = y }", "restart = always\n", "1.5GiB", "99999999999GiB", "-5",
            "timeout = 1e9s\n",
            "disk = ../../../..\n", "kernel = \"\"\n", "socket = null", "priority = 2147483648\n",
        ],
        static path => VmSpecFile.Load(path));

    public byte[] Make(SeededRandom random) => _mutator.Mutate(random, random.Of<byte[]>(_samples));

    /// <summary>The settings are read together with all defaults, which alone take about a MiB.</summary>
    public long MostAllocated(byte[] input) => (4 << 20) + (256L * input.Length);

    public Task<string?> TryAsync(byte[] input, bool live)
    {
        File.WriteAllBytes(_path, input);
        try
        {
            _read(_path);
            return Task.FromResult<string?>(null);
        }
        catch (SettingsException refused)
        {
            return Task.FromResult(FaultOf(refused));
        }
    }

    /// <summary>Whether the input is read rather than refused.</summary>
    public bool IsRead(byte[] input)
    {
        File.WriteAllBytes(_path, input);
        try
        {
            _read(_path);
            return true;
        }
        catch (SettingsException)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private static string? FaultOf(SettingsException refused) =>
        refused.Faults.Count == 0 ? "was refused without a reason"
        : refused.Faults.FirstOrDefault(line => line.Any(char.IsControl)) is { } odd ? $"was refused in a text that is no line: {odd}"
        : refused.Faults.FirstOrDefault(line => line.Length > MostMessage) is { } @long ? $"was refused in {@long.Length} characters"
        : null;
}
