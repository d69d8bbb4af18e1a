using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Tests.Wire;

public sealed class RealPathTests : IDisposable
{
    private readonly string _folder = RealPath.Of(Directory.CreateTempSubdirectory("dmm-path-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void One_file_has_one_name_by_whatever_links_it_is_reached()
    {
        var file = Path.Combine(_folder, "a", "s.sock");
        Directory.CreateDirectory(Path.Combine(_folder, "a"));
        File.WriteAllText(file, "");
        Directory.CreateSymbolicLink(Path.Combine(_folder, "b"), "a");
        File.CreateSymbolicLink(Path.Combine(_folder, "a", "t.sock"), "../b/s.sock");
        File.CreateSymbolicLink(Path.Combine(_folder, "u.sock"), Path.Combine(_folder, "b/t.sock"));
        foreach (var name in (string[])["a/s.sock", "b/s.sock", "a/t.sock", "u.sock", "b/../a/./s.sock", "a//s.sock"])
            Assert.Equal(file, RealPath.Of(Path.Combine(_folder, name)));
    }

    [Fact]
    public void A_path_that_leads_nowhere_or_in_a_circle_stays_as_it_is()
    {
        Assert.Equal(Path.Combine(_folder, "none/s.sock"), RealPath.Of(Path.Combine(_folder, "none/s.sock")));
        File.CreateSymbolicLink(Path.Combine(_folder, "c"), "d");
        File.CreateSymbolicLink(Path.Combine(_folder, "d"), "c");
        Assert.Equal(Path.Combine(_folder, "c"), RealPath.Of(Path.Combine(_folder, "c")));
    }
}
