using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Accel;

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
        var choice = Choice("exit 1", log: log);

        var answers = await Task.WhenAll(choice.DecideAsync(default), choice.DecideAsync(default)).InTime();

        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(QemuAccel.Tcg, answers[0].Accel);
        Assert.Single(log);
        Assert.Equal(answers[0], Choice("exit 1").Known);
    }

    private void Write(string boot, string binary) =>
        File.WriteAllText(Memory, $$"""{"bootId": "{{boot}}", "binary": "{{binary}}", "accel": "kvm", "why": "seen"}""");

    private AccelChoice Choice(string program, QemuAccel accel = QemuAccel.Auto, List<string>? log = null) => new(
        new QemuSettings
        {
            StateDirectory = _folder.Path,
            Binary = FakeProgram.Write(_folder, program),
            Accel = accel,
            ProbeDeadline = TimeSpan.FromSeconds(0.5),
        },
        TimeProvider.System,
        (log ?? []).Add);
}
