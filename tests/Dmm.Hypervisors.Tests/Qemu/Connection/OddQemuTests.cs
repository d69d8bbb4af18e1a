using System.Text.Json;
using CsCheck;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Connection;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Connection;

/// <summary>Malformed JSON from QEMU, some of whose figures come from the guest: the VM stays in hand, and its end is reported.</summary>
public sealed class OddQemuTests : IDisposable
{
    private static readonly Gen<string> Figure = Gen.OneOf(
        Gen.Long.Select(static n => $"{n}"),
        Gen.ULong.Select(static n => $"{n}"),
        Gen.Int[0, 10].Select(static i => new[]
        {
            "18446744073709551615", "-1", "1e300", "-1e300", "0.5", "null", "\"7\"", "\"\\ud800\"", "[]", "{\"a\": 1}", "true",
        }[i]));

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();

    public void Dispose() => _folder.Dispose();

    private string Socket => _folder.In("q");

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("\"x\"")]
    [InlineData("{\"info\": 7, \"device\": 7, \"reason\": {}}")]
    [InlineData("{\"info\": {\"device\": \"\\ud800\", \"source\": \"x\"}, \"device\": \"\\ud800\"}")]
    public async Task An_event_with_odd_data_is_passed_over_and_a_broken_connection_is_still_told(string data)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        string[] names = ["ACPI_DEVICE_OST", "DEVICE_DELETED", "MEMORY_DEVICE_SIZE_CHANGE", "BALLOON_CHANGE", "RESET", "GUEST_PANICKED"];
        foreach (var name in names)
            await qemu.TellAsync(name, data);
        await vm.ReadSizesAsync(default).InTime();
        qemu.HangUp();

        await _observed.FirstAsync<VmObservation.ConnectionLost>();
    }

    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("{\"reason\": \"\\ud800\"}")]
    public async Task A_shutdown_without_a_reason_is_an_end_as_well(string data)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await qemu.TellAsync("SHUTDOWN", data);
        await vm.ReadSizesAsync(default).InTime();
        File.Delete(Socket);
        qemu.HangUp();

        Assert.Contains("reason unknown", (await _observed.FirstAsync<VmObservation.Ended>(meanwhile: Tick)).Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"stats": null, "last-update": 1795504657}""")]
    [InlineData("""{"stats": [], "last-update": 1795504657}""")]
    [InlineData("""{"stats": {}, "last-update": "now"}""")]
    [InlineData("""{"stats": {"stat-total-memory": {"a": 1}, "stat-free-memory": "1"}, "last-update": 1795504657}""")]
    [InlineData("""{"stats": {"stat-total-memory": 18446744073709551615, "stat-free-memory": 1}, "last-update": 1795504657}""")]
    [InlineData("""{"stats": {"stat-total-memory": 1, "stat-free-memory": 1}, "last-update": 18446744073709551615}""")]
    public async Task Statistics_that_make_no_sense_tell_nothing_and_the_next_are_heard(string odd)
    {
        await using var qemu = new FakeQemu(Socket) { GuestStatistics = odd };
        await using var vm = await ConnectAsync(qemu);
        var looks = qemu.Count("qom-get");
        await Eventually.UntilAsync(
            () =>
            {
                Tick();
                return qemu.Count("qom-get") > looks + 3;
            },
            "further looks");

        qemu.GuestStatistics = """{"stats": {"stat-total-memory": 230000000, "stat-free-memory": 100000000}, "last-update": 1795504658}""";

        await _observed.FirstAsync<VmObservation.Sample>(static s => s.Value.MemTotal == new MemorySize(230000000), Tick);
        Assert.Empty(_observed.Of<VmObservation.ConnectionLost>());
    }

    [Fact]
    public void Whatever_a_guest_tells_its_balloon_the_result_is_bounded() => Figure.Array[8].Sample(static f =>
    {
        var limit = MemorySize.FromGiB(2);
        var json = $$"""
            {"stat-total-memory": {{f[0]}}, "stat-free-memory": {{f[1]}}, "stat-available-memory": {{f[2]}}, "stat-disk-caches": {{f[3]}},
             "stat-major-faults": {{f[4]}}, "stat-swap-in": {{f[5]}}, "stat-swap-out": {{f[6]}}, "stat-hugetlb-pgalloc": {{f[7]}}}
            """;
        using var document = JsonDocument.Parse(json);
        return BalloonStatistics.Read(document.RootElement, default, limit) is not { } sample
            || (sample.MemTotal <= limit && sample.MemAvailable <= sample.MemTotal && sample.MajorFaults >= 0);
    });

    private void Tick() => _time.Advance(TimeSpan.FromMilliseconds(100));

    /// <summary>The deadline is long, since virtual time may run far ahead of a fake that a busy machine delays.</summary>
    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu) =>
        new QemuHypervisor(new() { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg, CommandDeadline = TimeSpan.FromHours(1) }, _time)
            .ConnectAsync(qemu.Handle, _observed.Take, default).InTime();
}
