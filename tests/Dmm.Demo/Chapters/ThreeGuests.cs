using Dmm.Demo.Reporting;

namespace Dmm.Demo.Chapters;

/// <summary>Three guests boot with little and may become large.</summary>
public static class ThreeGuests
{
    public static readonly IReadOnlyList<string> Names = ["alpha", "bravo", "charlie"];

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    public static async Task PlayAsync(Stage stage)
    {
        stage.Chapter(
            "1 boot", $"1  Three guests boot with {Sizes.Boot}; each may become {Sizes.Max}; between them they have {Sizes.Guests}");
        var began = stage.Now;
        foreach (var name in Names)
            await stage.AskForAsync(name);
        foreach (var name in Names)
            await stage.MeetAsync(name, Deadline);
        foreach (var guest in stage.Guests)
        {
            var said = await guest.Load.WaitForAsync("the guest reports", _ => true, Deadline, stage.Cancellation);
            stage.Tell($"{guest.Name} is up: the guest sees {said.MemTotal}");
        }

        foreach (var name in Names)
            await stage.Dmm.WaitForVmAsync(
                name, "its agent reports", vm => vm is { Agent: "agent", State: "settled" }, Deadline, stage.Cancellation);
        var costs = (await stage.Dmm.VmsAsync(stage.Cancellation)).Select(vm => $"{vm.OverheadBytes >> 20}");
        stage.Tell($"their hypervisors' own overhead, beside their memory: {string.Join(", ", costs)} MiB");
        stage.Add(Check.AtMost("three guests boot, their agents report, in", (stage.Now - began).TotalSeconds, Deadline.TotalSeconds, "s"));
        var largest = stage.Guests.Max(g => g.Load.Last!.MemTotal.Mebibytes);
        stage.Add(Check.AtMost("what the largest of them sees after boot", largest, Sizes.Boot.Mebibytes, "MiB"));
    }
}
