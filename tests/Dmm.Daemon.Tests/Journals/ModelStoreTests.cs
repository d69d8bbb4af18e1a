using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Vms;
using Dmm.Daemon.Journals;
using Dmm.Files;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>The file of what models have learnt may be lost, corrupt, locked, old or another's, and harms nobody.</summary>
public sealed class ModelStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-models-").FullName;

    private string FilePath => Path.Combine(_folder, "models.db");

    private ModelStore Store => new(FilePath, TimeSpan.FromSeconds(1));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static ModelRecord Record(string vm, long mib = 500)
    {
        var model = new DemandModel(VmId.Parse(vm), new());
        for (var at = 0; at < 100; at++)
        {
            model.Take(
                new GuestSample
                {
                    At = Moment.Origin + TimeSpan.FromSeconds(at),
                    Source = SampleSource.Agent,
                    MemTotal = MemorySize.FromMiB(1_000),
                    MemFree = MemorySize.Zero,
                    MemAvailable = MemorySize.FromMiB(1_000 - mib),
                },
                new(MemorySize.FromMiB(1_000), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero),
                DateTimeOffset.UnixEpoch.AddYears(56).AddSeconds(at));
        }

        return model.Remember(new(Moment.Origin + TimeSpan.FromSeconds(100), DateTimeOffset.UnixEpoch.AddYears(56)))!;
    }

    private static VmId Vm(string name) => VmId.Parse(name);

    private async Task<string[]> NamesAsync(string? lost = null)
    {
        var read = await Store.ReadAsync(CancellationToken.None);
        if (lost is null)
            Assert.Null(read.Lost);
        else
            Assert.Contains(lost, read.Lost, StringComparison.Ordinal);
        return [.. read.Records.Select(record => record.Vm.Name).Order()];
    }

    private Task<string?> WriteAsync(params string[] vms) =>
        Store.WriteAsync([.. vms.Select(vm => Record(vm))], [], CancellationToken.None);

    [Fact]
    public async Task What_was_written_is_read_by_the_next_daemon()
    {
        Assert.Empty(await NamesAsync());
        Assert.False(File.Exists(FilePath), "a file is made only when there is something to keep");
        Assert.Null(await WriteAsync("a", "b"));
        Assert.Null(await Store.WriteAsync([Record("b", 900), Record("c")], [Vm("a"), Vm("none")], CancellationToken.None));
        Assert.Equal(["b", "c"], await NamesAsync());
        var b = (await Store.ReadAsync(CancellationToken.None)).Records.Single(record => record.Vm == Vm("b"));
        Assert.Equal(ModelJson.Write(Record("b", 900)), ModelJson.Write(b));
    }

    [Theory]
    [InlineData("")]
    [InlineData("this is not a database, and it is longer than the header of one: 0123456789 0123456789 0123456789 0123456789 0123456789")]
    public async Task A_file_that_is_no_database_is_moved_aside(string content)
    {
        await File.WriteAllTextAsync(FilePath, content);
        var lost = content.Length == 0 ? null : "models.db.corrupt";
        Assert.Empty(await NamesAsync(lost));
        Assert.Null(await WriteAsync("a"));
        Assert.Equal(["a"], await NamesAsync());
        Assert.Equal(lost is not null, File.Exists(FilePath + ".corrupt"));
    }

    [Fact]
    public async Task A_file_that_becomes_corrupt_is_begun_anew_by_the_next_write()
    {
        await WriteAsync("a", "b");
        await using (var file = File.OpenWrite(FilePath))
            file.Write(new byte[100]);
        Assert.Contains("models.db.corrupt", await WriteAsync("c"), StringComparison.Ordinal);
        Assert.Equal(["c"], await NamesAsync());
    }

    [Fact]
    public async Task A_page_in_the_middle_that_is_corrupt_harms_nobody()
    {
        await WriteAsync([.. Enumerable.Range(0, 60).Select(i => $"vm-{i}")]);
        var bytes = await File.ReadAllBytesAsync(FilePath);
        var chance = new SeededRandom(1);
        for (var times = 0; times < 40; times++)
        {
            byte[] damaged = [.. bytes];
            for (var i = 0; i < 300; i++)
                damaged[4_096 + chance.Below(damaged.Length - 4_096)] = (byte)chance.Below(256);
            await File.WriteAllBytesAsync(FilePath, damaged);
            var read = await Store.ReadAsync(CancellationToken.None);
            Assert.InRange(read.Records.Length, 0, 60);
            var models = new DemandModels(new());
            foreach (var record in read.Records)
                models.Recall(record, new(Moment.Origin, DateTimeOffset.UnixEpoch.AddYears(56)));
            await WriteAsync("after");
            Assert.Contains("after", (await Store.ReadAsync(CancellationToken.None)).Records.Select(record => record.Vm.Name));
        }
    }

    [Fact]
    public async Task A_file_of_another_version_is_begun_anew()
    {
        await WriteAsync("a");
        Run("PRAGMA user_version=99");
        Assert.Empty(await NamesAsync(lost: "version 99"));
        await WriteAsync("b");
        Assert.Equal(["b"], await NamesAsync());
    }

    [Fact]
    public async Task A_record_that_can_not_be_read_is_lost_alone()
    {
        await WriteAsync("a", "b", "c", "d", "e");
        Run("update model set record = cast('{}' as blob) where vm = 'a'");
        Run("update model set record = zeroblob(1000000) where vm = 'b'");
        Run("update model set record = 'text' where vm = 'c'");
        Run("update model set record = (select record from model where vm = 'e') where vm = 'd'");
        Assert.Equal(["e"], await NamesAsync(lost: "4 records"));
    }

    [Fact]
    public async Task Another_programs_database_is_left_alone()
    {
        Run("create table customers (name text); insert into customers values ('x')");
        var before = await File.ReadAllBytesAsync(FilePath);
        await Assert.ThrowsAsync<WrongFileException>(() => Store.ReadAsync(CancellationToken.None));
        await Assert.ThrowsAsync<WrongFileException>(() => WriteAsync("a"));
        Assert.Equal(before, await File.ReadAllBytesAsync(FilePath));
    }

    [Fact]
    public async Task A_folder_in_its_place_is_left_alone()
    {
        Directory.CreateDirectory(FilePath);
        await Assert.ThrowsAsync<WrongFileException>(() => Store.ReadAsync(CancellationToken.None));
        await Assert.ThrowsAsync<WrongFileException>(() => WriteAsync("a"));
        Assert.True(Directory.Exists(FilePath));
    }

    [Fact]
    public async Task A_file_that_another_process_locks_is_written_when_it_is_free()
    {
        await WriteAsync("a");
        using (var other = JournalFile.Open(FilePath, TimeSpan.FromSeconds(1)))
        {
            other.Run("begin exclusive");
            await Assert.ThrowsAsync<SqliteException>(() => WriteAsync("b"));
            other.Run("commit");
        }

        await WriteAsync("b");
        Assert.Equal(["a", "b"], await NamesAsync());
    }

    private void Run(string sql)
    {
        using var connection = JournalFile.Open(FilePath, TimeSpan.FromSeconds(5));
        connection.Run(sql);
    }
}
