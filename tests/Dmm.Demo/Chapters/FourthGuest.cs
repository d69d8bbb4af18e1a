using Dmm.Core;
using Dmm.Demo.Reporting;

namespace Dmm.Demo.Chapters;

/// <summary>A fourth guest is requested while its peers hold the memory that it needs: they shrink first, then it boots.</summary>
public static class FourthGuest
{
    public const string Name = "delta";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(45);

    public static async Task PlayAsync(Stage stage)
    {
        stage.Chapter("3 a fourth", $"3  A fourth guest of {Sizes.Boot} is created; it does not fit");
        var charlie = stage["charlie"];
        await charlie.Load.HoldAsync(Sizes.Remainder, null, stage.Cancellation);
        await charlie.Load.WaitForAsync(
            $"keeps {Sizes.Remainder} of its load", r => r.Held <= Sizes.Remainder, Deadline, stage.Cancellation);
        var before = await TogetherAsync(stage);
        stage.Tell(
            $"{charlie.Name} frees its load but for {Sizes.Remainder}; its memory stays where it is. The three hold {before} "
                + $"of {Sizes.Guests}");
        stage.Add(
            Check.AtMost(
                "left of the guests' memory when the fourth is requested", Sizes.Guests.MinusOrZero(before).Mebibytes,
                Sizes.Boot.Mebibytes - 1, "MiB"));

        var asked = stage.Now;
        await stage.AskForAsync(Name);
        var delta = await stage.MeetAsync(Name, Deadline);
        var after = await TogetherAsync(stage, delta);
        stage.Tell($"{Name} is launched {(stage.Now - asked).TotalSeconds:0.0} s later; the three hold {after}");
        var up = await delta.Load.WaitForAsync("the guest reports", _ => true, Deadline, stage.Cancellation);
        stage.Tell($"{Name} is up {(stage.Now - asked).TotalSeconds:0.0} s after it was requested: the guest sees {up.MemTotal}");

        stage.Add(
            Check.AtMost($"its peers hold when {Name} is launched (QEMU)", after.Mebibytes, (Sizes.Guests - Sizes.Boot).Mebibytes, "MiB"));
        stage.Add(Check.AtMost($"{Name} is up after", (stage.Now - asked).TotalSeconds, Deadline.TotalSeconds, "s"));
        await stage.Dmm.WaitForVmAsync(
            Name, "its agent reports", vm => vm is { Agent: "agent", State: "settled" }, Deadline, stage.Cancellation);
    }

    private static async Task<MemorySize> TogetherAsync(Stage stage, Guest? without = null)
    {
        var sum = MemorySize.Zero;
        foreach (var guest in stage.Guests.Where(g => g != without))
            sum += (await guest.Eye.LookAsync(stage.Cancellation)).Actual;
        return sum;
    }
}
