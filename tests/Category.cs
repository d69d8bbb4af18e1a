namespace Dmm;

/// <summary>
/// Part of every test project. <c>[Trait(Category.Name, Category.Long)]</c> is on campaigns: <c>make test</c> alone runs them, after all
/// others.
/// </summary>
internal static class Category
{
    public const string Name = "Category";

    /// <summary>The same as a quick test shows, over many more histories, seeds or places; or what takes seconds by its nature.</summary>
    public const string Long = "Long";
}
