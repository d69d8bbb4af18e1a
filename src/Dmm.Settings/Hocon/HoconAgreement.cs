using Akka.Configuration;
using Akka.Configuration.Hocon;
using Dmm.Hocon;

namespace Dmm.Settings.Hocon;

/// <summary>
/// Compares the written settings with what Akka's parser made of them, so that an unknown fault of that parser can't silently drop
/// settings.
/// </summary>
internal static class HoconAgreement
{
    /// <summary>Returns the path of the first difference; null where there is none.</summary>
    public static string? Difference(HoconSection written, Config read) =>
        written.Members.Count == 0 ? null : Difference(written, read.Root, "");

    private static string? Difference(HoconNode written, HoconValue read, string path)
    {
        switch (written)
        {
            case HoconScalar scalar:
                var text = read.IsObject() || read.IsArray() ? null : read.GetString();
                return text == (scalar.IsNull ? null : scalar.Text) ? null : path;

            // Akka's IsArray is false for an empty list, which has no value of another kind either.
            case HoconList { Items.Count: 0 }:
                return !read.IsObject() && (!read.IsArray() || read.GetArray().Count == 0) ? null : path;

            case HoconList list:
                if (!read.IsArray() || read.GetArray() is not { } items || items.Count != list.Items.Count)
                    return path;
                return list.Items.Select((item, i) => Difference(item, items[i], $"{path}[{i}]")).FirstOrDefault(d => d is not null);

            case HoconSection section:
                if (!read.IsObject())
                    return path;
                var members = read.GetObject().Items;
                if (members.Keys.FirstOrDefault(key => !section.Members.ContainsKey(key)) is { } surplus)
                    return Join(path, surplus);
                return section.Members
                    .Select(m => (m.Value, Path: Join(path, m.Key), Read: members.GetValueOrDefault(m.Key)))
                    .Select(m => m.Read is null ? m.Path : Difference(m.Value, m.Read, m.Path))
                    .FirstOrDefault(d => d is not null);

            default:
                throw new InvalidOperationException($"no such kind of node: {written.GetType().Name}");
        }
    }

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}
