using System.Text;

namespace Lakou.Http.Tests.Fields;

public sealed class KnownFieldsTests
{
    public static TheoryData<KnownField> All => [.. Enum.GetValues<KnownField>().Where(known => known != KnownField.Other)];

    [Theory]
    [MemberData(nameof(All))]
    public void A_field_is_found_by_its_name_in_any_case(KnownField field)
    {
        var name = KnownFields.NameOf(field);

        Assert.Equal(field.ToString(), name.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        Assert.Equal(name, Encoding.ASCII.GetString(KnownFields.BytesOf(field)));
        foreach (var spelling in (string[])[name, name.ToUpperInvariant(), name.ToLowerInvariant()])
        {
            Assert.Equal(field, KnownFields.Of(spelling));
            Assert.Equal(field, KnownFields.Of(Encoding.ASCII.GetBytes(spelling)));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_name_that_differs_in_one_byte_is_another(KnownField field)
    {
        for (var i = 0; i < KnownFields.NameOf(field).Length; i++)
        {
            var name = KnownFields.BytesOf(field).ToArray();
            name[i] = (byte)'!';
            Assert.Equal(KnownField.Other, KnownFields.Of(name));
            Assert.Equal(KnownField.Other, KnownFields.Of(Encoding.ASCII.GetString(name)));
        }
    }

    [Fact]
    public void Case_is_a_matter_of_letters_only()
    {
        // '@' and '`', '-' and CR differ in the bit that tells a letter's case.
        Assert.Equal(KnownField.Other, KnownFields.Of("Content\rLength"u8));
        Assert.Equal(KnownField.Other, KnownFields.Of(""u8));
        Assert.Equal(KnownField.Other, KnownFields.Of(new string('a', 1000)));
        Assert.Equal(KnownField.Other, KnownFields.Of("\u212aeep-Alive")); // the Kelvin sign folds to k elsewhere
    }

    [Fact]
    public void The_fields_of_one_connection_are_these() => Assert.Equal(
        [
            KnownField.Connection, KnownField.Http2Settings, KnownField.KeepAlive, KnownField.ProxyAuthenticate, KnownField.ProxyAuthorization,
            KnownField.ProxyConnection, KnownField.Te, KnownField.Trailer, KnownField.TransferEncoding, KnownField.Upgrade,
        ],
        Enum.GetValues<KnownField>().Where(KnownFields.IsHopByHop));

    [Fact]
    public void All_known_fields_fit_into_one_word() => Assert.True(Enum.GetValues<KnownField>().Length <= 64);
}
