using System.Text;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>A Set-Cookie field, made once for all answers that carry it.</summary>
internal sealed class SetCookie(string value)
{
    private readonly byte[] _bytes = Encoding.ASCII.GetBytes(value);

    public void AddTo(IHeaderDictionary headers)
    {
        if (headers is FieldTable fields)
        {
            fields.Append(KnownField.SetCookie, _bytes);
        }
        else
        {
            headers.Append("Set-Cookie", value);
        }
    }
}
