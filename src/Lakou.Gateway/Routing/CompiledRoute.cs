namespace Lakou.Gateway.Routing;

/// <summary>A route in the tree.</summary>
/// <param name="Name">Unique.</param>
/// <param name="Pattern">What it takes.</param>
/// <param name="Index">Its place as written; says nothing about the order of matching.</param>
internal sealed record CompiledRoute(string Name, RoutePattern Pattern, int Index)
{
    /// <summary>
    /// The order in which routes at one node of the tree are tried, which is the end of the order in <see cref="RouteTree"/>.
    /// The last three steps only make it total, so that it never depends on the order of writing.
    /// </summary>
    public static int CompareAtNode(CompiledRoute left, CompiledRoute right)
    {
        var (a, b) = (left.Pattern, right.Pattern);
        var order = (a.Methods.Length == 0).CompareTo(b.Methods.Length == 0);
        order = order != 0 ? order : b.Headers.Length.CompareTo(a.Headers.Length);
        order = order != 0 ? order : b.Query.Length.CompareTo(a.Query.Length);
        order = order != 0 ? order : b.Priority.CompareTo(a.Priority);
        order = order != 0 ? order : a.ServesHeadByGet.CompareTo(b.ServesHeadByGet);
        order = order != 0 ? order : (b.Regex?.Text.Length ?? 0).CompareTo(a.Regex?.Text.Length ?? 0);
        return order != 0 ? order : string.CompareOrdinal(left.Name, right.Name);
    }
}
