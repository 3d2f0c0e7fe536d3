import Handlebars from 'handlebars';

/** A part of a template and what is wrong with it, in words for the admin who wrote it. */
export interface Fault {
  readonly part: 'subject' | 'text' | 'html';
  readonly problem: string;
}

/** The little of Handlebars that a mail needs. What can neither loop, nor reach into objects, nor write unescaped, can harm nobody. */
const BLOCKS = ['if', 'unless'];

/** Values of these are addresses made by this server; a name there could be `javascript:…`. */
const LINK_VARIABLES = /^(?:\w+_)?url$/;

interface Rules {
  readonly variables: readonly string[];
  readonly needs: readonly string[];
}

/** What keeps this text from being a template; nothing if it is one. */
export function faultsOf(part: Fault['part'], source: string, { variables, needs }: Rules): Fault[] {
  const fault = (problem: string): Fault => ({ part, problem });
  let program: hbs.AST.Program;
  try {
    program = Handlebars.parse(source);
  } catch (error) {
    return [fault(firstLines(error))];
  }
  const found: Fault[] = [];
  const used = new Set<string>();
  const name = (path: hbs.AST.Expression): string | undefined => {
    const { type, original } = path as hbs.AST.PathExpression;
    if (type === 'PathExpression' && variables.includes(original)) {
      used.add(original);
      return original;
    }
    found.push(fault(`{{${String(original)}}} is unknown: there are ${variables.join(', ')}`));
    return undefined;
  };
  const visit = (statements: readonly hbs.AST.Statement[]): void => {
    for (const statement of statements) {
      if (statement.type === 'ContentStatement' || statement.type === 'CommentStatement') continue;
      if (statement.type === 'MustacheStatement') {
        const { path, params, hash, escaped } = statement as hbs.AST.MustacheStatement;
        if (params.length > 0 || hash?.pairs.length > 0) found.push(fault(`{{${nameOf(path)} …}} should stand alone`));
        else name(path);
        if (!escaped && part === 'html') found.push(fault(`{{{${nameOf(path)}}}} would not be escaped: write {{${nameOf(path)}}}`));
      } else if (statement.type === 'BlockStatement') {
        const { path, params, hash, program: inner, inverse } = statement as hbs.AST.BlockStatement;
        if (!BLOCKS.includes(nameOf(path)) || params.length !== 1 || hash?.pairs.length > 0)
          found.push(fault(`{{#${nameOf(path)}}} is not supported: there are {{#if name}} and {{#unless name}}`));
        else name(params[0]!);
        visit(inner?.body ?? []);
        visit(inverse?.body ?? []);
      } else {
        found.push(fault(`${statement.type.replace('Statement', '')} is not supported`));
      }
    }
  };
  visit(program.body);
  if (part === 'html') found.push(...faultsOfHtml(source).map(fault));
  if (part !== 'subject') for (const needed of needs) if (!used.has(needed)) found.push(fault(`{{${needed}}} is missing`));
  return found;
}

/** Mail programs run no scripts; a template that has one is a mistake or worse. */
function faultsOfHtml(source: string): string[] {
  const found: string[] = [];
  if (/<\s*(?:script|iframe|object|embed|form)\b/i.test(source)) found.push('scripts, frames and forms have no place in a mail');
  if (/\son\w+\s*=/i.test(source)) found.push('attributes such as onclick have no place in a mail');
  for (const [, , address = ''] of source.matchAll(/\b(?:href|src|action|background)\s*=\s*(["'])([^]*?)\1/gi)) {
    for (const [whole, variable] of address.matchAll(/\{\{(.*?)\}\}/g)) {
      if (!LINK_VARIABLES.test(variable!)) found.push(`${whole} is no address: it cannot stand in href or src`);
    }
  }
  if (/<[^<>]*=\s*\{\{/.test(source)) found.push('an attribute with {{…}} needs quotes');
  return found;
}

const nameOf = (path: hbs.AST.Expression): string => String((path as hbs.AST.PathExpression).original);

/** A parser's message begins with the line and a picture of the place. */
function firstLines(error: unknown): string {
  return error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ').slice(0, 300) : 'unreadable';
}
