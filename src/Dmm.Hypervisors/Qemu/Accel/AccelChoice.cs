using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dmm.Files;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Accel;

/// <param name="Accel">Kvm or Tcg.</param>
/// <param name="Why">The reason for people, in one line.</param>
public sealed record AccelAnswer(QemuAccel Accel, string Why);

/// <summary>
/// Finds out whether KVM works here. A host with <c>/dev/kvm</c> may still have no working KVM: some machines show the device, but a
/// guest hangs for ever in its first instructions. So the CPU's flags are checked first, then a probe guest must finish within seconds.
/// The answer holds for one boot of the host and is kept in the state folder.
/// </summary>
public sealed partial class AccelChoice(QemuSettings settings, TimeProvider time, Action<string> log)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Lock _gate = new();
    private Task<AccelAnswer>? _answer;

    /// <summary>The answer that is known without a probe: the setting, or an answer of this boot.</summary>
    public AccelAnswer? Known =>
        settings.Accel != QemuAccel.Auto ? new(settings.Accel, "dmm.qemu.accel says so")
        : _answer is { IsCompletedSuccessfully: true } done ? done.Result
        : Recall();

    private string Memory => Path.Combine(settings.StateDirectory, "accel.json");

    /// <summary>Probes at most once; all callers that ask meanwhile get the same answer.</summary>
    public Task<AccelAnswer> DecideAsync(CancellationToken cancellation)
    {
        if (Known is { } known)
            return Task.FromResult(known);
        lock (_gate)
        {
            if (_answer is null or { IsFaulted: true })
                _answer = FindOutAsync();
            return _answer.WaitAsync(cancellation);
        }
    }

    private async Task<AccelAnswer> FindOutAsync()
    {
        var answer = Obstacle() is { } obstacle
            ? new AccelAnswer(QemuAccel.Tcg, obstacle)
            : await ProbeAsync("kvm", "host").ConfigureAwait(false) is { } failure
                ? new AccelAnswer(QemuAccel.Tcg, $"KVM seems to be there, but {failure}")
                : new AccelAnswer(QemuAccel.Kvm, "a probe guest ran under KVM");
        log($"QEMU guests run under {(answer.Accel == QemuAccel.Kvm ? "KVM" : "TCG, QEMU's emulation")}: {answer.Why}");
        Remember(answer);
        return answer;
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
        var words = QemuLauncher.ReadWordsAsync(process.StandardError, late.Token);
        try
        {
            await process.WaitForExitAsync(late.Token).ConfigureAwait(false);
            if (process.ExitCode == ProbeGuest.ExitCode)
                return null;
            var said = ForeignText.CleanLines(await words.ConfigureAwait(false), 300);
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
            var remembered = new Remembered(HostProcess.ReadBootId(), settings.Binary, accel, answer.Why);
            RegularFile.Replace(Memory, JsonSerializer.Serialize(remembered, Json));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log($"{Memory} can't be written: {e.Message}");
        }
    }

    [GeneratedRegex(@"^flags\s*:.*\b(vmx|svm)\b", RegexOptions.Multiline)]
    private static partial Regex VirtualizationFlag();

    private sealed record Remembered(string BootId, string Binary, string Accel, string Why);
}
