using Akka.Configuration;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Clusters;
using Dmm.Core.Demand;
using Dmm.Core.Journals;
using Dmm.Hocon;
using Dmm.Hypervisors.Simulation;
using Dmm.Settings.Hocon;

namespace Dmm.Settings;

public enum HypervisorKind
{
    Qemu,
    Simulation,
}

/// <summary>The control law: DMM's own, or a peer's from <see cref="Core.Laws.LawCatalog"/>.</summary>
public enum PolicyKind
{
    Dmm,
    Static,
    Proxmox,
    Mom,
    Squeezed,
    Hyperv,
    Esx,
    Vpa,
    Neon,
}

public enum OnOff
{
    On,
    Off,
}

/// <summary>
/// All settings of dmmd, read once and checked. <c>config/reference.conf</c> explains each setting and the reason for its default. A
/// section of the file that holds the settings of one component is read into that component's own record; any other section has a record
/// here.
/// </summary>
public sealed record DmmSettings
{
    private const string AkkaKey = "akka";

    private static readonly Lazy<HoconFile> Reference = new(() => HoconText.Parse(ReferenceText, "reference.conf"));

    internal DmmSettings()
    {
    }

    public required HypervisorKind Hypervisor { get; init; }

    public required PolicyKind Policy { get; init; }

    /// <summary>Absolute, without a slash at its end.</summary>
    public required string StateDir { get; init; }

    /// <summary>The name of this node in its cluster; names VMs across hosts.</summary>
    public required NodeName Node { get; init; }

    /// <summary>Null: this node runs alone.</summary>
    public NodeSettings? Cluster { get; init; }

    /// <summary>Whether the routes of Akka's management only answer questions.</summary>
    public bool ManagementReadOnly { get; init; } = true;

    public required SocketSection Socket { get; init; }
    public required HostSection Host { get; init; }
    public required HttpSection Http { get; init; }
    public required PlanSection Plan { get; init; }
    public required DemandSettings Demand { get; init; }
    public required VmSection Vm { get; init; }
    public required AdmissionSettings Admission { get; init; }
    public required EventsSection Events { get; init; }
    public required ExplainSection Explain { get; init; }
    public required QemuSection Qemu { get; init; }
    public required SimulationSettings Simulation { get; init; }
    public required JournalSection Journal { get; init; }
    public required HistoryKeep History { get; init; }

    /// <summary>The file's <c>akka</c> section, with reference.conf's as a fallback, below the key <c>akka</c>.</summary>
    public required Config AkkaConfig { get; init; }

    /// <summary>The default settings, with comments: reference.conf as it is built in.</summary>
    public static string ReferenceText
    {
        get
        {
            using var stream = typeof(DmmSettings).Assembly.GetManifestResourceStream("reference.conf")
                ?? throw new InvalidOperationException("reference.conf is not built in");
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
    }

    /// <param name="configFile">Null: only the defaults.</param>
    /// <exception cref="SettingsException">The file can't be read or has faults: all of them, one per line.</exception>
    public static DmmSettings Load(string? configFile) => From(configFile is null ? null : HoconText.ParseFile(configFile));

    /// <inheritdoc cref="Load"/>
    /// <param name="name">The text's name in messages.</param>
    public static DmmSettings Parse(string text, string name) => From(HoconText.Parse(text, name));

    private static DmmSettings From(HoconFile? file)
    {
        var reference = Reference.Value;
        var reader = new SettingsReader(reference, file);
        var akka = AkkaSection(reference);
        if (file is not null)
            akka = AkkaSection(file).WithFallback(akka);
        var settings = From(reader, akka);
        return reader.Faults.Count == 0 ? settings : throw new SettingsException(reader.Faults);
    }

    internal static DmmSettings From(SettingsReader reader, Config akka)
    {
        var stateDir = reader.Folder("dmm.state-dir", "/var/lib/dmm");
        var node = NodeSection.Read(reader, Environment.MachineName);
        var qemu = QemuSection.Read(reader);
        return new DmmSettings
        {
            Hypervisor = reader.Choice<HypervisorKind>("dmm.hypervisor"),
            Policy = reader.Choice<PolicyKind>("dmm.policy"),
            StateDir = stateDir,
            Node = node,
            ManagementReadOnly = reader.Choice<OnOff>("dmm.management.read-only") == OnOff.On,
            Cluster = ClusterSection.Read(reader, node, Environment.MachineName),
            Socket = SocketSection.Read(reader),
            Host = HostSection.Read(reader) with { Groups = qemu.Groups },
            Http = HttpSection.Read(reader),
            Plan = PlanSection.Read(reader),
            Demand = DemandSection.Read(reader),
            Vm = VmSection.Read(reader),
            Admission = AdmissionSection.Read(reader),
            Events = EventsSection.Read(reader),
            Explain = ExplainSection.Read(reader),
            Qemu = qemu,
            Simulation = SimulationSection.Read(reader, stateDir),
            Journal = JournalSection.Read(reader, stateDir),
            History = HistorySection.Read(reader),
            AkkaConfig = akka,
        };
    }

    private static Config AkkaSection(HoconFile file)
    {
        if (!file.Root.TryGet(AkkaKey, out var node))
            return Config.Empty;
        if (node is not HoconSection section)
            throw new SettingsException($"{AkkaKey} in {file.Name} is {node.Shown}; it must be a section, with Akka's own settings");
        var refused = AkkaKeys.Refused(file.Root).Select(fault => $"{file.Name}, {fault}").ToList();
        return refused.Count == 0 ? HoconAkka.ToConfig(AkkaKey, section, file.Name) : throw new SettingsException(refused);
    }
}
