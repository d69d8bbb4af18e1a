using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dmm.Core;
using Dmm.Files;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Accel;

/// <param name="Accel">Kvm or Tcg.</param>
/// <param name="Why">The reason for people, in one line.</param>
public sealed record AccelAnswer(QemuAccel Accel, string Why)
{
    /// <summary>
    /// Whether this holds until the host boots again. A probe that failed says nothing for good: the host may have been busy.
    /// </summary>
    public bool Certain { get; init; } = true;
}

/// <summary>
/// Finds out whether KVM works here. A host with <c>/dev/kvm</c> may still have no working KVM: some machines show the device, but a
/// guest hangs for ever in its first instructions. So the CPU's flags are checked first, then a probe guest must finish within seconds.
/// The answer holds for one boot of the host and is kept in the state folder, if it is certain: a guest ran, or there is no KVM to try. A
/// probe that hung or failed is tried again at a later launch, each time after a longer wait; until then guests are emulated.
/// </summary>
/// <param name="obstacle">Finds a visible obstacle to KVM; null: looks at this host.</param>
public sealed partial class AccelChoice(QemuSettings settings, TimeProvider time, Action<string> log, Func<string?>? obstacle = null)
{
    private static readonly GrowingWait Waits = new(TimeSpan.FromMinutes(1), TimeSpan.FromHours(1));
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Lock _gate = new();
    private Task<AccelAnswer>? _answer;
    private int _failures;
    private long _failedAt;

    /// <summary>
    /// The answer that is known without a probe: the setting, or the last answer of this boot, even if it is not certain.
    /// </summary>
    public AccelAnswer? Known =>
        settings.Accel != QemuAccel.Auto ? new(settings.Accel, "dmm.qemu.accel says so")
        : _answer is { IsCompletedSuccessfully: true } done ? done.Result
        : Recall();

    private string Memory => Path.Combine(settings.StateDirectory, "accel.json");

    /// <summary>
    /// Decides for a launch. Probes if there is no answer, or if one that is not certain is old enough to ask again; all callers that ask
    /// meanwhile get the same answer.
    /// </summary>
    public Task<AccelAnswer> DecideAsync(CancellationToken cancellation)
    {
        if (Known is { Certain: true } known)
            return Task.FromResult(known);
        lock (_gate)
        {
            if (_answer is null or { IsFaulted: true } || (_answer.IsCompleted && MayAskAgain()))
                _answer = FindOutAsync();
            return _answer.WaitAsync(cancellation);
        }
    }

    private bool MayAskAgain() => time.GetElapsedTime(_failedAt) >= Waits.After(_failures - 1);

    private async Task<AccelAnswer> FindOutAsync()
    {
        var answer = (obstacle ?? Obstacle)() is { } missing
            ? new AccelAnswer(QemuAccel.Tcg, missing)
            : await ProbeAsync("kvm", "host").ConfigureAwait(false) is { } failure
                ? new AccelAnswer(QemuAccel.Tcg, $"KVM seems to be there, but {failure}; {Again()}") { Certain = false }
                : new AccelAnswer(QemuAccel.Kvm, "a probe guest ran under KVM");
        log($"QEMU guests run under {(answer.Accel == QemuAccel.Kvm ? "KVM" : "TCG, QEMU's emulation")}: {answer.Why}");
        if (answer.Certain)
            Remember(answer);
        return answer;
    }

    /// <summary>Notes that a probe has failed.</summary>
    /// <returns>When it is tried again, for people.</returns>
    private string Again()
    {
        lock (_gate)
        {
            _failedAt = time.GetTimestamp();
            return string.Create(
                CultureInfo.InvariantCulture, $"it is tried again at the first launch after {Waits.After(_failures++).TotalMinutes:0} min");
        }
    }

    /// <returns>A visible obstacle to KVM, or null.</returns>
    private static string? Obstacle()
    {
        const string device = "/dev/kvm";
        if (!File.Exists(device))
            return $"there is no {device}";
        if (!VirtualizationFlag().IsMatch(File.ReadAllText("/proc/cpuinfo")))
            return $"{device} is there, but the CPU has neither vmx nor svm";
        try
        {
            using var kvm = File.OpenHandle(device, FileMode.Open, FileAccess.ReadWrite);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{device} can't be opened: {e.Message}";
        }
    }

    /// <summary>Boots the probe guest.</summary>
    /// <returns>The reason of the failure, or null when the guest finished.</returns>
    internal async Task<string?> ProbeAsync(string accelerator, string cpu)
    {
        var image = Path.Combine(settings.StateDirectory, $"probe-{Guid.NewGuid():N}.img");
        try
        {
            Directory.CreateDirectory(settings.StateDirectory);
            await File.WriteAllBytesAsync(image, ProbeGuest.Image()).ConfigureAwait(false);
            var start = new ProcessStartInfo(settings.Binary, ProbeGuest.Arguments(image, accelerator, cpu))
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start);
            return process is null ? $"'{settings.Binary}' could not be started" : await JudgeAsync(process).ConfigureAwait(false);
        }
        catch (Exception e) when (e is Win32Exception or IOException or UnauthorizedAccessException)
        {
            return $"the probe guest could not be started: {e.Message}";
        }
        finally
        {
            File.Delete(image);
        }
    }

    private async Task<string?> JudgeAsync(Process process)
    {
        using var late = new CancellationTokenSource(settings.ProbeDeadline, time);
        var words = new LastWords(most: 4096);
        var reading = words.ReadAsync(process.StandardError, late.Token);
        try
        {
            await process.WaitForExitAsync(late.Token).ConfigureAwait(false);
            if (process.ExitCode == ProbeGuest.ExitCode)
                return null;
            await reading.ConfigureAwait(false);
            var said = ForeignText.CleanLines(words.Text, 300);
            return $"the probe guest failed: {(said.Length > 0 ? said : $"QEMU ended with code {process.ExitCode}")}";
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            return $"the probe guest hung for {settings.ProbeDeadline.TotalSeconds:0.#} s";
        }
    }

    private AccelAnswer? Recall()
    {
        try
        {
            return File.Exists(Memory)
                && JsonSerializer.Deserialize<Remembered>(RegularFile.ReadText(Memory), Json) is { } remembered
                && remembered.BootId == HostProcess.ReadBootId() && remembered.Binary == settings.Binary
                && Enum.TryParse<QemuAccel>(remembered.Accel, ignoreCase: true, out var accel) && accel != QemuAccel.Auto
                // Earlier releases also kept the answers of probes that had failed, without this mark.
                && (remembered.Certain || accel == QemuAccel.Kvm)
                    ? new(accel, remembered.Why)
                    : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            log($"{Memory} can't be read, so KVM is tried again: {e.Message}");
            return null;
        }
    }

    /// <summary>Stores the answer. If it can't be stored, the only cost is another probe at the next start.</summary>
    private void Remember(AccelAnswer answer)
    {
        try
        {
            Directory.CreateDirectory(settings.StateDirectory);
            var accel = answer.Accel == QemuAccel.Kvm ? "kvm" : "tcg";
            var remembered = new Remembered(HostProcess.ReadBootId(), settings.Binary, accel, answer.Why, Certain: true);
            RegularFile.Replace(Memory, JsonSerializer.Serialize(remembered, Json));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log($"{Memory} can't be written: {e.Message}");
        }
    }

    [GeneratedRegex(@"^flags\s*:.*\b(vmx|svm)\b", RegexOptions.Multiline)]
    private static partial Regex VirtualizationFlag();

    private sealed record Remembered(string BootId, string Binary, string Accel, string Why, bool Certain);
}
