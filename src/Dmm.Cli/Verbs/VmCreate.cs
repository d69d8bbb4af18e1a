using System.CommandLine;
using Dmm.Commands;
using Dmm.Commands.Daemon;
using Dmm.Commands.Output;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Cli.Verbs;

/// <summary>Creates a VM from options, from a spec file, or from both. An option overrides the file.</summary>
internal sealed class VmCreate
{
    private readonly Argument<string?> _name = Values.OptionalVmName();
    private readonly Option<string?> _spec = Values.FilePath("--spec", "Read the VM from a file (HOCON or JSON); options override it");
    private readonly Option<MemorySize?> _min = Values.Size("--min", "The guarantee: never less than this");
    private readonly Option<MemorySize?> _boot = Values.Size("--boot", "Memory to boot with");
    private readonly Option<MemorySize?> _max = Values.Size("--max", "Never more than this");
    private readonly Option<int?> _shares = Values.Whole("--shares", "Weight when memory is short [1000]");
    private readonly Option<int?> _cpus = Values.Whole("--cpus", "Virtual CPUs [1]");
    private readonly Option<string?> _kernel = Values.FilePath("--kernel", "Linux kernel to boot");
    private readonly Option<string?> _initrd = Values.FilePath("--initrd", "Its initial RAM disk");
    private readonly Option<string?> _append = Values.Text("--append", "Its command line", "TEXT");
    private readonly Option<string?> _disk = Values.FilePath("--disk", "Disk image to boot instead, through its firmware");
    private readonly Option<string?> _diskFormat =
        Values.OneOf("--disk-format", "raw or qcow2 [by the file's name]", "FORMAT", "raw", "qcow2");
    private readonly Option<string?> _network = Values.OneOf("--network", "none or user [none]", "KIND", "none", "user");
    private readonly Option<string?> _restart = Values.Restart("Create it again after it has ended: never, on-failure or always [never]");
    private readonly Option<string?> _bootCheck =
        Values.OneOf(
            "--boot-check",
            "How DMM sees that it has booted: heard (its guest reports; otherwise a notice says so), none, or strict (otherwise it is "
            + "ended) [heard]", "HOW",
            "heard", "none", "strict");
    private readonly Option<bool> _wait = new("--wait") { Description = "Return when the VM runs, or has failed" };
    private readonly Option<TimeSpan?> _timeout =
        Values.Duration("--timeout", "How long it may wait for its memory [dmm.admission.deadline]");
    private readonly Option<DateTimeOffset?> _deadline = Values.Time(
        "--deadline", "Time by which its memory must be there; instead of --timeout");
    private readonly Option<int?> _priority = Values.Whole(
        "--priority", "Order among VMs that wait, 0 to 1000, highest first [100]");
    private readonly Option<string?> _bootPolicy =
        Values.OneOf(
            "--boot-policy", "full, or early: starts with less, as little as --min, and grows to --boot [full]", "POLICY", "full", "early");
    private readonly Option<bool> _dryRun =
        new("--dry-run") { Description = "Say what would happen, who would give how much and how long it would take; change nothing" };

    private VmCreate()
    {
    }

