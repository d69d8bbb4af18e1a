using System.Collections.Immutable;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Daemon.Api;

/// <summary>Turns a request into a valid spec, or throws with the one line that says why it is not valid.</summary>
public static class Specs
{
    /// <summary>Sizes are rounded up to a multiple of this, the block of virtio-mem, and a note says so.</summary>
    public static MemorySize Block { get; } = MemorySize.FromMiB(2);

    /// <exception cref="SpecException">
    /// The request is not valid; the message names the thing, what was found and what would be right.
    /// </exception>
    public static (VmSpec Spec, ImmutableArray<string> Notes) Read(CreateVmRequest request, IHypervisor hypervisor)
    {
        List<string> notes = [];
        var id = IdOf(request.Name);
        var (min, boot, max) = (SizeOf("min", request.MinBytes), SizeOf("boot", request.BootBytes), SizeOf("max", request.MaxBytes));
        if (min > boot)
            throw new SpecException($"{id}: min {min} is above boot {boot}; boot must be from min to max");
        if (max < boot)
            throw new SpecException($"{id}: max {max} is below boot {boot}; boot must be from min to max");
        boot = Rounded("boot", boot, notes);
        max = MemorySize.Max(boot, Rounded("max", max, notes));
        var spec = new VmSpec
        {
            Id = id,
            Policy = new(min, max, request.Shares ?? VmPolicy.DefaultShares),
            Boot = boot,
            BootPolicy = request.BootPolicy switch
            {
                null or "full" => BootPolicy.Full,
                "early" => BootPolicy.Early,
                var other => throw new SpecException($"{id}: the boot policy is '{Echo.Of(other)}'; it must be full or early"),
            },
            Priority = request.Priority ?? VmSpec.DefaultPriority,
            Cpus = request.Cpus ?? 1,
            Medium = MediumOf(id, request),
            Network = request.Network switch
            {
                null or "none" => VmNetwork.None,
                "user" => VmNetwork.User,
                var other => throw new SpecException($"{id}: network is '{Echo.Of(other)}'; it must be none or user"),
            },
            Restart = RestartOf(id.Name, request.Restart) ?? RestartPolicy.Never,
            BootCheck = request.BootCheck switch
            {
                null or "heard" => BootCheck.Heard,
                "none" => BootCheck.None,
                "strict" => BootCheck.Strict,
                var other => throw new SpecException($"{id}: boot-check is '{Echo.Of(other)}'; it must be heard, none or strict"),
            },
            Channels = [.. (request.Channels ?? []).Select(c => ChannelOf(id, c))],
        };
        var fault = spec.Policy.Fault()
            ?? (spec.Priority is < 0 or > VmSpec.MostPriority ? $"priority is {spec.Priority}; it must be from 0 to {VmSpec.MostPriority}"
                : null)
            ?? (spec.Cpus is < 1 or > VmSpec.MaxCpus ? $"cpus is {spec.Cpus}; it must be from 1 to {VmSpec.MaxCpus}" : null)
            ?? (spec.Channels.Length > VmSpec.MaxChannels ? $"it has {spec.Channels.Length} channels; {VmSpec.MaxChannels} are possible"
                : null)
            ?? hypervisor.Fault(spec);
        return fault is null ? (spec, [.. notes]) : throw new SpecException($"{id}: {fault}");
    }

    public static RestartPolicy? RestartOf(string vm, string? restart) => restart switch
    {
        null => null,
        "never" => RestartPolicy.Never,
        "onFailure" or "on-failure" => RestartPolicy.OnFailure,
        "always" => RestartPolicy.Always,
        var other => throw new SpecException($"{vm}: restart is '{Echo.Of(other)}'; it must be never, on-failure or always"),
    };

    /// <summary>How long a VM that is started may wait for its memory; null where the request does not say.</summary>
    public static TimeSpan? TimeoutOf(string vm, double? timeout) => timeout switch
    {
        null => null,
        > 0 and <= 86_400 => TimeSpan.FromSeconds(timeout.Value),
        _ => throw new SpecException($"{vm}: timeout is {timeout} s; it must be more than 0 and at most a day"),
    };

