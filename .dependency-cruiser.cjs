/**
 * Who may import whom, made from libs/domains.ts. Imports point one way:
 * apps → migration → domains → other domains' contract/ → platform.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { transformSync } = require('@swc/core');

function loadDomains() {
  const source = readFileSync(join(process.cwd(), 'libs/domains.ts'), 'utf8');
  const { code } = transformSync(source, {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  const module = { exports: {} };
  new Function('module', 'exports', code)(module, module.exports);
  return module.exports.domains;
}

const domains = loadDomains();
const names = Object.keys(domains);
const anyOf = (list) => `(?:${list.join('|')})`;
const spec = '\\.(spec|e2e|suite)\\.ts$';
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const perDomain = names.flatMap((name) => {
  const others = names.filter((other) => other !== name);
  const uncalled = others.filter((other) => !domains[name].calls.includes(other));
  const inside = `^libs/${name}/src/`;
  return [
    rule(
      `${name}-only-contracts`,
      'Of another domain only its contract/ may be imported.',
      { path: inside, pathNot: spec },
      { path: `^libs/${anyOf(others)}/`, pathNot: `^libs/${anyOf(others)}/src/contract/` },
    ),
    ...(uncalled.length > 0
      ? [
          rule(
            `${name}-calls-only`,
            `libs/domains.ts does not say that ${name} calls these; only their events may be heard, in *.handlers.ts.`,
            { path: inside, pathNot: `${spec}|\\.handlers\\.ts$` },
            { path: `^libs/${anyOf(uncalled)}/src/contract/` },
          ),
          rule(
            `${name}-hears-events-only`,
            'Handlers hear the events of domains that are not called, nothing else.',
            { path: `${inside}.*\\.handlers\\.ts$` },
            { path: `^libs/${anyOf(uncalled)}/src/contract/`, pathNot: '/contract/events\\.ts$' },
          ),
        ]
      : []),
  ];
});

module.exports = {
  forbidden: [
    rule('no-cycles', 'A cycle means that a boundary is in the wrong place.', {}, { circular: true }),
    rule(
      'platform-knows-no-domain',
      'The platform serves every domain and knows none.',
      { path: '^libs/platform/', pathNot: spec },
      { path: `^(apps|migrations|test|libs/(?!platform/|domains\\.ts))` },
    ),
    rule(
      'domains-know-no-app',
      'Domains do not know who starts them.',
      { path: `^libs/${anyOf(names)}/`, pathNot: spec },
      { path: '^(apps|migrations|test|libs/migration)/' },
    ),
    rule(
      'migration-knows-no-app',
      'The migration does not know who starts it.',
      { path: '^libs/migration/', pathNot: spec },
      { path: '^(apps|test)/' },
    ),
    rule(
      'contracts-are-data',
      'A contract is data: zod and other contracts.',
      { path: '^libs/[^/]+/src/contract/', pathNot: `${spec}|^libs/platform/` },
      { pathNot: '^libs/[^/]+/src/contract/|(^|/)node_modules/zod/|^node:|^(crypto|url)$' },
    ),
    rule(
      'controllers-know-no-store',
      'A controller hands over to the service.',
      { path: '\\.controller\\.ts$' },
      { path: '\\.store\\.ts$' },
    ),
    rule(
      'handlers-know-no-store',
      'A handler hands over to the service.',
      { path: '^libs/(?!platform).*\\.handlers\\.ts$' },
      { path: '\\.store\\.ts$' },
    ),
    rule(
      'stores-know-sql-only',
      'A store has no clients and hears no events.',
      { path: '\\.store\\.ts$' },
      { path: '^libs/platform/src/(dispatch|events|edge|keyvalue)/' },
    ),
    rule(
      'only-the-edge-knows-http',
      'Domains do not know HTTP.',
      { path: `^libs/${anyOf(names)}/`, pathNot: spec },
      { path: '^libs/platform/src/edge/|(^|/)node_modules/(fastify|@nestjs/platform-fastify)/' },
    ),
    rule(
      'no-unresolvable',
      'An import that resolves to nothing (programs of the bench load what was built).',
      { pathNot: '^test/bench/.*\\.mjs$' },
      { couldNotResolve: true },
    ),
    ...perDomain,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
