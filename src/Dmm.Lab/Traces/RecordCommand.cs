using System.CommandLine;
using System.Globalization;
using Dmm.Commands;
using Dmm.Contracts;
using Dmm.Files;

namespace Dmm.Lab.Traces;

/// <summary>
/// <c>dmm lab record</c>: records the memory use of this host's VMs in the lab's own trace format, one file per VM, so that <c>dmm lab
/// replay --recorded</c> can show how another law would have done. It runs until it is interrupted.
/// </summary>
internal static class RecordCommand
{
    private static readonly TimeSpan Usual = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    /// <summary>The longest period: with a longer time between two rows, a VM counts as off.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(VmTrace.MostSilence);

    public static Command Build(CommandLine line)
    {
        var folder = new Argument<string>("DIR") { Description = "Folder of the files; existing files are continued" };
        var every = Values.Duration("--every", "How often each VM is recorded, 1s to 15m [1m]");
        return line.Verb(
            new Command("record", "Record what this host's VMs use, for dmm lab replay --recorded") { folder, every },
            async (parsed, session, cancellation) =>
        {
            var period = parsed.GetValue(every) ?? Usual;
            if (period < Least || period > Most)
                throw CommandException.Usage($"--every is {period}; it must be from 1s to 15m");
            using var timer = new PeriodicTimer(period, session.Time);
            do
                Append(Folder(parsed.GetValue(folder)!), await session.Daemon.GetAsync<VmView[]>("api/v1/vms", cancellation),
                    session.Time.GetUtcNow());
            while (await timer.WaitForNextTickAsync(cancellation));
        });
    }

    /// <summary>Appends one row for each VM whose guest has reported its use.</summary>
    internal static void Append(string folder, IEnumerable<VmView> vms, DateTimeOffset now)
    {
        foreach (var vm in vms)
        {
            if (vm.Guest?.MemAvailableBytes is not { } available)
                continue;
            var used = Math.Max(0, vm.ActualBytes - available) + (vm.Guest.SwapUsedBytes ?? 0);
            var file = Path.Combine(folder, $"{vm.Id}.csv");
            try
            {
                RegularFile.Require(file);
                using var writer = new StreamWriter(file, append: true) { NewLine = "\n" };
                if (writer.BaseStream.Position == 0)
                    writer.WriteLine(TraceWriter.Heading);
                writer.WriteLine(
                    string.Create(CultureInfo.InvariantCulture, $"{now.ToUnixTimeSeconds()},{vm.MaxBytes >> 10},{used >> 10}"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CommandException.Failed($"{file} can't be written: {e.Message}");
            }
        }
    }

    private static string Folder(string path)
    {
        try
        {
            return Directory.CreateDirectory(path).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"{path} can't be made: {e.Message}");
        }
    }
}
