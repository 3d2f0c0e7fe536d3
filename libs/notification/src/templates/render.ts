import Handlebars from 'handlebars';
import type { TemplateParts } from '../contract';

const options = { strict: true, preventIndent: true, knownHelpersOnly: true, knownHelpers: { if: true, unless: true } };

/**
 * A mail from a template that `faultsOf` finds nothing wrong with. In HTML every value is escaped; a subject is one line.
 *
 * @throws Error for a template that uses what `values` does not have
 */
export function render({ subject, text, html }: TemplateParts, values: Readonly<Record<string, string>>): TemplateParts {
  const plain = (source: string) => Handlebars.compile(source, { ...options, noEscape: true })(values);
  return {
    subject: oneLine(plain(subject)),
    text: plain(text),
    html: Handlebars.compile(html, options)(values),
  };
}

/** A line break in a subject would begin another header. */
const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, 250)
    .toWellFormed();