    /// <summary>How long a new VM may wait for its memory; null where the request does not say.</summary>
    /// <exception cref="SpecException">
    /// It is neither a future time within a day nor a duration of at most a day, or both are given.
    /// </exception>
    public static TimeSpan? TimeoutOf(CreateVmRequest request, DateTimeOffset now)
    {
        if (request is { TimeoutSeconds: not null, Deadline: not null })
            throw new SpecException($"{request.Name}: both a timeout and a deadline are given; one of them is enough");
        if (request.Deadline is { } past && past <= now)
            throw new SpecException(
                $"{request.Name}: the deadline {past:u} is past, it is {now:u} now; it must be in the future, at most a day from now");
        if (request.Deadline is { } far && far > now.AddDays(1))
            throw new SpecException($"{request.Name}: the deadline {far:u} is more than a day from now, {now:u}");
        return request.Deadline is { } deadline ? deadline - now : TimeoutOf(request.Name, request.TimeoutSeconds);
    }

    public static VmId IdOf(string? name) => VmId.TryParse(name, out var id) ? id : throw new SpecException(NameFault(name));

    public static MemorySize SizeOf(string what, long bytes) =>
        bytes >= 0 ? new(bytes) : throw new SpecException($"{what} is {bytes} bytes; it must not be negative");

    private static string NameFault(string? name)
    {
        try
        {
            return VmId.Parse(name).Name;
        }
        catch (FormatException fault)
        {
            return fault.Message;
        }
    }

    private static MemorySize Rounded(string what, MemorySize size, List<string> notes)
    {
        var rounded = size.RoundUp(Block);
        if (rounded != size)
            notes.Add($"{what} {size} was rounded to {rounded}, a multiple of the block of {Block}");
        return rounded;
    }

    private static BootMedium? MediumOf(VmId id, CreateVmRequest request)
    {
        if (request.Kernel is not null && request.Disk is not null)
            throw new SpecException($"{id}: both kernel and disk are given; a VM boots from one of them");
        if (request.Kernel is null && (request.Initrd is not null || request.Append is not null))
            throw new SpecException($"{id}: initrd and append need a kernel, and none is given");
        if (request.Kernel is not null)
        {
            return new BootMedium.KernelBoot(
                Absolute(id, "kernel", request.Kernel), request.Initrd is null ? null : Absolute(id, "initrd", request.Initrd),
                request.Append);
        }

        if (request.Disk is null)
            return null;
        var format = request.DiskFormat ?? (request.Disk.EndsWith(".qcow2", StringComparison.OrdinalIgnoreCase) ? "qcow2" : "raw");
        return format is "raw" or "qcow2"
            ? new BootMedium.DiskBoot(Absolute(id, "disk", request.Disk), format)
            : throw new SpecException($"{id}: the disk's format is '{Echo.Of(format)}'; it must be raw or qcow2");
    }

    /// <summary>JSON may hold a null wherever a channel, a name or a path is meant.</summary>
    private static VmChannel ChannelOf(VmId id, ChannelRequest? channel) =>
        channel is { Name: { } name, Socket: { } socket }
            ? new(name, Absolute(id, "channel socket", socket))
            : throw new SpecException($"{id}: a channel lacks its name or its socket; it must have both");

    private static string Absolute(VmId id, string what, string path) =>
        Path.IsPathFullyQualified(path) ? path : throw new SpecException($"{id}: {what} '{Echo.Of(path)}' is not an absolute path");
}

/// <summary>A request that is not valid; the message is one line.</summary>
public sealed class SpecException : Exception
{
    /// <summary>The status of the answer, from 400 to 499.</summary>
    public int Status { get; init; } = StatusCodes.Status400BadRequest;

    public SpecException()
    {
    }

    public SpecException(string message)
        : base(message)
    {
    }

    public SpecException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
