/** JSON as Python reads and writes it, where that differs from JavaScript. */

/** What `json.dumps` makes of it, as it stands in legacy's columns: blanks behind `:` and `,`, and nothing but ASCII. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, member]) => `${pythonJson(key)}: ${pythonJson(member)}`);
    return `{${members.join(', ')}}`;
  }
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return (JSON.stringify(value) ?? 'null').replace(/[\x7f-\uffff]/g, escaped);
}

/** What `json.loads` says about a text, and at which character. */
export class JsonError extends Error {
  constructor(
    message: string,
    readonly position: number,
  ) {
    super(message);
  }
}

/** @throws JsonError */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Reader(text).error();
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

/** Finds the first fault in a text that has one, in the order in which Python's scanner looks. */
class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  error(): JsonError {
    try {
      this.value();
      this.blanks();
    } catch (error) {
      if (error instanceof JsonError) return error;
      throw error;
    }
    return new JsonError('Extra data', this.position(this.at));
  }

  private value(): void {
    this.blanks();
    const char = this.text[this.at];
    if (char === '{') return this.members('}', () => this.member());
    if (char === '[') return this.members(']', () => this.value());
    if (char === '"') return this.string();
    const literal = ['null', 'true', 'false'].find((word) => this.text.startsWith(word, this.at));
    NUMBER.lastIndex = this.at;
    const found = literal ?? NUMBER.exec(this.text)?.[0];
    if (found === undefined) this.fail('Expecting value');
    this.at += found.length;
  }

  private members(close: string, member: () => void): void {
    this.at++;
    this.blanks();
    if (this.text[this.at] !== close) {
      for (;;) {
        member();
        this.blanks();
        if (this.text[this.at] === close) break;
        if (this.text[this.at] !== ',') this.fail("Expecting ',' delimiter");
        this.at++;
      }
    }
    this.at++;
  }

  private member(): void {
    this.blanks();
    if (this.text[this.at] !== '"') this.fail('Expecting property name enclosed in double quotes');
    this.string();
    this.blanks();
    if (this.text[this.at] !== ':') this.fail("Expecting ':' delimiter");
    this.at++;
    this.value();
  }

  private string(): void {
    const begin = this.at++;
    for (; ; this.at++) {
      const char = this.text[this.at];
      if (char === undefined) this.fail('Unterminated string starting at', begin);
      if (char === '"') break;
      if (char < ' ') this.fail('Invalid control character at');
      if (char !== '\\') continue;
      const escape = this.at++;
      if (this.text[this.at] === undefined) this.fail('Unterminated string starting at', begin);
      if (this.text[this.at] === 'u') {
        if (!/^[0-9a-fA-F]{4}$/.test(this.text.slice(this.at + 1, this.at + 5))) this.fail('Invalid \\uXXXX escape');
        this.at += 4;
      } else if (!'"\\/bfnrt'.includes(this.text[this.at]!)) this.fail('Invalid \\escape', escape);
    }
    this.at++;
  }

  private blanks(): void {
    while (' \t\n\r'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private fail(message: string, at = this.at): never {
    throw new JsonError(message, this.position(at));
  }

  /** Python counts characters, not UTF-16 units. */
  private position(at: number): number {
    return [...this.text.slice(0, at)].length;
  }
}
