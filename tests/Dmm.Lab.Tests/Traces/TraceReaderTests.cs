using System.IO.Compression;
using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Tests.Traces;

public sealed class TraceReaderTests : IDisposable
{
    private const string Gwa =
        "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned "
            + "[KB];\tMemory usage [KB];\tDisk read throughput [KB/s]";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_published_archive_is_read_as_it_is()
    {
        _folder.File(
            "7.csv", Gwa, "1372629804;\t2;\t5851.99;\t87.8;\t1.5;\t8218624.0;\t1034592.0;\t0.5",
            "1372630104;\t2;\t5851.99;\t29.3;\t0.5;\t8218624.0;\t4.58575E5;\t0.1");
        var vm = Assert.Single(Read(_folder.Path).Vms);
        Assert.Equal("7", vm.Name);
        Assert.Equal(1372629804, vm.Start);
        Assert.Equal([0, 300], vm.Seconds);
        Assert.Equal([1034592u, 458575u], vm.UsedKib);
        Assert.Equal(MemorySize.FromKiB(8218624), vm.Max);
    }

    [Fact]
    public void Times_that_are_milliseconds_after_all_are_taken_so()
    {
        _folder.File("1.csv", Gwa, "1372629804000;2;1;1;1;1000;10;0", "1372630104000;2;1;1;1;1000;20;0");
        var vm = Assert.Single(Read(_folder.Path).Vms);
        Assert.Equal(1372629804, vm.Start);
        Assert.Equal([0, 300], vm.Seconds);
    }

    [Fact]
    public void The_reduced_form_is_read_gzipped_and_plain_in_the_order_of_numbers()
    {
        _folder.File("10.csv", TraceWriter.Heading, "100,2048,5");
        using (var gz = new StreamWriter(new GZipStream(File.Create(Path.Combine(_folder.Path, "9.csv.gz")), CompressionLevel.Fastest)))
            gz.Write($"{TraceWriter.Heading}\n100,1024,7\n400,1024,8\n");
        Assert.Equal(["9", "10"], Read(_folder.Path).Vms.Select(vm => vm.Name));
    }

    [Fact]
    public void A_bad_row_is_named_counted_and_left_out()
    {
        var file = _folder.File(
            "1.csv", TraceWriter.Heading, "100,1024,5", "400,1024", "700,1024,many", "50,1024,5", "1000,1024,6", "1300,1024,-1");
        var set = Read(file);
        Assert.Equal(4, set.BadRowCount);
        Assert.Equal([$"{file}:3:", $"{file}:4:", $"{file}:5:", $"{file}:7:"], set.BadRows.Select(row => row[..row.IndexOf(' ')]));
        Assert.Contains("'many' is not used memory in KiB", set.BadRows[1]);
        Assert.Equal([0, 900], Assert.Single(set.Vms).Seconds);
    }

    [Fact]
    public void A_bad_row_ends_a_strict_reading()
    {
        var file = _folder.File("1.csv", TraceWriter.Heading, "100,1024,5", "400,1024");
        var e = Assert.Throws<LabException>(() => new TraceReader(strict: true).Read([file], default));
        Assert.StartsWith($"{file}:3: it has 2 fields; it must have 3", e.Message);
    }

    [Fact]
    public void A_file_that_is_cut_short_keeps_what_was_whole()
    {
        var bytes = new MemoryStream();
        using (var gz = new GZipStream(bytes, CompressionLevel.NoCompression, leaveOpen: true))
            gz.Write(System.Text.Encoding.ASCII.GetBytes($"{TraceWriter.Heading}\n100,1024,7\n400,1024,8\n"));
        var whole = bytes.ToArray();
        whole[^12] ^= 0xFF;
        var file = Path.Combine(_folder.Path, "1.csv.gz");
        File.WriteAllBytes(file, whole);
        var set = Read(file);
        Assert.Equal(1, set.BadRowCount);
        Assert.Contains("can't be decompressed", Assert.Single(set.BadRows));
    }

    [Fact]
    public void A_vm_that_stands_twice_at_a_moment_has_the_larger_use()
    {
        var set = Read(_folder.File("1.csv", TraceWriter.Heading, "100,1024,5", "100,0,0", "400,0,0", "400,1024,9"));
        Assert.Equal([5u, 9u], Assert.Single(set.Vms).UsedKib);
    }

    [Theory]
    [InlineData(TraceFormat.Auto)]
    [InlineData(TraceFormat.Dmm)]
    [InlineData(TraceFormat.GwaT12)]
    public void A_file_that_is_no_trace_is_named_with_what_would_be_right(TraceFormat format)
    {
        var file = _folder.File("1.csv", "a,b,c", "1,2,3");
        var e = Assert.Throws<LabException>(() => new TraceReader(format).Read([file], default));
        Assert.StartsWith($"{file}:1: the heading is 'a,b,c'; it must be ", e.Message);
    }

    [Fact]
    public void A_form_that_was_asked_for_is_the_only_one_taken()
    {
        var file = _folder.File("1.csv", TraceWriter.Heading, "100,1024,5");
        Assert.Throws<LabException>(() => new TraceReader(TraceFormat.GwaT12).Read([file], default));
    }

    [Fact]
    public void What_is_not_there_is_named()
    {
        Assert.Contains("/nowhere does not exist", Assert.Throws<LabException>(() => Read("/nowhere")).Message);
        Assert.Contains("no traces in", Assert.Throws<LabException>(() => Read(_folder.Path)).Message);
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        var made = SyntheticTraces.Make(1, TimeSpan.FromDays(2), 5)[0];
        TraceWriter.Write(made, Path.Combine(_folder.Path, "1.csv.gz"));
        var read = Assert.Single(Read(_folder.Path).Vms);
        Assert.Equal(made.Start, read.Start);
        Assert.Equal(made.Seconds, read.Seconds);
        Assert.Equal(made.UsedKib, read.UsedKib);
        Assert.Equal(made.Max, read.Max);
    }

    [SharedTracesFact]
    [Trait(Category.Name, Category.Long)]
    public void The_shared_traces_have_no_bad_row()
    {
        var set = Read(SharedTracesFactAttribute.Folder!);
        Assert.Equal(0, set.BadRowCount);
        Assert.True(set.Vms.Count >= 100, $"{set.Vms.Count} VMs");
    }

    private static TraceSet Read(string path) => new TraceReader().Read([path], default);
}
