using System.Text;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>
/// What stands around the parts of an answer, the same every time.
/// <code>
/// {"order":  part  ,"details":{"stock":  part  ,"reviews":  part  }}
/// literal 0        literal 1             literal 2          literal 3
/// </code>
/// </summary>
/// <param name="Parts">In this order.</param>
/// <param name="Literals">One more than parts.</param>
internal sealed record AnswerFrame(IReadOnlyList<PartPlan> Parts, IReadOnlyList<byte[]> Literals)
{
    /// <param name="parts">As written. A member of members stands with its siblings, where the first of them is.</param>
    /// <param name="clash">Told of each part whose place another has.</param>
    public static AnswerFrame Build(IReadOnlyList<PartPlan> parts, Action<PartPlan, PartPlan> clash)
    {
        var root = new Member("", null);
        foreach (var part in parts)
        {
            if (root.Take(part) is { } other)
            {
                clash(part, other);
            }
        }

        var (order, literals, text) = (new List<PartPlan>(), new List<byte[]>(), new StringBuilder());
        root.Write(text, part =>
        {
            order.Add(part);
            literals.Add(Encoding.ASCII.GetBytes(text.ToString()));
            text.Clear();
        });
        literals.Add(Encoding.ASCII.GetBytes(text.ToString()));
        return new(order, literals);
    }

    private sealed class Member(string name, PartPlan? part)
    {
        private readonly List<Member> _members = [];

        /// <summary>The part whose answer this is, or that comes first below it.</summary>
        private PartPlan First => part ?? _members[0].First;

        /// <returns>Who has the place.</returns>
        public PartPlan? Take(PartPlan taker)
        {
            var at = this;
            foreach (var step in taker.At.SkipLast(1))
            {
                var next = at.Find(step);
                if (next is { IsPart: true })
                {
                    return next.First;
                }

                at = next ?? at.Add(step, null);
            }

            if (at.Find(taker.At[^1]) is { } there)
            {
                return there.First;
            }

            at.Add(taker.At[^1], taker);
            return null;
        }

        /// <summary>Names hold nothing that JSON escapes.</summary>
        public void Write(StringBuilder text, Action<PartPlan> onPart)
        {
            if (part is not null)
            {
                onPart(part);
                return;
            }

            var before = '{';
            foreach (var member in _members)
            {
                text.Append(before).Append('"').Append(member.Name).Append("\":");
                member.Write(text, onPart);
                before = ',';
            }

            text.Append('}');
        }

        private bool IsPart => part is not null;

        private string Name => name;

        private Member? Find(string wanted) => _members.Find(member => member.Name == wanted);

        private Member Add(string child, PartPlan? of)
        {
            var member = new Member(child, of);
            _members.Add(member);
            return member;
        }
    }
}
