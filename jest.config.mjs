import { readFileSync } from 'node:fs';

/** As the build compiles, except that specs are not left out. */
const swc = { ...JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8')), exclude: [], swcrc: false };

/** Specs stand beside the code; end-to-end tests in test/. Both talk to real servers whose addresses test/run.mjs puts into the environment. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/migrations', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts', '**/*.e2e.ts'],
  // What needs a machine of its own for minutes: `npm run test:all`.
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.TEST_MATRIX === 'all' ? [] : ['\\.all\\.e2e\\.ts$'])],
  transform: { '^.+\\.[tj]s$': ['@swc/jest', swc] },
  // Modules that only Node can load as they are, not jest.
  transformIgnorePatterns: ['/node_modules/(?!(file-type|strtok3|token-types|uint8array-extras|@tokenizer|@borewit)/)'],
  moduleNameMapper: {
    '^file-type$': '<rootDir>/node_modules/file-type/index.js',
    '^@banyan/domains$': '<rootDir>/libs/domains.ts',
    '^@banyan/([^/]+)/(.*)$': '<rootDir>/libs/$1/src/$2',
  },
  testTimeout: 60_000,
  // What suites leave behind in a process is collected again and again, until that takes seconds: it is left for a fresh one.
  workerIdleMemoryLimit: '800MB',
};
