using Dmm.Hocon;
using Akka.Configuration;
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

/// <summary>
/// All settings of dmmd, read once and checked. <c>config/reference.conf</c> explains each setting and the reason for its default.
/// </summary>
public sealed record DmmSettings
{
    private const string AkkaKey = "akka";

    internal DmmSettings()
    {
    }

    public required HypervisorKind Hypervisor { get; init; }

    public required PolicyKind Policy { get; init; }

    /// <summary>Absolute, without a slash at its end.</summary>
    public required string StateDir { get; init; }

    public required SocketSettings Socket { get; init; }
    public required HostSettings Host { get; init; }
    public required HttpSettings Http { get; init; }
    public required PlanSettings Plan { get; init; }
    public required DemandSettings Demand { get; init; }
    public required VmSettings Vm { get; init; }
    public required AdmissionSettings Admission { get; init; }
    public required EventsSettings Events { get; init; }
    public required ExplainSettings Explain { get; init; }
    public required QemuSectionSettings Qemu { get; init; }
    public required SimulationSettings Simulation { get; init; }
    public required JournalSettings Journal { get; init; }
    public required HistorySettings History { get; init; }

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
        var reference = HoconText.Parse(ReferenceText, "reference.conf");
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
        return new DmmSettings
        {
            Hypervisor = reader.Choice<HypervisorKind>("dmm.hypervisor"),
            Policy = reader.Choice<PolicyKind>("dmm.policy"),
            StateDir = stateDir,
            Socket = SocketSettings.Read(reader),
            Host = HostSettings.Read(reader),
            Http = HttpSettings.Read(reader),
            Plan = PlanSettings.Read(reader),
            Demand = DemandSettings.Read(reader),
            Vm = VmSettings.Read(reader),
            Admission = AdmissionSettings.Read(reader),
            Events = EventsSettings.Read(reader),
            Explain = ExplainSettings.Read(reader),
            Qemu = QemuSectionSettings.Read(reader),
            Simulation = SimulationSettings.Read(reader, stateDir),
            Journal = JournalSettings.Read(reader, stateDir),
            History = HistorySettings.Read(reader),
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
