using System.Collections.Immutable;
using System.Globalization;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Cli;

/// <summary>
/// A VM as a file describes it (<c>dmm vm create --spec FILE</c>), in HOCON or JSON. Keys that the file does not contain are null.
/// Paths are absolute: relative ones start from the file's own folder. Each value is checked here; the daemon checks whether they fit
/// together.
/// </summary>
internal sealed record VmSpecFile
{
    private static readonly string[] Keys =
    [
        "name", "min", "boot", "max", "shares", "cpus", "kernel", "initrd", "append", "disk", "disk-format", "network", "channels",
        "timeout", "priority", "boot-policy", "restart", "boot-check",
    ];

    private static readonly string[] ChannelKeys = ["name", "socket"];

    private VmSpecFile()
    {
    }

    public string? Name { get; private init; }
    public MemorySize? Min { get; private init; }
    public MemorySize? Boot { get; private init; }
    public MemorySize? Max { get; private init; }
    public int? Shares { get; private init; }
    public int? Cpus { get; private init; }
    public string? Kernel { get; private init; }
    public string? Initrd { get; private init; }
    public string? Append { get; private init; }
    public string? Disk { get; private init; }
    public string? DiskFormat { get; private init; }
    public string? Network { get; private init; }
    public ImmutableArray<VmSpecChannel> Channels { get; private init; } = [];

    /// <summary>never, on-failure or always.</summary>
    public string? Restart { get; private init; }

    /// <summary>heard, none or strict.</summary>
    public string? BootCheck { get; private init; }

    /// <summary>How long the VM may wait for its memory.</summary>
    public TimeSpan? Timeout { get; private init; }

    public int? Priority { get; private init; }
    public string? BootPolicy { get; private init; }

    /// <exception cref="SettingsException">The file can't be read or has faults: all of them, one per line.</exception>
    public static VmSpecFile Load(string path) => From(HoconText.ParseFile(path), Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/");

    private static VmSpecFile From(HoconFile file, string folder)
    {
        var reader = new SpecReader(file.Name, folder);
        var root = reader.Section(file.Root, "", Keys);
        var spec = new VmSpecFile
        {
            Name = root.Text("name"),
            Min = root.Size("min"),
            Boot = root.Size("boot"),
            Max = root.Size("max"),
            Shares = root.Integer("shares"),
            Cpus = root.Integer("cpus"),
            Kernel = root.Path("kernel"),
            Initrd = root.Path("initrd"),
            Append = root.Text("append"),
            Disk = root.Path("disk"),
            DiskFormat = root.OneOf("disk-format", "raw", "qcow2"),
            Network = root.OneOf("network", "none", "user"),
            Restart = root.OneOf("restart", "never", "on-failure", "always"),
            BootCheck = root.OneOf("boot-check", "heard", "none", "strict"),
            Timeout = root.Duration("timeout"),
            Priority = root.Integer("priority"),
            BootPolicy = root.OneOf("boot-policy", "full", "early"),
            Channels =
            [
                .. root.Sections("channels", ChannelKeys)
                    .Select(c => new VmSpecChannel(c.Required(c.Text("name"), "name"), c.Required(c.Path("socket"), "socket"))),
            ],
        };
        return reader.Faults.Count == 0 ? spec : throw new SettingsException(reader.Faults);
    }

    private sealed class SpecReader(string file, string folder)
    {
        public List<string> Faults { get; } = [];

        public string File => file;

        public string Folder => folder;

        /// <param name="prefix">The prefix of keys in messages.</param>
        public SpecSection Section(HoconSection section, string prefix, string[] known)
        {
            foreach (var (key, node) in section.Members)
            {
                if (known.Contains(key))
                    continue;
                // A file that was taken for a spec has unknown keys by the thousand.
                var meant = Faults.Count >= SettingsException.MostFaults ? null : Nearest.To(key, known);
                Faults.Add($"{file}, {node.Place}: unknown key {prefix}{key}; "
                    + (meant is null ? $"there are {string.Join(", ", known)}" : $"did you mean {prefix}{meant}?"));
            }

            return new SpecSection(this, section, prefix);
        }
    }

    private sealed class SpecSection(SpecReader reader, HoconSection section, string prefix)
    {
        public string? Text(string key) =>
            Read(key, "a text without line breaks", (string text, out string? value) =>
            {
                value = text;
                return !text.Any(char.IsControl);
            });

        public MemorySize? Size(string key) =>
            Read(key, "a size such as 256MiB", (string text, out MemorySize? value) =>
            {
                var ok = MemorySize.TryParse(text, out var size);
                value = size;
                return ok;
            }, MemorySize.UnitFault);

        public int? Integer(string key) =>
            Read(key, "a whole number", (string text, out int? value) =>
            {
                var ok = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
                value = number;
                return ok;
            });

        public TimeSpan? Duration(string key) =>
            Read(key, DurationText.Form, (string text, out TimeSpan? value) =>
            {
                var ok = DurationText.TryParse(text, out var duration);
                value = duration;
                return ok;
            });

        public string? OneOf(string key, params string[] choices) =>
            Read(key, $"{string.Join(", ", choices.SkipLast(1))} or {choices[^1]}", (string text, out string? value) =>
            {
                value = text;
                return choices.Contains(text);
            });

        public string? Path(string key) =>
            Read(key, "a path", (string text, out string? value) =>
            {
                var ok = text.Length > 0 && !text.Any(char.IsControl);
                value = ok ? System.IO.Path.GetFullPath(text, reader.Folder) : null;
                return ok;
            });

        public string Required(string? value, string key)
        {
            if (!section.TryGet(key, out var node) || node is HoconScalar { IsNull: true })
                reader.Faults.Add($"{reader.File}: {prefix}{key} is missing");
            return value ?? "";
        }

        public IEnumerable<SpecSection> Sections(string key, string[] known)
        {
            if (!section.TryGet(key, out var node) || node is HoconScalar { IsNull: true })
                return [];
            if (node is HoconList list && list.Items.All(i => i is HoconSection))
                return [.. list.Items.Select((item, i) => reader.Section((HoconSection)item, $"{prefix}{key}[{i}].", known))];
            var form = $"[{{ {string.Join(" = …, ", known)} = … }}]";
            reader.Faults.Add($"{prefix}{key} in {reader.File} is {node.Shown}; it must be a list of sections such as {form}");
            return [];
        }

        /// <summary>Null where the key is missing, or is null as in JSON that programs write.</summary>
        private T? Read<T>(string key, string right, TryRead<T?> read, Func<string, string?>? hint = null)
        {
            if (!section.TryGet(key, out var node) || node is HoconScalar { IsNull: true })
                return default;
            if (node is HoconScalar scalar && read(scalar.Text, out var value))
                return value;
            var more = node is HoconScalar found ? hint?.Invoke(found.Text) : null;
            reader.Faults.Add($"{prefix}{key} in {reader.File} is {node.Shown}; it must be {right}{more}");
            return default;
        }
    }
}

/// <summary>One more virtio-serial channel: its name in the guest, and the absolute path of its Unix socket on the host.</summary>
internal sealed record VmSpecChannel(string Name, string Socket);
