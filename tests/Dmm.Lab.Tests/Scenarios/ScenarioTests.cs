using Dmm.Core;
using Dmm.Lab.Replay;
using Dmm.Lab.Scenarios;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Tests.Scenarios;

public sealed class ScenarioTests
{
    private const string Whole = """
        memory = 2GiB
        length = 10m
        vms {
          web { max = 2GiB, need = ["0s 200MiB", "60s 1GiB", "2m 300MiB"] }
          liar { min = 256MiB, boot = 512MiB, max = 1GiB, shares = 500, lie = 400MiB, need = ["0s 100MiB"]
            stuck-from = 1m, stuck-to = 90s }
          late { max = 1GiB, need = ["3m 500MiB"], joins = 3m }
        }
        """;

    [Fact]
    public void A_scenario_is_read_as_it_is_written()
    {
        var scenario = Scenario.Parse(Whole, "x.conf");
        Assert.Equal((MemorySize.FromGiB(2), TimeSpan.FromMinutes(10)), (scenario.HostMemory, scenario.Length));
        var vms = scenario.Vms.ToDictionary(vm => vm.Name);
        Assert.Equal([0, 60 * Shared.Second, 120 * Shared.Second], vms["web"].Need.At);
        Assert.Equal([200, 1024, 300], vms["web"].Need.Need.Select(n => n / Shared.Mib));
        Assert.Equal(
            (500, MemorySize.FromMiB(400), (60 * Shared.Second, 90 * Shared.Second)),
            (vms["liar"].Shares, vms["liar"].Lie, vms["liar"].Stuck));
        Assert.Equal((180 * Shared.Second, MemorySize.FromMiB(128)), (vms["late"].JoinsAt, vms["late"].Min));
    }

    [Theory]
    [InlineData("memory = 2GiB", "memory = much", "x.conf: memory is 'much'; it must be a size such as 2GiB, at most 1024 TiB")]
    [InlineData("memory = 2GiB", "memory = 9000000T", "x.conf: memory is '9000000T'; it must be a size such as 2GiB, at most 1024 TiB")]
    [InlineData("memory = 2GiB", "memory = 2048", "at most 1024 TiB: 2048 has no unit; did you mean 2048M?")]
    [InlineData("\"2m 300MiB\"", "\"2m 300\"", "its times rising: 300 has no unit; did you mean 300M?")]
    [InlineData("length = 10m", "", "x.conf: length is missing; it must be a time such as 90s or 10m")]
    [InlineData("shares = 500", "weight = 500", "x.conf: vms.liar.weight is not known; there are min,")]
    [InlineData("\"2m 300MiB\"", "\"2m\"", "x.conf: vms.web.need is '2m'; it must be a list such as")]
    [InlineData("\"2m 300MiB\"", "\"2s 300MiB\"", "x.conf: vms.web.need is '2s 300MiB'; it must be a list such as")]
    [InlineData("boot = 512MiB", "boot = 2GiB", "it must be min ≤ boot ≤ max")]
    [InlineData(
        "memory = 2GiB", "memory = 200MiB",
        "x.conf: memory is 200 MiB; the mins of the VMs that are there from the start add up to 384 MiB")]
    public void What_is_wrong_in_it_is_named(string right, string wrong, string message) =>
        Assert.Contains(
            message, Assert.Throws<LabException>(() => Scenario.Parse(Whole.Replace(right, wrong, StringComparison.Ordinal), "x.conf"))
                .Message);

    [Fact]
    public void Some_vms_are_held_out_by_part_or_by_name()
    {
        var vms = SyntheticTraces.Make(10, TimeSpan.FromHours(1), 1);
        var (fit, report) = HoldOut.Split(vms, "30%", 7);
        Assert.Equal((7, 3), (fit.Count, report.Count));
        Assert.Equal(report.Select(vm => vm.Name), HoldOut.Split(vms, "0.3", 7).Report.Select(vm => vm.Name));
        Assert.Equal(["2", "5"], HoldOut.Split(vms, "5,2", 7).Report.Select(vm => vm.Name));
        Assert.Contains("'99', which is not among the traces", Assert.Throws<LabException>(() => HoldOut.Split(vms, "99", 7)).Message);
        Assert.Contains("leaves 10 VMs to fit on and 0", Assert.Throws<LabException>(() => HoldOut.Split(vms, "0.01", 7)).Message);
    }
}
