using Dmm.Contracts;

namespace Dmm.Cli.Tests;

/// <summary>Answers of a daemon.</summary>
internal static class Samples
{
    private const long Mi = 1L << 20;
    private const long Gi = 1L << 30;

    public static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public static HostView Host { get; } = new()
    {
        Node = "dmm@127.0.0.1:4711",
        Hypervisor = "qemu",
        State = "ready",
        MemoryBytes = 64 * Gi,
        ReserveBytes = 2 * Gi,
        CushionBytes = 3 * Gi,
        ClaimsBytes = 40 * Gi,
        ReservationsBytes = 512 * Mi,
        FreeBytes = 21 * Gi + 512 * Mi,
        DeficitBytes = 0,
        OvercommitRatio = 2.5,
        Pressure = new HostPressureView(23 * Gi, 0.25, 0),
        Vms = 12,
        Admissions = [new AdmissionView("db-2", "waiting", 4 * Gi, 512 * Mi, "web-1 gives 512 MiB", Noon, Noon.AddMinutes(1))],
        Problems = [],
    };

    public static VmView Vm { get; } = new()
    {
        Id = "web-1",
        State = "settled",
        BaseBytes = 256 * Mi,
        PluggedBytes = 1024 * Mi,
        BalloonedBytes = 24 * Mi,
        ActualBytes = 1256 * Mi,
        GrantedBytes = 1256 * Mi,
        TargetBytes = 1256 * Mi,
        MinBytes = 128 * Mi,
        MaxBytes = 2 * Gi,
        StaticMaxBytes = 16 * Gi + 256 * Mi,
        Shares = 1000,
        WorkingSetBytes = 900 * Mi,
        DemandBytes = 1100 * Mi,
        OverheadBytes = 80 * Mi,
        Agent = "agent",
        Hypervisor = "qemu",
        Pid = 4242,
        Adopted = false,
        OperatorQmp = "/var/lib/dmm/vms/web-1/operator.sock",
        Console = "/var/lib/dmm/vms/web-1/console.sock",
        Guest = new GuestView
        {
            SampledAt = Noon,
            MemTotalBytes = 1220 * Mi,
            MemFreeBytes = 200 * Mi,
            MemAvailableBytes = 310 * Mi,
            SwapTotalBytes = 0,
            SwapUsedBytes = 0,
            AgentVersion = "0.1.0",
            Kernel = "6.1.0-56-cloud-amd64",
            AutoOnline = "online",
            OnlinePolicy = "auto-movable",
            AutoMovableRatio = 50,
            MemmapOnMemory = "Y",
            BlockBytes = 128 * Mi,
        },
        Warnings = [],
    };

    public static EventView Event(long sequence, string kind, string text, DateTimeOffset? at = null, string? vm = "web-1") => new()
    {
        Sequence = sequence,
        At = at ?? Noon.AddSeconds(sequence),
        Kind = kind,
        Vm = vm,
        Text = text,
    };
}
