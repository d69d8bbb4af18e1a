using Spectre.Console;
using Spectre.Console.Rendering;

namespace Dmm.Commands.Output;

/// <summary>Single lines with a highlighted beginning.</summary>
public static class Lines
{
    /// <summary>Returns a line with its line end; <paramref name="head"/> is in <paramref name="style"/>.</summary>
    public static IRenderable Of(string head, string text, Style style) =>
        new Paragraph(head, style).Append(Plain.Of(text), Style.Plain).Append("\n");
}
