using Akka.Configuration;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Files;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Scenarios;

/// <summary>
/// A hand-made situation: a host, a few VMs, what each needs when, and what is wrong with them. docs/lab.md has the form.
/// </summary>
internal sealed record Scenario(MemorySize HostMemory, TimeSpan Length, IReadOnlyList<VmPlan> Vms)
{
    private static readonly string[] HostKeys = ["memory", "length", "vms"];
    private static readonly string[] VmKeys = ["min", "boot", "max", "shares", "need", "joins", "lie", "stuck-from", "stuck-to"];

    public long End => Length.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <exception cref="LabException">The file can't be read, or something in it is wrong.</exception>
    public static Scenario Read(string file)
    {
        try
        {
            return Parse(RegularFile.ReadText(file), file);
        }
        catch (WrongFileException e)
        {
            throw new LabException(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{file} can't be read: {e.Message}");
        }
    }

    /// <exception cref="LabException">Something in it is wrong.</exception>
    public static Scenario Parse(string text, string name)
    {
        Config config;
        try
        {
            config = ConfigurationFactory.ParseString(text);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The parser has no exception of its own for all that it does not like.
            throw new LabException($"{name} is no HOCON: {e.Message}");
        }

        var reader = new Reader(config, name, "");
        reader.Only(HostKeys);
        var (memory, length) = (reader.Size("memory", null), reader.Time("length", null));
        var names = config.HasPath("vms") && config.GetValue("vms").IsObject() ? config.GetValue("vms").GetObject().Items.Keys.ToList() : [];
        if (names.Count == 0)
            throw new LabException($"{name}: vms is missing; it holds a section for each VM");
        var scenario = new Scenario(memory, length, [.. names.Select(vm => VmOf(vm, new(config.GetConfig($"vms.\"{vm}\""), name, $"vms.{vm}.")))]);
        var min = new MemorySize(scenario.Vms.Sum(vm => vm.JoinsAt == 0 ? vm.Min.Bytes : 0));
        if (min > memory)
            throw new LabException($"{name}: memory is {memory}; the VMs that are there from the start have {min} as their min together");
        return scenario;
    }

    private static VmPlan VmOf(string name, Reader reader)
    {
        reader.Only(VmKeys);
        var max = reader.Size("max", null);
        var min = reader.Size("min", MemorySize.FromMiB(128));
        var boot = reader.Size("boot", min);
        if (min.IsZero || min > max || boot < min || boot > max)
            throw reader.Fault("min", $"{min}, boot {boot} and max {max} are", "min ≤ boot ≤ max, and more than 0");
        var joins = reader.Time("joins", TimeSpan.Zero);
        return new(name, min, boot, max, reader.Shares("shares", VmPolicy.DefaultShares), reader.Need("need", joins))
        {
            JoinsAt = Micros(joins),
            Lie = reader.Size("lie", MemorySize.Zero),
            Stuck = (Micros(reader.Time("stuck-from", TimeSpan.Zero)), Micros(reader.Time("stuck-to", TimeSpan.Zero))),
        };
    }

    private static long Micros(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Reads one section, and says what is wrong with it by the key's whole name.</summary>
    private sealed class Reader(Config config, string file, string prefix)
    {
        public void Only(string[] keys)
        {
            foreach (var key in config.Root.GetObject().Items.Keys)
            {
                if (!keys.Contains(key))
                    throw new LabException($"{file}: {prefix}{key} is not known; there are {string.Join(", ", keys)}");
            }
        }

        public MemorySize Size(string key, MemorySize? standard) =>
            Text(key) is not { } text ? standard ?? throw Missing(key, "a size such as 2GiB")
            : MemorySize.TryParse(text, out var size) ? size
            : throw Fault(key, $"'{text}'", "a size such as 2GiB");

        public TimeSpan Time(string key, TimeSpan? standard) =>
            Text(key) is not { } text ? standard ?? throw Missing(key, "a time such as 90s or 10m") : TimeOf(key, text);

        public int Shares(string key, int standard) =>
            Text(key) is not { } text ? standard
            : int.TryParse(text, out var shares) && shares is >= 1 and <= VmPolicy.MaxShares ? shares
            : throw Fault(key, $"'{text}'", $"from 1 to {VmPolicy.MaxShares}");

        /// <summary>A list of "time size": from then on it needs so much.</summary>
        public Traces.NeedCurve Need(string key, TimeSpan joins)
        {
            const string form = "a list such as [\"0s 200MiB\", \"60s 1.5GiB\"], its times rising";
            if (!config.HasPath(key))
                throw Missing(key, form);
            var (at, need) = (new List<long> { Micros(joins) }, new List<long> { 0 });
            foreach (var item in config.GetStringList(key))
            {
                var parts = item.Split(' ', 2, StringSplitOptions.TrimEntries);
                if (parts.Length != 2 || !MemorySize.TryParse(parts[1], out var size))
                    throw Fault(key, $"'{item}'", form);
                var time = Micros(TimeOf(key, parts[0]));
                if (time < at[^1])
                    throw Fault(key, $"'{item}'", $"{form}, and not before the VM joins");
                if (time == at[^1])
                {
                    need[^1] = size.Bytes;
                    continue;
                }

                at.Add(time);
                need.Add(size.Bytes);
            }

            return new([.. at], [.. need], Linear: false);
        }

        public LabException Fault(string key, string found, string right) => new($"{file}: {prefix}{key} is {found}; it must be {right}");

        private LabException Missing(string key, string right) => new($"{file}: {prefix}{key} is missing; it must be {right}");

        private string? Text(string key) => config.HasPath(key) ? config.GetString(key) : null;

        private TimeSpan TimeOf(string key, string text)
        {
            var (unit, length) = text switch
            {
                _ when text.EndsWith("ms", StringComparison.Ordinal) => (1e-3, 2),
                _ when text.EndsWith('s') => (1.0, 1),
                _ when text.EndsWith('m') => (60.0, 1),
                _ when text.EndsWith('h') => (3600.0, 1),
                _ when text.EndsWith('d') => (86400.0, 1),
                _ => (0.0, 0),
            };
            return unit > 0 && double.TryParse(text.AsSpan(0, text.Length - length), System.Globalization.NumberStyles.AllowDecimalPoint, null, out var number) && number * unit <= 3.2e9
                ? TimeSpan.FromMicroseconds((long)(number * unit * 1e6))
                : throw Fault(key, $"'{text}'", "a time such as 90s or 10m");
        }
    }
}
