import { Kind } from '../contract';
import { kinds, variablesOf } from '../kinds';
import { type Fault, faultsOf } from './check';
import { render } from './render';
import { shipped } from './shipped';

const rules = { variables: ['app', 'name', 'url', 'unsubscribe_url'], needs: ['url'] };
const problems = (part: Fault['part'], source: string) => faultsOf(part, source, rules).map(({ problem }) => problem);

describe('the templates that Banyan ships', () => {
  it.each(Kind.options)('%s is sound, and makes a mail of the example', (kind) => {
    const parts = shipped[kind];
    for (const part of ['subject', 'text', 'html'] as const) {
      expect(faultsOf(part, parts[part], { variables: variablesOf(kind), needs: kinds[kind].needs })).toEqual([]);
    }
    const made = render(parts, { ...kinds[kind].variables, app: 'Example Chat', app_url: 'https://app.example' });
    expect(JSON.stringify(made)).not.toMatch(/\{\{|undefined/);
    expect(made.text).not.toMatch(/<\w/);
  });

  it('only those that are about no security speak of unsubscribing', () => {
    const with_ = Kind.options.filter((kind) => shipped[kind].html.includes('unsubscribe_url'));
    expect(with_).toEqual(Kind.options.filter((kind) => !kinds[kind].isSecurity));
  });
});

describe('a template', () => {
  it.each([
    'Hello {{name}}, {{url}}',
    '{{#if name}}Hello {{name}}{{else}}Hello{{/if}} {{url}} {{! a remark }}',
    '{{#unless name}}Hello{{/unless}} <a href="{{url}}">go</a> <a href="{{unsubscribe_url}}">no</a>',
  ])('is sound: %s', (source) => expect(problems('html', source)).toEqual([]));

  it.each([
    ['{{name', /Parse error/],
    ['{{#if name}} {{url}}', /Parse error/],
    ['{{url}} {{nobody}}', /\{\{nobody\}\} is unknown: there are app, name/],
    ['{{url}} {{name.constructor}}', /is unknown/],
    ['{{url}} {{../name}}', /is unknown/],
    ['{{url}} {{this}}', /is unknown/],
    ['{{url}} {{@root}}', /is unknown/],
    ['{{url}} {{lookup name "constructor"}}', /should stand alone/],
    ['{{url}} {{#each name}}{{this}}{{/each}}', /#each\}\} is not supported/],
    ['{{url}} {{#with name}}x{{/with}}', /#with\}\} is not supported/],
    ['{{url}} {{#if (lookup name "a")}}x{{/if}}', /is unknown/],
    ['{{url}} {{> partial}}', /Partial is not supported/],
    ['{{url}} {{{name}}}', /would not be escaped/],
    ['{{url}} {{&name}}', /would not be escaped/],
    ['nothing', /\{\{url\}\} is missing/],
    ['{{url}} <script>alert(1)</script>', /scripts, frames and forms/],
    ['{{url}} <b onclick="x()">', /onclick/],
    ['{{url}} <a href="{{name}}">', /cannot stand in href/],
    ['{{url}} <a href="javascript:{{name}}">', /cannot stand in href/],
    ['{{url}} <a href="{{#if name}}{{name}}{{/if}}">', /cannot stand in href/],
    ['{{url}} <a title={{name}}>', /needs quotes/],
  ])('is broken: %s', (source, problem) => expect(problems('html', source)).toContainEqual(expect.stringMatching(problem)));

  it('escapes in HTML, not in text, and knows nothing but what it is given', () => {
    const name = '<b>"Ada" & \'co\'</b>';
    const parts = { subject: 'For {{name}}', text: '{{name}}', html: '<p title="{{name}}">{{name}}</p>' };
    const escaped = '&lt;b&gt;&quot;Ada&quot; &amp; &#x27;co&#x27;&lt;/b&gt;';
    expect(render(parts, { name })).toEqual({ subject: `For ${name}`, text: name, html: `<p title="${escaped}">${escaped}</p>` });
    expect(() => render(parts, {})).toThrow('"name" not defined');
    expect(render({ ...parts, subject: '{{name}}' }, { name: 'a\r\nBcc: x@y.example\u2028z' }).subject).toBe('a Bcc: x@y.example z');
    expect(render({ ...parts, subject: '{{name}}' }, { name: '😀'.repeat(500) }).subject.isWellFormed()).toBe(true);
  });
});
