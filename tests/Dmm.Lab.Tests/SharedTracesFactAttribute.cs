namespace Dmm.Lab.Tests;

/// <summary>A test on real VMs' traces, which are not part of the project: it is skipped, with the reason, if they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedTracesFactAttribute : FactAttribute
{
    public SharedTracesFactAttribute()
    {
        if (Folder is null)
            Skip = "no traces in ../shared/traces beside the checkout: real VMs' traces are not part of the project";
    }

    public static string? Folder
    {
        get
        {
            for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "DMM.sln")))
                {
                    var traces = Path.Combine(at.FullName, "..", "shared", "traces");
                    return Directory.Exists(traces) ? traces : null;
                }
            }

            return null;
        }
    }
}
