using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Accel;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Accel;

public sealed class AccelChoiceTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Memory => _folder.In("accel.json");

    [Fact]
    public async Task A_setting_is_not_questioned()
    {
        var answer = await Choice("exit 1", QemuAccel.Kvm).DecideAsync(default).InTime();

        Assert.Equal(QemuAccel.Kvm, answer.Accel);
        Assert.False(File.Exists(Memory));
    }

    [Fact]
    public async Task A_probe_guest_that_gets_through_is_a_success() =>
        Assert.Null(await Choice("exit 85").ProbeAsync("kvm", "host").InTime());

    [Fact]
    public async Task A_probe_guest_that_fails_tells_QEMUs_words() =>
        Assert.Equal(
            "the probe guest failed: failed to set MSR 0x10a",
            await Choice("echo 'failed to set MSR 0x10a' >&2; exit 134").ProbeAsync("kvm", "host").InTime());

    [Fact]
    public async Task A_probe_guest_that_hangs_is_ended_and_leaves_nothing()
    {
        Assert.Equal("the probe guest hung for 0.5 s", await Choice("exec sleep 600").ProbeAsync("kvm", "host").InTime());
        Assert.Equal(["qemu"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Where_something_else_stands_than_an_answer_it_stays_and_the_probe_counts()
    {
        using (var made = System.Diagnostics.Process.Start("mkfifo", Memory))
            await made.WaitForExitAsync();
        var choice = Choice("exit 85");
        Assert.Null(choice.Known);

        var answer = await choice.DecideAsync(default).InTime();

        Assert.NotEqual(QemuAccel.Auto, answer.Accel);
        Assert.Equal(answer, choice.Known);
        Assert.Equal(Dmm.Files.FileKind.Pipe, Dmm.Files.FileFacts.At(Memory)?.Kind);
        Assert.Equal(["accel.json", "qemu"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void An_answer_holds_for_one_boot_and_one_program_of_the_host()
    {
        var choice = Choice("exit 1");
        Assert.Null(choice.Known);

        Write(HostProcess.ReadBootId(), _folder.In("qemu"));
        Assert.Equal(QemuAccel.Kvm, choice.Known!.Accel);
        Assert.Equal("seen", choice.Known.Why);

        Write("another boot", _folder.In("qemu"));
        Assert.Null(choice.Known);

        Write(HostProcess.ReadBootId(), "/another/qemu");
        Assert.Null(choice.Known);

        File.WriteAllText(Memory, "{torn");
        Assert.Null(choice.Known);
    }

    [Fact]
    public async Task An_answer_is_found_once_and_written_down()
    {
        var log = new List<string>();
        var choice = Choice("exit 1", log: log, obstacle: () => "there is no /dev/kvm");

        var answers = await Task.WhenAll(choice.DecideAsync(default), choice.DecideAsync(default)).InTime();

        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(QemuAccel.Tcg, answers[0].Accel);
        Assert.Single(log);
        Assert.Equal(answers[0], Choice("exit 1").Known);
    }

    [Theory]
    [InlineData("exec sleep 600", "hung for 0.5 s")]
    [InlineData("echo 'out of memory' >&2; exit 1", "out of memory")]
    public async Task A_probe_that_failed_is_tried_again_at_later_launches_with_growing_waits(string program, string why)
    {
        var time = new FakeTimeProvider();
        var log = new List<string>();
        var choice = Choice($"echo >> {_folder.In("probes")}; {program}", log: log, time: time, obstacle: () => null);
        var first = await ProbeAsync(choice, time);
        Assert.Equal((QemuAccel.Tcg, false), (first.Accel, first.Certain));
        Assert.Contains(why, first.Why, StringComparison.Ordinal);
        Assert.Contains("first launch after 1 min", first.Why, StringComparison.Ordinal);
        Assert.False(File.Exists(Memory));
        Assert.Equal(first, choice.Known);

        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(first, await choice.DecideAsync(default).InTime());
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains("first launch after 2 min", (await ProbeAsync(choice, time)).Why, StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(119));
        await choice.DecideAsync(default).InTime();
        Assert.Equal(2, Probes());

        // The host is calm now.
        FakeProgram.Write(_folder, $"echo >> {_folder.In("probes")}; exit 85");
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(QemuAccel.Kvm, (await ProbeAsync(choice, time)).Accel);
        Assert.Equal((3, 3), (Probes(), log.Count));
        Assert.True(File.Exists(Memory));
        Assert.Equal(QemuAccel.Kvm, Choice("exit 1", obstacle: () => null).Known!.Accel);
    }

    [Fact]
    public async Task Only_a_visible_obstacle_is_a_no_that_is_remembered()
    {
        var answer = await Choice("exit 85", obstacle: () => "there is no /dev/kvm").DecideAsync(default).InTime();

        Assert.Equal(new AccelAnswer(QemuAccel.Tcg, "there is no /dev/kvm"), answer);
        Assert.Equal(answer, Choice("exit 85", obstacle: () => null).Known);
    }

    [Fact]
    public void A_no_that_an_earlier_release_remembered_may_be_a_failed_probe_and_is_not_believed()
    {
        Write(HostProcess.ReadBootId(), _folder.In("qemu"), "tcg");

        Assert.Null(Choice("exit 85").Known);
    }

    private int Probes() => File.ReadAllLines(_folder.In("probes")).Length;

    /// <summary>Lets the probe's deadline pass if it does not end before.</summary>
    private async Task<AccelAnswer> ProbeAsync(AccelChoice choice, FakeTimeProvider time)
    {
        var probes = File.Exists(_folder.In("probes")) ? Probes() : 0;
        var deciding = choice.DecideAsync(default);
        await Eventually.UntilAsync(() => File.Exists(_folder.In("probes")) && Probes() > probes, "the probe guest runs");
        if (await Task.WhenAny(deciding, Task.Delay(TimeSpan.FromSeconds(5))) != deciding)
            time.Advance(TimeSpan.FromSeconds(0.5));
        return await deciding.InTime();
    }

    private void Write(string boot, string binary, string accel = "kvm") =>
        File.WriteAllText(Memory, $$"""{"bootId": "{{boot}}", "binary": "{{binary}}", "accel": "{{accel}}", "why": "seen"}""");

    private AccelChoice Choice(
        string program, QemuAccel accel = QemuAccel.Auto, List<string>? log = null, TimeProvider? time = null,
        Func<string?>? obstacle = null) => new(
        new QemuSettings
        {
            StateDirectory = _folder.Path,
            Binary = FakeProgram.Write(_folder, program),
            Accel = accel,
            ProbeDeadline = TimeSpan.FromSeconds(0.5),
        },
        time ?? TimeProvider.System,
        (log ?? []).Add,
        obstacle);
}
