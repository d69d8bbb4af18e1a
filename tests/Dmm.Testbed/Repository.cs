namespace Dmm.Testbed;

/// <summary>The paths of the project's own files.</summary>
public static class Repository
{
    private const string Mark = "DMM.sln";

    private static readonly Lazy<string> Found = new(Find);

    /// <summary>The folder that holds the solution, above the running program.</summary>
    /// <exception cref="TestbedException">The program runs outside of the project's folder.</exception>
    public static string Root => Found.Value;

    public static string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, Mark)))
                return folder.FullName;
        }

        throw new TestbedException($"no folder above {AppContext.BaseDirectory} holds {Mark}; run this from a clone of DMM");
    }
}