    public static Command Build(CommandLine line)
    {
        var verb = new VmCreate();
        return line.Verb(
            new Command("create", "Launch a new VM, when there is memory for it")
            {
                verb._name, verb._spec, verb._min, verb._boot, verb._max, verb._shares, verb._cpus, verb._kernel, verb._initrd,
                verb._append, verb._disk, verb._diskFormat, verb._network, verb._restart, verb._bootCheck, verb._wait, verb._timeout,
                verb._deadline, verb._priority, verb._bootPolicy, verb._dryRun,
            },
            verb.RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, Session session, CancellationToken cancellation)
    {
        var request = Request(parsed);
        if (parsed.GetValue(_dryRun))
        {
            VmCreateDryRun.Write(await session.Daemon.DryRunAsync<DryRunView>("api/v1/vms?dryRun=true", request, cancellation), session);
            return;
        }

        if (!parsed.GetValue(_wait))
        {
            Changes.Write(await session.Daemon.PostAsync("api/v1/vms", request, cancellation), session);
            return;
        }

        var mark = await new EventFeed(session.Daemon, session.Time).MarkAsync(cancellation);
        var began = session.Time.GetTimestamp();
        var done = await session.Daemon.PostAsync("api/v1/vms", request, cancellation);

        if (!session.Json)
            Changes.Write(done, session);
        var vm = await new VmCreateWait(session, request.Name, mark, began, WaitsFor(request, session.Time.GetUtcNow()))
            .UntilItRunsAsync(cancellation);
        var took = session.Time.GetElapsedTime(began);
        if (session.Json)
            session.Terminal.WriteJson(vm);
        else
            session.Terminal.WriteLine($"{vm.Id} runs with {Show.Size(vm.ActualBytes)} after {Show.Seconds(took)}");
    }

    /// <summary>How long the VM may wait for its memory; null: the daemon's default (dmm.admission.deadline).</summary>
    private static TimeSpan? WaitsFor(CreateVmRequest request, DateTimeOffset now) =>
        request.TimeoutSeconds is { } seconds ? TimeSpan.FromSeconds(seconds)
        : request.Deadline is { } deadline ? deadline - now
        : null;

    private CreateVmRequest Request(ParseResult parsed)
    {
        var spec = Spec(parsed.GetValue(_spec));
        var file = parsed.GetValue(_spec);
        var (kernel, disk) = (parsed.GetValue(_kernel), parsed.GetValue(_disk));

        // A disk among the options replaces the file's kernel, and a kernel among the options replaces the file's disk.
        var (filesKernel, filesDisk) = (disk is null ? spec : null, kernel is null ? spec : null);
        var name = parsed.GetValue(_name) ?? spec?.Name ?? throw Missing("the VM's name", "NAME", "name", file);
        if (!VmId.TryParse(name, out _))
            throw CommandException.Usage($"name in {file} is '{name}'; it must be {Values.NameForm}");
        return new CreateVmRequest
        {
            Name = name,
            MinBytes = Required(parsed, _min, spec?.Min, "min", file),
            BootBytes = Required(parsed, _boot, spec?.Boot, "boot", file),
            MaxBytes = Required(parsed, _max, spec?.Max, "max", file),
            Shares = parsed.GetValue(_shares) ?? spec?.Shares,
            Cpus = parsed.GetValue(_cpus) ?? spec?.Cpus,
            Kernel = kernel ?? filesKernel?.Kernel,
            Initrd = parsed.GetValue(_initrd) ?? filesKernel?.Initrd,
            Append = parsed.GetValue(_append) ?? filesKernel?.Append,
            Disk = disk ?? filesDisk?.Disk,
            DiskFormat = parsed.GetValue(_diskFormat) ?? filesDisk?.DiskFormat,
            Network = parsed.GetValue(_network) ?? spec?.Network,
            Restart = Values.RestartName(parsed.GetValue(_restart) ?? spec?.Restart),
            BootCheck = parsed.GetValue(_bootCheck) ?? spec?.BootCheck,
            Channels = spec is { Channels.Length: > 0 } ? [.. spec.Channels.Select(c => new ChannelRequest(c.Name, c.Socket))] : null,
            TimeoutSeconds = (parsed.GetValue(_timeout) ?? (parsed.GetValue(_deadline) is null ? spec?.Timeout : null))?.TotalSeconds,
            Deadline = parsed.GetValue(_deadline)?.ToUniversalTime(),
            Priority = parsed.GetValue(_priority) ?? spec?.Priority,
            BootPolicy = parsed.GetValue(_bootPolicy) ?? spec?.BootPolicy,
        };
    }

    private static VmSpecFile? Spec(string? file)
    {
        try
        {
            return file is null ? null : VmSpecFile.Load(file);
        }
        catch (SettingsException e)
        {
            throw CommandException.Usage(e.Faults);
        }
    }

    private static long Required(ParseResult parsed, Option<MemorySize?> option, MemorySize? fromFile, string key, string? file) =>
        (parsed.GetValue(option) ?? fromFile ?? throw Missing(option.Description!, option.Name + " SIZE", key, file)).Bytes;

    private static CommandException Missing(string what, string argument, string key, string? file) => CommandException.Usage(
        file is null
            ? $"{argument} is missing ({what}); give it, or a spec file with --spec"
            : $"{key} is missing in {file} ({what}); write it there, or give {argument}");
}
