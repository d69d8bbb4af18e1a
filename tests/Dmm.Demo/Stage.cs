using Dmm.Core;
using Dmm.Demo.Reporting;
using Dmm.Demo.Screens;
using Dmm.Testbed;

namespace Dmm.Demo;

/// <summary>The state that the chapters of the story share.</summary>
public sealed class Stage(TestbedDaemon daemon, GuestImage image, Timeline timeline, IScreen screen, CancellationToken cancellation)
    : IAsyncDisposable
{
    private readonly List<Guest> _guests = [];
    private readonly List<Check> _checks = [];

    public TestbedDaemon Daemon => daemon;

    public DmmClient Dmm => daemon.Client;

    public Timeline Timeline => timeline;

    public Recorder Recorder { get; } = new(timeline, screen);

    public CancellationToken Cancellation => cancellation;

    public IReadOnlyList<Guest> Guests => _guests;

    public IReadOnlyList<Check> Checks => _checks;

    public TimeSpan Now => Recorder.Now;

    public Guest this[string name] => _guests.Find(g => g.Name == name)
        ?? throw new TestbedException($"there is no guest {name} in the demo");

    /// <param name="label">A word or two for the plot; null for a chapter that is not marked there.</param>
    public void Chapter(string? label, string title)
    {
        timeline.Add(new StoryLine(Now, title, label));
        screen.Chapter(Now, title);
    }

    public void Tell(string text)
    {
        timeline.Add(new StoryLine(Now, text, null));
        screen.Line(Now, text);
    }

    public void Add(Check check)
    {
        _checks.Add(check);
        screen.Judge(Now, check);
    }

    public async Task AskForAsync(string name)
    {
        screen.Line(
            Now, $"$ dmm vm create {name} --min {Short(Sizes.Min)} --boot {Short(Sizes.Boot)} --max {Short(Sizes.Max)} --kernel … "
                + $"--initrd …");
        await Dmm.CreateAsync(Guest.Request(name, image, daemon.Folder), cancellation);
    }

    /// <summary>Waits until DMM has launched a VM, and connects to it.</summary>
    public async Task<Guest> MeetAsync(string name, TimeSpan deadline)
    {
        var vm = await Dmm.WaitForVmAsync(name, "is launched", v => v is { Pid: not null, OperatorQmp: not null }, deadline, cancellation);
        var guest = await Guest.MeetAsync(vm, daemon.Folder, cancellation);
        _guests.Add(guest);
        Recorder.Follow(guest);
        return guest;
    }

    public async ValueTask DisposeAsync()
    {
        await Recorder.DisposeAsync();
        foreach (var guest in _guests)
            await guest.DisposeAsync();
    }

    /// <summary>The size as a user types it.</summary>
    private static string Short(MemorySize size) => size.Bytes % (1L << 30) == 0 ? $"{size.Bytes >> 30}G" : $"{size.Bytes >> 20}M";
}
