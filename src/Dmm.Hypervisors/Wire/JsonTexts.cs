using System.Text.Json;
using System.Text.Unicode;

namespace Dmm.Hypervisors.Wire;

/// <summary>
/// JSON can be parsed although its texts can't be read: bad UTF-8, and halves of surrogate pairs. Whoever asks such a document for a member
/// gets an exception, even if the member is another one. So an answer is checked as a whole, before anybody reads it.
/// </summary>
internal static class JsonTexts
{
    /// <param name="json">Valid JSON.</param>
    public static bool CanBeRead(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
            return false;
        if (json.IndexOf("\\u"u8) < 0)
            return true;
        try
        {
            var reader = new Utf8JsonReader(json);
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String && reader.ValueIsEscaped)
                    reader.GetString();
            }

            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
