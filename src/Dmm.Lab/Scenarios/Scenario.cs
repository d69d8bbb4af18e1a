using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hocon;
using Dmm.Lab.Replay;

namespace Dmm.Lab.Scenarios;

/// <summary>
/// A scenario: a host, a few VMs, their needs over time, and their faults. docs/use/lab.md describes the file format.
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
            return Of(HoconText.ParseFile(file));
        }
        catch (SettingsException e)
        {
            throw new LabException(e.Message);
        }
    }

    /// <exception cref="LabException">Something in the text is wrong.</exception>
    public static Scenario Parse(string text, string name)
    {
        try
        {
            return Of(HoconText.Parse(text, name));
        }
        catch (SettingsException e)
        {
            throw new LabException(e.Message);
        }
    }

    private static Scenario Of(HoconFile file)
    {
        var name = file.Name;
        var reader = new Reader(file.Root, name, "");
        reader.Only(HostKeys);
        var (memory, length) = (reader.Size("memory", null), reader.Time("length", null));
        if (!file.Root.TryGet("vms", out var node) || node is not HoconSection { Members.Count: > 0 } vms)
            throw new LabException($"{name}: vms is missing; it holds a section for each VM");
        var scenario = new Scenario(memory, length, [.. vms.Members.Select(vm => VmOf(vm.Key, SectionOf(vm.Key, vm.Value, name)))]);
        var min = new MemorySize(scenario.Vms.Sum(vm => vm.JoinsAt == 0 ? vm.Min.Bytes : 0));
        if (min > memory)
            throw new LabException($"{name}: memory is {memory}; the mins of the VMs that are there from the start add up to {min}");
        return scenario;
    }

    private static Reader SectionOf(string vm, HoconNode node, string file) =>
        node is HoconSection section ? new(section, file, $"vms.{vm}.")
        : throw new LabException($"{file}, {node.Place}: vms.{vm} is {node.Shown}; it must be a section");

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

    /// <summary>Reads one section. Its errors contain the key's full name.</summary>
    private sealed class Reader(HoconSection section, string file, string prefix)
    {
        public void Only(string[] keys)
        {
            foreach (var key in section.Members.Keys)
            {
                if (!keys.Contains(key))
                    throw new LabException($"{file}: {prefix}{key} is not known; there are {string.Join(", ", keys)}");
            }
        }

        public MemorySize Size(string key, MemorySize? standard) =>
            Text(key) is not { } text ? standard ?? throw Missing(key, "a size such as 2GiB")
            : TrySize(text, out var size) ? size
            : throw Fault(key, $"'{Echo.Of(text)}'", $"a size such as 2GiB, at most {MemorySize.MostThereIs}{MemorySize.UnitFault(text)}");

        public TimeSpan Time(string key, TimeSpan? standard) =>
            Text(key) is not { } text ? standard ?? throw Missing(key, "a time such as 90s or 10m") : TimeOf(key, text);

        public int Shares(string key, int standard) =>
            Text(key) is not { } text ? standard
            : int.TryParse(text, out var shares) && shares is >= 1 and <= VmPolicy.MaxShares ? shares
            : throw Fault(key, $"'{Echo.Of(text)}'", $"from 1 to {VmPolicy.MaxShares}");

        /// <summary>Reads a list of "time size": from that time on, the VM needs that size.</summary>
        public Traces.NeedCurve Need(string key, TimeSpan joins)
        {
            const string form = "a list such as [\"0s 200MiB\", \"60s 1.5GiB\"], its times rising";
            if (!section.TryGet(key, out var node))
                throw Missing(key, form);
            if (node is not HoconList list)
                throw Fault(key, node.Shown, form);
            var (at, need) = (new List<long> { Micros(joins) }, new List<long> { 0 });
            foreach (var item in list.Items)
            {
                var parts = item is HoconScalar scalar ? scalar.Text.Split(' ', 2, StringSplitOptions.TrimEntries) : [];
                if (parts.Length != 2 || !TrySize(parts[1], out var size))
                    throw Fault(key, item.Shown, form + (parts.Length == 2 ? MemorySize.UnitFault(parts[1]) : null));
                var time = Micros(TimeOf(key, parts[0]));
                if (time < at[^1])
                    throw Fault(key, item.Shown, $"{form}, and not before the VM joins");
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

        /// <summary>Sums of sizes are checked, so each one is bounded.</summary>
        private static bool TrySize(string text, out MemorySize size) =>
            MemorySize.TryParse(text, out size) && size <= MemorySize.MostThereIs;

        private LabException Missing(string key, string right) => new($"{file}: {prefix}{key} is missing; it must be {right}");

        private string? Text(string key) =>
            !section.TryGet(key, out var node) ? null
            : node is HoconScalar { IsNull: false } scalar ? scalar.Text
            : throw Fault(key, node.Shown, "a value");

        private TimeSpan TimeOf(string key, string text) =>
            DurationText.TryParse(text, out var time) ? time : throw Fault(key, $"'{Echo.Of(text)}'", "a time such as 90s or 10m");
    }
}
