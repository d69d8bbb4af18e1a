using System.Text.RegularExpressions;
using Dmm.Core.Admission;

namespace Dmm.Core.Tests.Admission;

/// <summary>Checks that docs/use/admission.md draws the same table that the code follows.</summary>
public sealed partial class AdmissionDocument
{
    [Fact]
    public void Its_diagram_is_the_table()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "DMM.sln")))
            folder = folder.Parent;
        var text = File.ReadAllText(Path.Combine(folder!.FullName, "docs", "use", "admission.md"));
        var drawn = Arrow().Matches(text).Select(m => (m.Groups[1].Value, m.Groups[2].Value)).Order();
        var table =
            from state in Enum.GetValues<AdmissionState>()
            from step in Enum.GetValues<AdmissionStep>()
            let next = AdmissionLife.After(state, step)
            where next is not null && next != state
            select (state.ToString(), next.ToString()!);
        Assert.Equal(table.Distinct().Order(), drawn);
    }

    [GeneratedRegex(@"^\s+(\w+) --> (\w+)", RegexOptions.Multiline)]
    private static partial Regex Arrow();
}
