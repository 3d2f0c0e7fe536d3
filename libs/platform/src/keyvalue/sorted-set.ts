import type { Scored, ScoreRange } from './keyvalue';

/** Where one insertion after the other costs more than sorting everything once. */
const MANY = 64;

/** A set ordered by score, then member, as Redis keeps it. Reads and single writes find their place by bisection. */
export class SortedSet {
  private readonly scores = new Map<string, number>();
  private ordered: Scored[] = [];

  get size(): number {
    return this.scores.size;
  }

  add(entries: readonly Scored[]): void {
    if (entries.length > MANY) {
      for (const { member, score } of entries) this.scores.set(member, score);
      this.ordered = Array.from(this.scores, ([member, score]) => ({ member, score })).sort(compare);
      return;
    }
    for (const { member, score } of entries) {
      this.remove([member]);
      this.scores.set(member, score);
      this.ordered.splice(this.placeOf({ member, score }), 0, { member, score });
    }
  }

  remove(members: readonly string[]): number {
    const before = this.size;
    for (const member of members) {
      const score = this.scores.get(member);
      if (score === undefined) continue;
      if (members.length <= MANY) this.ordered.splice(this.placeOf({ member, score }), 1);
      this.scores.delete(member);
    }
    if (members.length > MANY) this.ordered = this.ordered.filter(({ member }) => this.scores.has(member));
    return before - this.size;
  }

  range({ min, max, limit }: ScoreRange & { limit?: number }): Scored[] {
    const [from, to] = this.bounds({ min, max });
    return this.ordered.slice(from, limit === undefined ? to : Math.min(to, from + limit));
  }

  count(range: ScoreRange): number {
    const [from, to] = this.bounds(range);
    return to - from;
  }

  scoreOf(member: string): number | undefined {
    return this.scores.get(member);
  }

  trim(range: ScoreRange): number {
    const [from, to] = this.bounds(range);
    for (const { member } of this.ordered.splice(from, to - from)) this.scores.delete(member);
    return to - from;
  }

  private bounds({ min = -Infinity, max = Infinity }: ScoreRange): [number, number] {
    const from = this.firstWhere(({ score }) => score >= min);
    return [
      from,
      Math.max(
        from,
        this.firstWhere(({ score }) => score > max),
      ),
    ];
  }

  private placeOf(entry: Scored): number {
    return this.firstWhere((other) => compare(other, entry) >= 0);
  }

  /** The first place at which `holds`, which holds from some place on. */
  private firstWhere(holds: (entry: Scored) => boolean): number {
    let low = 0;
    let high = this.ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.ordered[middle] as Scored)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Members in the order of their UTF-8 bytes, which JavaScript's `<` on texts is not. */
function compare(a: Scored, b: Scored): number {
  return a.score - b.score || (a.member === b.member ? 0 : Buffer.compare(Buffer.from(a.member), Buffer.from(b.member)));
}
